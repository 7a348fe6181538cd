"""The tools of a projection, prepared for pictures of each class."""

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from stylegan_cli.detectors.registry import open_detector
from stylegan_cli.errors import UsageError
from stylegan_cli.latents.labels import usual_label
from stylegan_cli.latents.lookup import codes_of_picks
from stylegan_cli.latents.sampling import PLAIN
from stylegan_cli.networks.snapshot import Network, load_network
from stylegan_cli.rendering.render import to_images
from stylegan_cli.shapes import Labels
from stylegan_cli.studies.projection.findings import Studio
from stylegan_cli.studies.projection.options import (
    Choices,
    ProjectionOptions,
    Start,
    settle,
)
from stylegan_cli.studies.projection.pictures import Album, Subject
from stylegan_cli.studies.projection.search import Search
from stylegan_cli.studies.projection.states import PictureBatch
from stylegan_cli.studies.projection.whitening import Statistics, statistics

TRIAL_STEPS, TRIAL_CANDIDATES = 50, 100
"""Of the search in each class before one is chosen."""


class Workshop:
    """Searches and measures for the pictures of an album.

    Attributes:
        G: The network's generator with gradients.
        choices: The options, settled.
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

    def studio(self, class_index: int | None) -> Studio:
        """Return the studio that draws and measures pictures of a class."""
        G = self.network.G
        return Studio(
            G=G,
            detector=self.detector,
            statistics=self.statistics(class_index),
            label=self.label(class_index),
            noise="const" if self.choices.noise != "none" and G.has_noise else "none",
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

    def _start(self, subjects: Sequence[Subject]) -> tuple[Tensor | None, Tensor | None]:
        """Return the codes of files or seeds to begin with, and the offsets of their styles."""
        picks, space = self.choices.start.picks, self.choices.space
        if not picks:
            return None, None
        codes = codes_of_picks(self.network, picks, PLAIN).codes
        chosen = codes.z if space == "z" else codes.ws
        if chosen is None:
            raise UsageError("these codes are not z, as the search space needs", parameter="init")
        if codes.style_offsets is not None and space not in ("s", "noise"):
            raise UsageError(
                f"these codes move single style channels, which {space} cannot; take `space=s`",
                parameter="init",
            )
        order = {subject.key: number for number, subject in enumerate(self.album.subjects)}
        rows = [order[subject.key] for subject in subjects]

        if len(chosen) not in (1, len(order)):
            raise UsageError(
                f"{len(chosen)} codes for {len(order)} pictures; give one, or one for each",
                parameter="init",
            )

        def theirs(values: np.ndarray) -> Tensor:
            everyone = torch.from_numpy(values).expand(len(order), *values.shape[1:])
            return everyone[rows].to(self.device)

        offsets = codes.style_offsets
        return theirs(chosen), None if offsets is None else theirs(offsets)
