"""Linear separability being measured: judgements kept as they come, then planes, then a record."""

import hashlib
import json
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np

from stylegan_cli.metrics.ppl.ppl import Space
from stylegan_cli.metrics.separability.classifier import Panel
from stylegan_cli.metrics.separability.judging import Faces, Judged, judge, w_of_faces, z_of_faces
from stylegan_cli.metrics.separability.separability import (
    SeparabilityOptions,
    Separation,
    check_faces,
    check_network,
    most_confident,
    separability,
    separate,
)
from stylegan_cli.metrics.store import Measurements, open_measurements
from stylegan_cli.networks.drawing import precision_claim
from stylegan_cli.runtime import World

COLUMN = "logits"


@dataclass(frozen=True, kw_only=True)
class AttributeResult:
    """One attribute in one space."""

    name: str
    space: Space
    separation: Separation


class SeparabilityEvaluation:
    """The separability of a network's spaces; a context in which its file is open.

    The same request in the same folder goes on where it stopped. Of several processes the first
    keeps the file and fits the planes. Codes and scaled copies are in memory then, an estimated
    20 bytes a number: 2 GB for 200,000 images and 512 dimensions.

    Attributes:
        path: Its file, of this request alone.
        was_finished: Every image was judged already, and every plane found.
        damage: Why an unfinished file could not be taken up again, if there was one.

    Args:
        panel: The classifiers of all attributes.
        folder: Where its file goes; made where it is missing.

    Raises:
        SgtoolError: The network has no such space or labels, or there are no such seeds.
        OutputError: The folder cannot be written.
    """

    def __init__(
        self,
        faces: Faces,
        panel: Panel,
        options: SeparabilityOptions,
        folder: Path,
        *,
        world: World | None = None,
        overwrite: bool = False,
    ) -> None:
        check_network(faces.network, options)
        check_faces(faces, panel)
        self._faces, self._panel, self._options = faces, panel, options
        self._world, self._overwrite = world or World(), overwrite
        self._stack = ExitStack()
        self._file: Measurements | None = None
        key = hashlib.sha256(json.dumps(self.request, sort_keys=True).encode()).hexdigest()
        self.path = folder / f"{options.name}-{key[:8]}.h5"
        self.was_finished = False
        self.damage: str | None = None

    def __enter__(self) -> "SeparabilityEvaluation":
        if self._world.is_first:
            columns = {COLUMN: (self._faces.num, len(self.names))}
            file = open_measurements(self.path, self.request, columns, overwrite=self._overwrite)
            self._file = self._stack.enter_context(file)
            self.was_finished, self.damage = file.is_finished, file.damage
        nothing = np.zeros(self._faces.num, bool)
        self._done = self._world.gather(nothing if self._file is None else self._file.done)[0]
        return self

    def __exit__(self, *error: Any) -> None:
        self._stack.close()

    @property
    def names(self) -> tuple[str, ...]:
        """Of the attributes."""
        return self._panel.names

    @property
    def spaces(self) -> tuple[Space, ...]:
        """Those that are measured."""
        return self._options.spaces

    @property
    def kept(self) -> int:
        """How many images count for each attribute: the half that it is surest of."""
        return self._faces.num // 2

    @property
    def request(self) -> dict[str, Any]:
        """Everything that decides the numbers, as JSON holds it."""
        network, dataset = self._faces.network, self._faces.dataset
        return {
            "metric": "separability",
            "spaces": list(self.spaces),
            "num": self._faces.num,
            "num_kept": self._faces.num // 2,
            "seed": self._faces.seed,
            "noise_mode": "random" if network.G.has_noise else "none",
            "data": dataset.fingerprint if dataset and network.c_dim else None,
            "protocol": self._options.protocol,
            "svm": f"linear, {'scaled' if self._is_scaled else 'unscaled'}, primal, C=1",
            "classifier_sha256": list(self._panel.sha256),
            "network_sha256": network.sha256,
            **precision_claim(network.precision),
        }

    @property
    def is_first(self) -> bool:
        """Whether this process keeps the file."""
        return self._file is not None

    @property
    def there(self) -> int:
        """How many images were judged when the file was opened."""
        return int(self._done.sum())

    @property
    def missing(self) -> int:
        """How many were not."""
        return int((~self._done).sum())

    def judged(self, batch_size: int | None = None) -> Iterator[Judged]:
        """Judge and keep what is missing; see `judge`."""
        there = frozenset(np.flatnonzero(self._done).tolist())
        for part in judge(
            self._faces, self._panel, batch_size=batch_size, world=self._world, skip=there
        ):
            if self._file is not None:
                self._file.write(part.start, {COLUMN: part.logits})
            yield part

    def results(self) -> Iterator[AttributeResult]:
        """Every attribute in every space, once no image is missing; in the first process."""
        assert self._file is not None, "only the first process has the file"
        logits = self._file.read(COLUMN)
        for space in self.spaces:
            codes = w_of_faces(self._faces) if space == "w" else z_of_faces(self._faces)
            for name, own in zip(self.names, logits.T, strict=True):
                surest = most_confident(own, self.kept)
                found = separate(codes[surest], own[surest] >= 0, scaled=self._is_scaled)
                yield AttributeResult(name=name, space=space, separation=found)

    def finish(self, results: Sequence[AttributeResult]) -> None:
        """Keep what was found too, and give the file its name; in the first process.

        Raises:
            OutputError: The place cannot be written.
        """
        assert self._file is not None, "only the first process has the file"
        found = {
            f"{fact}_{space}": np.array(
                [getattr(r.separation, fact) for r in results if r.space == space]
            )
            for space in self.spaces
            for fact in ("entropy", "share", "accuracy", "converged")
        }
        names = np.array([name.encode() for name in self.names])
        self._file.finish({"attribute_names": names, **found})

    def scores(self, results: Sequence[AttributeResult]) -> dict[str, float]:
        """The separability of each space, by its name."""
        return {
            f"{self._options.name}_{space}": separability(
                [r.separation for r in results if r.space == space]
            )
            for space in self.spaces
        }

    def record(self, results: Sequence[AttributeResult], seconds: float) -> dict[str, Any]:
        """A line of `metrics.jsonl`: the numbers and everything they depend on.

        Args:
            seconds: That it took.
        """
        network, panel = self._faces.network, self._panel
        seen = dict(zip(self.names, zip(panel.accuracy, panel.majority, strict=True), strict=True))
        return {
            **self.request,
            "results": self.scores(results),
            "attributes": [
                {
                    "name": r.name,
                    "space": r.space,
                    **asdict(r.separation),
                    "classifier_accuracy": seen[r.name][0],
                    "classifier_majority": seen[r.name][1],
                }
                for r in results
            ],
            "num_pruned": self._faces.num - self.kept,
            "classifiers": [
                {"names": each.description.names, **asdict(each.description.options)}
                for each in panel.classifiers
            ],
            "network": str(network.path),
            "snapshot_pkl": network.path.name,
            "kimg": network.kimg,
            "num_processes": self._world.size,
            "total_time": seconds,
        }

    def warnings(self, results: Sequence[AttributeResult]) -> Iterator[str]:
        """What in these results is not what it seems, in words."""
        network = self._faces.network
        dims: Mapping[str, int] = {"z": network.G.z_dim, "w": network.G.w_dim}
        for space in self.spaces:
            if self.kept < 10 * dims[space]:
                yield (
                    f"{self.kept} codes that count are few for the {dims[space]} dimensions of "
                    f"{space}: planes tell them apart by chance; take --num {20 * dims[space]} or "
                    "more"
                )
        # the same images count in every space
        shares = {r.name: r.separation.share for r in results}
        for share, said in ((0, "none"), (1, "all")):
            names = [name for name, found in shares.items() if found == share]
            if names:
                yield (
                    f"{', '.join(names)}: {said} of the {self.kept} images that count, so there is "
                    "nothing to tell apart; 0 bits"
                )
        for result in results:
            if not result.separation.converged:
                yield (
                    f"{result.name} in {result.space}: the search for the plane did not end; its "
                    "entropy is rather too large than too small"
                )

    @property
    def _is_scaled(self) -> bool:
        return self._options.protocol is None
