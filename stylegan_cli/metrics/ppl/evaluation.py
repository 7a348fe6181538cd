"""A path length being measured: distances kept as they come, then a number, a picture, a record."""

import hashlib
import json
from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from jaxtyping import Bool, Float32

from stylegan_cli.detectors import is_standard
from stylegan_cli.errors import UsageError, meant_or_all
from stylegan_cli.figures.charts import histogram
from stylegan_cli.figures.png import write_png
from stylegan_cli.metrics.ppl.ppl import (
    EPSILON,
    PathLength,
    PathOptions,
    PerceptualDistance,
    ShrinkRule,
    Space,
    Span,
    Stretch,
    check_paths,
    path_distances,
    path_length,
)
from stylegan_cli.metrics.store import Measurements, open_measurements
from stylegan_cli.networks.drawing import precision_claim
from stylegan_cli.networks.snapshot import Network
from stylegan_cli.runtime import World

USUAL_NUM = 5_000


class Variant(NamedTuple):
    """Where steps are taken, and what of the images is compared."""

    space: Space
    sampling: Stretch
    crop: bool


CROPPED = {
    Variant("z", "full", True): "ppl_zfull",
    Variant("w", "full", True): "ppl_wfull",
    Variant("z", "end", True): "ppl_zend",
    Variant("w", "end", True): "ppl_wend",
}
LATER = {**CROPPED, Variant("w", "end", False): "ppl2_wend"}


@dataclass(frozen=True, kw_only=True)
class PathProtocol:
    """A published way to measure path lengths.

    Attributes:
        names: Of its variants.
        num: Pairs.
        rule: See `shrink_factor`.
    """

    names: dict[Variant, str]
    num: int
    rule: ShrinkRule = "cropped"


PROTOCOLS = {
    "stylegan1": PathProtocol(names=CROPPED, num=100_000),
    "stylegan2": PathProtocol(names=LATER, num=50_000),
    "ada": PathProtocol(names=LATER, num=50_000, rule="whole"),
}


def variants(protocol: str | None, *, has_w: bool) -> tuple[Variant, ...]:
    """All path lengths that a protocol has; without one those of whole paths in each space.

    Args:
        protocol: A known one.
        has_w: Whether the network has a w.
    """
    usual = (Variant("w", "full", False), Variant("z", "full", False))
    known = usual if protocol is None else tuple(PROTOCOLS[protocol].names)
    return tuple(variant for variant in known if has_w or variant.space == "z")


def path_options(
    protocol: str | None,
    *,
    space: Space,
    sampling: Stretch,
    crop: bool | None = None,
    num: int | None = None,
) -> PathOptions:
    """What is measured where some of it is left to the protocol.

    Args:
        crop: None crops where the protocol does, without one nowhere.
        num: None takes the protocol's, without one 5,000.

    Raises:
        UsageError: There is no such protocol, or it has no such variant.
    """
    if protocol is None:
        return PathOptions(space=space, sampling=sampling, crop=bool(crop), num=num or USUAL_NUM)
    if protocol not in PROTOCOLS:
        known = meant_or_all(protocol, PROTOCOLS)
        raise UsageError(f"--protocol {protocol}: no such protocol{known}")
    way = PROTOCOLS[protocol]
    if crop is None:
        crop = Variant(space, sampling, False) not in way.names
    if Variant(space, sampling, crop) not in way.names:
        raise UsageError(
            f"--no-crop: --protocol {protocol} has no such path length in {space}, {sampling}; "
            f"it has {', '.join(way.names.values())}"
        )
    return PathOptions(space=space, sampling=sampling, crop=crop, rule=way.rule, num=num or way.num)


def path_name(options: PathOptions, detector: str) -> str:
    """What a path length is called: its published name only where it is that number."""
    variant = Variant(options.space, options.sampling, options.crop)
    counts = {way.num for way in PROTOCOLS.values()}
    untouched = options.psi == 1 and options.class_name is None and options.num in counts
    if is_standard(detector, "distance") and untouched and variant in LATER:
        return LATER[variant]
    crop = "_crop" if options.crop else ""
    psi = f"_psi{options.psi:g}" if options.psi != 1 else ""
    return f"ppl_{detector}_{options.space}_{options.sampling}{crop}{psi}"


COLUMN = "distances"


