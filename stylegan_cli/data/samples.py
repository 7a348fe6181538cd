"""Sample data sets that are drawn when they are needed: labelled portraits by DiceBear."""

import io
import json
import re
from collections import deque
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from functools import cached_property
from importlib.resources import files
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np
from PIL import Image

from stylegan_cli.data import Entry, Source
from stylegan_cli.data.decoding import Upright
from stylegan_cli.data.pictures import Target, check_resolution
from stylegan_cli.data.prepare import Preparation, prepare
from stylegan_cli.errors import UsageError, meant_or_all
from stylegan_cli.files import cache_folder, put_in_place, writing

KINDS = ("portraits",)
DRAWN = "sample:"
USUAL_STYLE = "toon-head"
USUAL_COUNT = 1_000
USUAL_GRAIN = 0.07


class PortraitSource(Source):
    """Portraits in one of DiceBear's styles; image i depends on (seed, i) only.

    The paint lies on the paper with a grain: its density varies from pixel to pixel, by chance.
    The drawings themselves leave nothing to chance, so a network would have no use for noise.

    Attributes:
        prepared: Style, grain, seed, author and licence of the drawings.
    """

    def __init__(
        self,
        count: int,
        *,
        resolution: int | str,
        seed: int = 0,
        style: str = USUAL_STYLE,
        grain: float = USUAL_GRAIN,
    ) -> None:
        """Take the grain as the standard deviation of the paint's density; 0 draws flat areas."""
        from dicebear import Avatar, Style
        from resvg_py import svg_to_bytes

        self.name = f"portraits ({style})"
        self.count = count
        self._side = check_resolution(resolution).longer
        self._seed, self._grain = seed, grain
        self._style = Style(_style_definition(style))
        self._avatar = Avatar
        self._draw = svg_to_bytes
        meta = self._style.meta()
        self.prepared: Mapping[str, Any] = {
            "style": style,
            "grain": grain,
            "seed": seed,
            "author": str(meta.creator().name()),
            "licence": str(meta.license().name()),
            "licence_url": str(meta.license().url()),
        }

    def entries(self) -> Iterator[Entry]:
        for position in range(self.count):
            options = self._portrait(position)["options"]
            yield Entry(
                name=f"{position:08d}",
                position=position,
                attributes={key: _value(options, name) for key, name in self._columns.items()},
            )

    @contextmanager
    def open(self, entry: Entry) -> Iterator[Upright]:
        svg = self._portrait(entry.position)["svg"]
        png = self._draw(svg_string=svg, skip_system_fonts=True)
        pixels = np.array(Image.open(io.BytesIO(png)).convert("RGBA"))
        chance = np.random.default_rng((self._seed % 2**64, entry.position))
        density = 1.0 + self._grain * chance.standard_normal((*pixels.shape[:2], 1))
        paint = 255.0 - pixels[..., :3]
        pixels[..., :3] = (255.0 - paint * density).round().clip(0, 255)
        yield Upright(Image.fromarray(pixels))

    def _portrait(self, position: int) -> Any:
        options = {"seed": f"{self._seed}-{position}", "size": self._side}
        return self._avatar(self._style, options).to_json()

    @cached_property
    def _columns(self) -> dict[str, str]:
        """DiceBear's name of every part of a portrait that can differ, by ours."""
        parts = {
            _snake_case(name): f"{name}Variant"
            for name, part in self._style.components().items()
            if len(part.variants()) > 1 or part.probability() < 100
        }
        colours = {
            f"{_snake_case(name)}_color": f"{name}Color"
            for name, colour in self._style.colors().items()
            if len(colour.values()) > 1
        }
        return parts | colours


def style_names() -> list[str]:
    """Return the names of DiceBear's styles, sorted."""
    names = (item.name for item in files("dicebear_styles").iterdir())
    return sorted(name.removesuffix(".json") for name in names if name.endswith(".json"))


def drawn(
    kind: str,
    count: int,
    *,
    resolution: int | str,
    seed: int = 0,
    style: str = USUAL_STYLE,
    grain: float = USUAL_GRAIN,
) -> PortraitSource:
    """Return the source of a kind of drawn images."""
    if kind not in KINDS:
        raise UsageError(f"{kind}: no kind of sample{meant_or_all(kind, KINDS, offer='there is')}")
    if not 0.0 <= grain <= 1.0:
        raise UsageError("must be from 0 to 1", parameter="grain", value=str(grain))
    return PortraitSource(count, resolution=resolution, seed=seed, style=style, grain=grain)


def drawn_path(
    path: str, *, resolution: int | str, channels: int = 3, count: int = USUAL_COUNT
) -> str:
    """Return the path of a data set; `sample:KIND` or `sample:KIND/STYLE` is drawn once, and kept.

    Raises:
        UsageError: No such kind or style.
        OutputError: The cache cannot be written.
    """
    if not path.startswith(DRAWN):
        return path
    target = Target(resolution=resolution, channels=channels)
    kind, _, other = path.removeprefix(DRAWN).partition("/")
    style, folder = other or USUAL_STYLE, cache_folder()
    name = f"{kind}-{style}-grain{USUAL_GRAIN}-{target.resolution}px-{channels}ch-{count}-0.zip"
    file = folder / name
    if file.exists():
        return str(file)
    source = drawn(kind, count, resolution=resolution, style=style)
    with writing(file):
        folder.mkdir(parents=True, exist_ok=True)
        # the processes of a run may draw the same bytes side by side
        with TemporaryDirectory(dir=folder) as own:
            part = Path(own) / file.name
            deque(prepare([source], Preparation(destination=part, target=target)), maxlen=0)
            put_in_place(part, file)
    return str(file)


def _style_definition(style: str) -> dict[str, Any]:
    names = style_names()
    if style not in names:
        known = meant_or_all(style, names, offer="it has")
        raise UsageError(f"DiceBear has no such style{known}", parameter="style", value=style)
    file = files("dicebear_styles") / f"{style}.json"
    definition: dict[str, Any] = json.loads(file.read_text("utf-8"))
    return definition


def _value(options: Mapping[str, Any], name: str) -> str:
    """Return a part's variant or colour; "none" for a part that the portrait lacks."""
    value = options.get(name) or "none"
    return "-".join(value) if isinstance(value, list) else str(value)


def _snake_case(name: str) -> str:
    return re.sub(r"(?<=[a-z0-9])(?=[A-Z])", "_", name).lower()
