"""The tools of a projection: network and detector that search, draw and measure."""

from collections.abc import Sequence
from dataclasses import replace
from functools import cached_property
from pathlib import Path
from typing import Literal

import numpy as np
import torch
from torch import Tensor

from stylegan_cli.detectors.registry import open_detector
from stylegan_cli.errors import UsageError
from stylegan_cli.latents.codes import Codes
from stylegan_cli.latents.labels import usual_label
from stylegan_cli.latents.lookup import codes_of_picks
from stylegan_cli.latents.sampling import PLAIN, noise_seed_of_code
from stylegan_cli.networks.generator import Generator
from stylegan_cli.networks.snapshot import Network, load_network
from stylegan_cli.rendering.render import draw_codes, to_images, to_pixels
from stylegan_cli.shapes import Labels, Picture
from stylegan_cli.studies.projection.findings import (
    grown_images,
    lpips_name,
    ms_ssim,
    psnr,
    scale_count,
)
from stylegan_cli.studies.projection.objective import enlarge, views
from stylegan_cli.studies.projection.options import (
    Choices,
    ProjectionOptions,
    Start,
    settle,
)
from stylegan_cli.studies.projection.pictures import Album, Subject
from stylegan_cli.studies.projection.search import Search
from stylegan_cli.studies.projection.spaces import Statistics, distances, statistics
from stylegan_cli.studies.projection.states import PictureBatch, Record

TRIAL_STEPS, TRIAL_CANDIDATES = 50, 100
"""Of the search in each class before one is chosen."""