class PathEvaluation:
    """One path length of a network; a context in which its file is open.

    The same request in the same folder goes on where it stopped. Of several processes the first
    keeps the file.

    Attributes:
        name: What the number is called.
        stem: Path of its files, without suffix; of this request alone.
        was_finished: Everything was there already.
        damage: Why an unfinished file could not be taken up again, if there was one.

    Args:
        folder: Where its files go; made where it is missing.

    Raises:
        UsageError: The network has no such path length.
        OutputError: The folder cannot be written.
    """

    def __init__(
        self,
        network: Network,
        detector: PerceptualDistance,
        options: PathOptions,
        folder: Path,
        *,
        world: World | None = None,
        overwrite: bool = False,
    ) -> None:
        check_paths(network, options)
        self._network, self._detector, self._options = network, detector, options
        self._world = world or World()
        self._overwrite = overwrite
        self._stack = ExitStack()
        self._file: Measurements | None = None
        self.name = path_name(options, detector.name)
        key = hashlib.sha256(json.dumps(self.request, sort_keys=True).encode()).hexdigest()
        self.stem = folder / f"{self.name}-{key[:8]}"
        self.was_finished = False
        self.damage: str | None = None

    def __enter__(self) -> "PathEvaluation":
        if self._world.is_first:
            columns = {COLUMN: (self._options.num,)}
            file = open_measurements(self.hdf5, self.request, columns, overwrite=self._overwrite)
            self._file = self._stack.enter_context(file)
            self.was_finished, self.damage = file.is_finished, file.damage
        self._done = self._world.gather(self._own_done())[0]
        return self

    def __exit__(self, *error: Any) -> None:
        self._stack.close()

    @property
    def is_first(self) -> bool:
        """Whether this process keeps the file."""
        return self._file is not None

    @property
    def request(self) -> dict[str, Any]:
        """Everything that decides the distances, as JSON holds it."""
        options = asdict(self._options)
        return {
            "metric": "ppl",
            "class": options.pop("class_name"),
            **options,
            "epsilon": EPSILON,
            "noise_mode": "random" if self._network.G.has_noise else "none",
            "detector": self._detector.name,
            "detector_sha256": self._detector.sha256,
            "network_sha256": self._network.sha256,
            **precision_claim(self._network.precision),
        }

    @property
    def hdf5(self) -> Path:
        """The file of all distances."""
        return self.stem.with_name(f"{self.stem.name}.h5")

    @property
    def picture(self) -> Path:
        """Their histogram."""
        return self.stem.with_name(f"{self.stem.name}.png")

    @property
    def missing(self) -> int:
        """How many pairs were still to be measured when the file was opened."""
        return int((~self._done).sum())

    @property
    def there(self) -> int:
        """How many were there."""
        return int(self._done.sum())

    def spans(self, batch_size: int | None = None) -> Iterator[Span]:
        """Measure and keep what is missing; see `path_distances`."""
        there = frozenset(np.flatnonzero(self._done).tolist())
        for span in path_distances(
            self._network,
            self._detector,
            self._options,
            batch_size=batch_size,
            world=self._world,
            skip=there,
        ):
            if self._file is not None:
                self._file.write(span.start, {COLUMN: span.distances})
            yield span

    def result(self) -> PathLength:
        """The number, once no pair is missing; in the first process."""
        return path_length(self._distances())

    def finish(self) -> None:
        """Write the histogram, and give the file its name; in the first process.

        Raises:
            OutputError: The place cannot be written.
        """
        assert self._file is not None, "only the first process has the file"
        if not (self.was_finished and self.picture.exists()):
            found, distances = self.result(), self._distances()
            picture = histogram(
                distances,
                (found.low, found.high),
                found.ppl,
                title=f"{self.name} {found.ppl:.4g} ± {found.standard_error:.2g}",
                x=f"perceptual distance / ε², {self._options.num:,} pairs",
            )
            write_png(self.picture, picture, origin=json.dumps(self.request))
        self._file.finish()

    def record(self, seconds: float) -> dict[str, Any]:
        """A line of `metrics.jsonl`: the number and everything it depends on.

        Args:
            seconds: That it took.
        """
        found = self.result()
        return {
            **self.request,
            "results": {self.name: found.ppl},
            "standard_error": found.standard_error,
            "num_counted": found.counted,
            "network": str(self._network.path),
            "snapshot_pkl": self._network.path.name,
            "kimg": self._network.kimg,
            "standard_detector": is_standard(self._detector.name, "distance"),
            "num_processes": self._world.size,
            "total_time": seconds,
        }

    def _own_done(self) -> Bool[np.ndarray, " n"]:
        return np.zeros(self._options.num, bool) if self._file is None else self._file.done

    def _distances(self) -> Float32[np.ndarray, " n"]:
        assert self._file is not None, "only the first process has the file"
        return self._file.read(COLUMN)
