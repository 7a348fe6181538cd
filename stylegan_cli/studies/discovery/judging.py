"""Scores of images: by classifiers of attributes, or computed from their pixels."""

import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Protocol, runtime_checkable

import numpy as np
from jaxtyping import Float32

from stylegan_cli.directions.population import layers_of, population, sampled
from stylegan_cli.errors import DataError, UsageError, meant_or_all
from stylegan_cli.latents.labels import chosen_class
from stylegan_cli.latents.lookup import codes_of_picks
from stylegan_cli.latents.references import parse_picks
from stylegan_cli.latents.sampling import PLAIN, codes_of_seeds
from stylegan_cli.networks.execution import default_batch_size
from stylegan_cli.networks.snapshot import Network
from stylegan_cli.shapes import Images, Scores
from stylegan_cli.texts import table_in

if TYPE_CHECKING:
    from torch import Tensor

CLASS_CODES = 5000


@runtime_checkable
class Judge(Protocol):
    """Whatever scores images: higher means more of a thing."""

    @property
    def names(self) -> tuple[str, ...]: ...
    def logits(self, images: Images) -> Scores: ...


@dataclass(frozen=True, kw_only=True)
class Scored:
    """Codes and what a judge says of their images.

    Attributes:
        codes: w, or z where the network has none.
    """

    names: tuple[str, ...]
    codes: Float32[np.ndarray, "n dim"]
    scores: Float32[np.ndarray, "n attributes"]

    @property
    def count(self) -> int:
        """Return how many codes were scored."""
        return len(self.codes)

    @property
    def made(self) -> "Scored":
        """Return the scores, as `Scoring` does."""
        return self

    def chosen(self, names: Sequence[str]) -> "Scored":
        """Return the scores of these names, in their order."""
        places = [score_position(self.names, name) for name in names]
        return replace(self, names=tuple(names), scores=self.scores[:, places])


@dataclass(frozen=True, kw_only=True)
class Scoring:
    """Scores of codes that are made when they are first needed.

    Attributes:
        count: Codes to score.
    """

    names: tuple[str, ...]
    count: int
    make: Callable[[], Scored]

    @cached_property
    def made(self) -> Scored:
        """Return the scores."""
        return self.make()

    def chosen(self, names: Sequence[str]) -> "Scoring":
        """Return the scores of these names, in their order."""
        for name in names:
            score_position(self.names, name)
        return replace(self, names=tuple(names), make=lambda: self.made.chosen(names))


def scored(
    network: Network,
    judge: Judge,
    count: int,
    *,
    class_index: int | None = None,
    batch_size: int | None = None,
) -> Iterator[Scored]:
    """Yield codes of a network, not truncated, with scores of their images in fixed noise."""
    import torch

    from stylegan_cli.rendering.render import draw_images

    G = network.G
    size = batch_size or default_batch_size(G.size)
    for batch in sampled(network, count, class_index=class_index, seed=1):
        for start in range(0, len(batch.w), size):
            rows = slice(start, start + size)
            with torch.no_grad():
                images = draw_images(G, layers_of(network, batch.w[rows]), "const")
                scores = judge.logits(images).float().cpu().numpy()
            yield Scored(names=judge.names, codes=batch.codes[rows], scores=scores)


def join_scored(parts: Sequence[Scored]) -> Scored:
    """Join several tables to one."""
    return Scored(
        names=parts[0].names,
        codes=np.concatenate([part.codes for part in parts]),
        scores=np.concatenate([part.scores for part in parts]),
    )


def scores_of_csv(network: Network, path: Path) -> Scoring:
    """Read scores of seeds: a line of headings, then a seed and its scores each.

    Raises:
        DataError: The file is missing, or not such a table.
    """
    rows = table_in(path)
    if len(rows) < 2 or len(rows[0]) < 2:
        raise DataError(f"{path}: needs a line of headings, then a seed and its scores on each")
    try:
        numbers = [(int(row[0]), [float(word or "nan") for word in row[1:]]) for row in rows[1:]]
        scores = np.array([values for _, values in numbers], np.float32)
    except ValueError as error:
        raise DataError(f"{path}: seeds and scores are numbers ({error})") from None
    if scores.ndim != 2 or scores.shape[1] != len(rows[0]) - 1:
        raise DataError(f"{path}: every line needs {len(rows[0])} columns, as its headings have")
    names = tuple(rows[0][1:])

    def make() -> Scored:
        codes = codes_of_seeds(network, [seed for seed, _ in numbers], PLAIN)
        dims = codes.ws[:, 0] if network.G.has_w else codes.z
        assert dims is not None
        return Scored(names=names, codes=dims, scores=scores)

    return Scoring(names=names, count=len(numbers), make=make)