class Workshop:
    """Searches and measures for the pictures of an album.

    Attributes:
        G: The network's generator with gradients.
        choices: The options, settled.
        noise: Noise of images without their own.
        batch: Pictures at once: by default 8, fewer above 256 px, more on a GPU; results of another
            number differ in the last digits.

    Args:
        network: Ready to draw, as commands draw with it.
        detector: VGG16 if not given and its weights are here, else AlexNet, which ships.

    Raises:
        UsageError: The network does not support an option, or there is no such detector.
        WeightsError: The detector's weights are not here.
    """

    def __init__(
        self,
        network: Network,
        album: Album,
        options: ProjectionOptions,
        *,
        detector: str | None = None,
        batch_size: int | None = None,
    ) -> None:
        self.device = network.G.mapping.w_avg.device
        self.network, self.album = network, album
        self.detector = open_detector(detector, purpose="distance", device=self.device)
        self.choices = settle(network, options, self.detector.name)
        self.G = load_network(network.path, self.device).G
        many, pixels = (32, 2**21) if self.device.type == "cuda" else (8, 2**19)
        self.batch = batch_size or max(1, min(many, pixels // self.G.grown_size.area))
        wanted = self.choices.noise != "none" and network.G.has_noise
        self.noise: Literal["const", "none"] = "const" if wanted else "none"
        self._known: dict[int | None, Statistics] = {}

    def search(
        self,
        subjects: Sequence[Subject],
        class_index: int | None,
        state: Path | None = None,
        choices: Choices | None = None,
    ) -> Search:
        """Return the search for these pictures, as one batch.

        Args:
            state: Path of saved progress.
            choices: Other choices than the projection's.
        """
        device, mask = self.device, self.album.mask
        pixels = torch.from_numpy(np.stack([subject.load() for subject in subjects])).to(device)
        weights = None
        if mask is not None:
            weights = torch.from_numpy(mask).to(device)[None, None].expand(len(subjects), 1, -1, -1)
        start, offsets = self._start(subjects)
        batch = PictureBatch(
            keys=tuple(subject.key for subject in subjects),
            targets=to_images(pixels),
            label=self.label(class_index),
            mask=weights,
            start=start,
            offsets=offsets,
        )
        return Search(
            self.G,
            choices or self.choices,
            self.detector.network.embed,
            batch,
            statistics=self.statistics(class_index),
            state=state,
        )

    def measured(
        self, subject: Subject, found: Record, name: str, class_index: int | None
    ) -> Record:
        """Return what was found of a picture with all that is stored beside it."""
        lpips = lpips_name(self.detector.name)
        root, codes, target = found.cells["/"], found.codes, subject.load()
        step = self.network.G.size.height // len(target)
        target = target.repeat(step, axis=0).repeat(step, axis=1)
        beside = root.get("style_trajectory")
        path = replace(
            codes,
            ws=root["trajectory"][:1],
            style_offsets=None if beside is None else beside[:1],
            own_noise=None,
        )
        image, start = self.draw(codes), self.draw(path)
        plain = image if codes.own_noise is None else self.draw(replace(codes, own_noise=None))
        measures = {
            lpips: self.distance(image, target),
            "psnr": psnr(image, target),
            "ms_ssim": ms_ssim(image, target),
            "scales": scale_count(self.network.G.grown_size.shorter),
            **self._how_far_out(codes, subject, self.statistics(class_index)),
            f"{lpips}_plain": self.distance(plain, target),
            f"{lpips}_start": self.distance(start, target),
            "steps": np.isfinite(root["loss"]).sum(),
        }
        quad = np.full((4, 2), np.nan) if subject.quad is None else subject.quad
        cells = {
            "/": {
                "images": image,
                **root,
                "noise_seed": np.asarray(noise_seed_of_code(root["ws"]), np.int64),
                "quad": quad.astype(np.float64),
            },
            "targets": {"images": target},
            "starts": {"images": start},
            "plain": {"images": plain},
            "measures": {key: np.asarray(value, np.float32) for key, value in measures.items()},
        }
        label = self.label(class_index)
        if label.size:
            cells["/"]["labels"] = label[0]
        return Record(name=name, cells=cells)

    def draw(self, codes: Codes, G: Generator | None = None) -> Picture:
        """Draw the image of a code alone, so that it has the same bits wherever it is drawn.

        Args:
            G: Another generator than the network's.
        """
        image: Picture = to_pixels(draw_codes(G or self.network.G, codes, self.noise))[0]
        return image

    def distance(self, a: Picture, b: Picture) -> float:
        """Return LPIPS of two pictures; of RGBA, the sum of colours on grey and of alpha."""
        left, right = (views(enlarge(grown_images(self.network.G, each))) for each in (a, b))
        pairs = zip(left, right, strict=True)
        return sum(
            self.detector.distance((x + 1) * 127.5, (y + 1) * 127.5).item() for x, y in pairs
        )

    def classes(self, subjects: Sequence[Subject]) -> list[int | None]:
        """Return the class of each picture; the nearest one if it is to be found."""
        if not self.choices.class_auto:
            return [self.choices.class_index] * len(subjects)
        size = self.batch
        parts = [subjects[start : start + size] for start in range(0, len(subjects), size)]
        nearest: list[int | None] = []
        for part in parts:
            found = [self._trial(part, number) for number in range(self.network.c_dim)]
            nearest += [int(number) for number in np.argmin(found, axis=0)]
        return nearest

    def label(self, class_index: int | None) -> Labels:
        """Return the label of a class, `[1, c_dim]`; the mean one where labels are numbers."""
        return usual_label(self.network, class_index)[None]

    def statistics(self, class_index: int | None) -> Statistics | None:
        """Return statistics of W; None if there is no W."""
        if not self.G.has_w:
            return None
        if class_index not in self._known:
            self._known[class_index] = statistics(self.G, self.label(class_index))
        return self._known[class_index]

    def _trial(self, subjects: Sequence[Subject], class_index: int) -> list[float]:
        start = Start() if self.G.has_w else Start(best_of=TRIAL_CANDIDATES)
        short = replace(self.choices, steps=TRIAL_STEPS, start=start, restarts=1)
        search = self.search(subjects, class_index, choices=short)
        for _ in search.run():
            pass
        found = search.distances()
        return [found.get(number, np.inf) for number in range(len(subjects))]

    @cached_property
    def start(self) -> tuple[np.ndarray, np.ndarray | None] | None:
        """The codes of files or seeds to begin with, and the offsets of their styles, if any.

        Raises:
            UsageError: They do not fit the search space, or are not as many as the pictures.
        """
        picks, space = self.choices.start.picks, self.choices.space
        if not picks:
            return None
        codes, count = codes_of_picks(self.network, picks, PLAIN).codes, len(self.album.subjects)
        if len(codes.ws) not in (1, count):
            raise UsageError(
                f"{len(codes.ws)} codes for {count} pictures; give one, or one for each",
                parameter="init",
            )
        values = codes.z if space == "z" else codes.ws
        if values is None:
            raise UsageError("these codes are not z, as the search space needs", parameter="init")
        if codes.style_offsets is not None and space not in ("s", "noise"):
            raise UsageError(
                f"these codes move single style channels, which {space} cannot; take `space=s`",
                parameter="init",
            )
        return values, codes.style_offsets

    def _start(self, subjects: Sequence[Subject]) -> tuple[Tensor | None, Tensor | None]:
        """Return where the search for these pictures begins, as `start` does for all."""
        if self.start is None:
            return None, None
        order = {subject.key: number for number, subject in enumerate(self.album.subjects)}
        rows = [order[each.key] if len(self.start[0]) > 1 else 0 for each in subjects]
        start, offsets = (
            None if values is None else torch.from_numpy(values[rows]).to(self.device)
            for values in self.start
        )
        return start, offsets

    @staticmethod
    def _how_far_out(
        found: Codes, subject: Subject, statistics: Statistics | None
    ) -> dict[str, float]:
        if statistics is None:
            return {}
        (ws,) = found.ws
        out = distances(statistics.whitening, torch.from_numpy(ws).to(statistics.w_mean.device))
        distance = float(out.mean())
        measures = {
            "w_distance": distance,
            "w_percentile": statistics.percentile(distance),
            "w_error": np.nan,
        }
        if found.style_offsets is not None:
            sigmas = found.style_offsets / statistics.style_std.cpu().numpy()
            measures["style_distance"] = float(np.sqrt((sigmas**2).mean()))
        if subject.truth is not None:
            apart = np.linalg.norm(ws - subject.truth, axis=1)
            measures["w_error"] = float(np.sqrt((apart**2).mean())) / statistics.w_std
        return measures