@dataclass(frozen=True, kw_only=True)
class Properties:
    """A judge that needs no training: properties of pixels.

    Attributes:
        names: Among those of `PROPERTIES`; `UsageError` names another.
    """

    names: tuple[str, ...]

    def __post_init__(self) -> None:
        for name in self.names:
            if name not in PROPERTIES:
                known = meant_or_all(name, tuple(PROPERTIES))
                raise UsageError(f"{name}: unknown property of pixels{known}")

    def logits(self, images: Images) -> Scores:
        """Return the properties of images in [−1, 1]."""
        import torch

        unit = (images.float().clamp(-1, 1) + 1) / 2
        rgb = unit if unit.shape[1] == 3 else unit[:, :1].expand(-1, 3, -1, -1)
        return torch.stack([PROPERTIES[name](rgb) for name in self.names], dim=1)


@dataclass(frozen=True, kw_only=True)
class Judges:
    """Several judges as one."""

    judges: tuple[Judge, ...]

    @property
    def names(self) -> tuple[str, ...]:
        return tuple(name for judge in self.judges for name in judge.names)

    def logits(self, images: Images) -> Scores:
        """Return what each of them says, side by side."""
        import torch

        return torch.cat([judge.logits(images) for judge in self.judges], dim=1)


def plain_name(name: str) -> str:
    """Return an attribute's name without signs that references use, such as `hair-bun`."""
    return re.sub(r"[^\w.+-]+", "-", name).strip("-")


def score_position(names: Sequence[str], name: str) -> int:
    """Return the position of the score of this name."""
    if name not in names:
        known = meant_or_all(name, tuple(names), offer="there is")
        raise UsageError(f"{name}: no score has that name{known}")
    return list(names).index(name)


def codes_of_pole(network: Network, text: str) -> Float32[np.ndarray, "n dim"]:
    """Return codes that have something in common: seeds, codes in files, or `class:NAME`.

    Of codes with a w for each layer, the mean of these.
    """
    if text.startswith("class:"):
        index = chosen_class(network, text.removeprefix("class:"))
        return population(network, CLASS_CODES, class_index=index).codes
    codes = codes_of_picks(network, parse_picks(text), PLAIN).codes
    if codes.style_offsets is not None:
        raise UsageError(
            f"{text}: moves style channels beside its codes, which no w tells; project in w+"
        )
    if network.G.has_w:
        return np.asarray(codes.ws.mean(axis=1))
    return codes.ws[:, 0, : network.G.z_dim]


def _edges(rgb: "Tensor") -> "Tensor":
    grey = rgb.mean(dim=1)
    across, along = grey.diff(dim=2).abs().mean((1, 2)), grey.diff(dim=1).abs().mean((1, 2))
    return across + along


def _foreground(rgb: "Tensor") -> "Tensor":
    """Return each pixel's distance from the background: the median colour of the border."""
    import torch

    frame = torch.cat([rgb[:, :, 0], rgb[:, :, -1], rgb[:, :, :, 0], rgb[:, :, :, -1]], dim=2)
    ground = frame.median(dim=2).values[:, :, None, None]
    return (rgb - ground).abs().sum(dim=1) + 1e-6


def _centre(rgb: "Tensor", axis: int) -> "Tensor":
    """Return the position of the foreground, 0 to 1 along an axis."""
    import torch

    weight = _foreground(rgb)
    along = torch.linspace(0, 1, weight.shape[axis], device=rgb.device)
    share = weight.sum(dim=3 - axis)
    return (share * along).sum(dim=1) / share.sum(dim=1)


PROPERTIES: Mapping[str, "Callable[[Tensor], Tensor]"] = {
    "brightness": lambda rgb: rgb.mean((1, 2, 3)),
    "contrast": lambda rgb: rgb.mean(dim=1).std((1, 2)),
    # the strongest colour beside the weakest
    "saturation": lambda rgb: (rgb.amax(dim=1) - rgb.amin(dim=1)).mean((1, 2)),
    # redder than blue: a hue without a jump
    "warmth": lambda rgb: (rgb[:, 0] - rgb[:, 2]).mean((1, 2)),
    "edges": _edges,
    "symmetry": lambda rgb: -(rgb - rgb.flip(3)).abs().mean((1, 2, 3)),
    "center-x": lambda rgb: _centre(rgb, 2),
    "center-y": lambda rgb: _centre(rgb, 1),
    "size": lambda rgb: (_foreground(rgb) > 0.2).float().mean((1, 2)),
}
"""Properties of pixels that can be scores."""
