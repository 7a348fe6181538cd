"""The record of a metric: its name, words and options, and the source of its numbers.

Importing this does not load torch, so that the command line lists metrics at once.
"""

from collections import deque
from collections.abc import Callable, Generator, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, fields
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, TypeVar

import numpy as np
from jaxtyping import Float

from stylegan_cli.errors import UsageError
from stylegan_cli.shapes import Picture

if TYPE_CHECKING:
    import torch

    from stylegan_cli.detectors import FeatureDetector
    from stylegan_cli.metrics.features import Workplace
    from stylegan_cli.networks.snapshot import Network

T = TypeVar("T")
Columns = Mapping[str, np.ndarray]
Features = Float[np.ndarray, "_ dim"]
"""One row per image; may be a memory-mapped file."""


def counted(items: Iterable[T], into: list[T]) -> Iterator[int]:
    """Put items into a list as they come, and yield 1 for each."""
    for item in items:
        into.append(item)
        yield 1


@dataclass(frozen=True, kw_only=True)
class Request:
    """A request: what to measure, against what, and where the results go.

    Attributes:
        network: File of a network; None where `images` or `all_snapshots` are given.
        all_snapshots: A run, every network of which is measured.
        images: Folder or zip of images to measure instead of a network.
        data: Real images, as a path or `sample:KIND`; None takes those of the training.
        num: Samples; None takes the usual number of the metric.
        seed: Of the first repeat; the next ones count on.
        per_label: `NAME` or `NAME:BINS`, a number of the labels: measure images whose number lies
            in each bin, which hold about as many real images each.
        detector: None takes the standard one where its weights are here.
        output: Folder of the results; None takes the network's run, else ./results.
        together: Other metrics are measured, too: leave out what is impossible.
    """

    network: Path | None = None
    all_snapshots: Path | None = None
    images: Path | None = None
    data: str | None = None
    num: int | None = None
    seed: int = 0
    repeat: int = 1
    psi: float = 1.0
    cutoff: int | None = None
    class_name: str | None = None
    psi_curve: tuple[float, ...] | None = None
    per_class: bool = False
    per_label: str | None = None
    detector: str | None = None
    protocol: str | None = None
    save_features: bool = False
    output: Path | None = None
    overwrite: bool = False
    options: Any = None
    together: bool = False

    @property
    def along(self) -> Literal["", "snapshot", "psi", "class", "label"]:
        """Return the difference between the measured cases; empty for a single one."""
        if self.all_snapshots is not None:
            return "snapshot"
        if self.psi_curve is not None:
            return "psi"
        if self.per_label is not None:
            return "label"
        return "class" if self.per_class else ""

    @property
    def changed(self) -> frozenset[str]:
        """Return names of the fields that differ from their defaults."""
        return frozenset(f.name for f in fields(self) if getattr(self, f.name) != f.default)

    def folder(self, network: Path | None = None) -> Path:
        """Return the folder for results of a network, or of images where there is none."""
        if self.output is None and network and (network.parent / "recipe.toml").exists():
            return network.parent
        return self.output or Path("results")


@dataclass(frozen=True, kw_only=True)
class Remark:
    """A note or a warning to the user."""

    text: str
    is_warning: bool = False


@dataclass(frozen=True, kw_only=True)
class Steps:
    """A stretch of work on `label`, done while its counts are taken; what is left is done then."""

    label: str
    total: int
    counts: Iterator[int]


def stretch(label: str, total: int, counts: Iterator[int]) -> Iterator[Steps]:
    """Yield a stretch of work, then do what the caller left undone."""
    yield Steps(label=label, total=total, counts=counts)
    deque(counts, maxlen=0)


@dataclass(frozen=True, kw_only=True)
class Found:
    """Numbers of one case.

    Attributes:
        case: The snapshot, psi, class or bin of labels; empty for a single case.
        values: By their full names, means over the repeats.
        spread: Standard deviation over the repeats, or the estimate of a single measurement.
        network: None for a folder of images.
    """

    metric: str
    case: str
    values: Mapping[str, float]
    spread: Mapping[str, float]
    records: tuple[Mapping[str, Any], ...]
    files: tuple[Path, ...] = ()
    network: Path | None = None


@dataclass(frozen=True, kw_only=True)
class Best:
    """The best network by one value, and the link to it where there is one."""

    network: Path
    name: str
    value: float
    link: Path | None = None


Event = Remark | Steps | Found | Best


@dataclass(frozen=True, kw_only=True)
class Samples:
    """Features of one detector to measure, checked.

    Attributes:
        real: None if a metric uses fakes only.
        ddof: Of covariances: 1 for a sample's, 0 for a population's.
    """

    detector: "FeatureDetector"
    device: "torch.device"
    real: Features | None
    fake: Features
    ddof: int = 1

    @property
    def pair(self) -> tuple[Features, Features]:
        assert self.real is not None, "this metric compares"
        return self.real, self.fake


@dataclass(frozen=True, kw_only=True)
class OnFeatures:
    """A metric that is computed from features of generated and real images.

    Attributes:
        measure: Returns values by plain names such as "fid" or "recall".
        least: Smallest number of images of each kind.
        title: Of the axis in a chart of it.
        caution: Returns a warning, or None, given the fewest images and the length of a feature
            vector.
    """

    measure: Callable[[Samples], Mapping[str, float]]
    least: int = 2
    purpose: Literal["features", "manifold"] = "features"
    compares: bool = True
    needs_classes: bool = False
    title: str = "share"
    caution: Callable[[int, int], str | None] | None = None


@dataclass(frozen=True, kw_only=True)
class Conclusion:
    """The result of the numbers of all samples.

    Attributes:
        values: By their full names.
        spread: Deviation of each value, where one measurement gives one.
        facts: Further entries of the record.
        arrays: Kept in the file of the numbers, too.
        picture: Draws a picture of them, when there is none yet.
    """

    values: Mapping[str, float]
    spread: Mapping[str, float] = field(default_factory=dict)
    facts: Mapping[str, Any] = field(default_factory=dict)
    arrays: Columns = field(default_factory=dict)
    picture: Callable[[], Picture] | None = None


@dataclass(frozen=True, kw_only=True)
class Series:
    """Numbers of many samples of one network, stored as they are measured.

    Attributes:
        name: Start of the name of its file.
        request: Everything that decides the numbers, as JSON holds it; has "metric" and "num".
        columns: Shape of one sample's numbers, by name.
        measure: Returns the numbers of neighbouring samples; each depends on its own alone.
        conclude: Yields events, then the conclusion from all numbers.
    """

    name: str
    request: Mapping[str, Any]
    columns: Mapping[str, tuple[int, ...]]
    measure: Callable[[range], Columns]
    conclude: Callable[[Columns], Iterator[Event | Conclusion]]
    batch_size: int
    label: str = "images"


Maker = Callable[["Network", int], Iterator[Series]]
"""Makes the series of a network for a seed; the same number for each seed."""


@dataclass(frozen=True, kw_only=True)
class OnCodes:
    """A metric that is computed from codes of a network and what it makes of them.

    Attributes:
        prepare: Yields events and returns what makes the series; given the first network.
    """

    prepare: "Callable[[Network, Request, Workplace], Generator[Event, None, Maker]]"


ALL = frozenset(f.name for f in fields(Request)) - {"options", "together", "overwrite"}
OF_CODES = frozenset({"network", "all_snapshots", "num", "seed", "repeat", "output", "overwrite"})


@dataclass(frozen=True, kw_only=True)
class Metric:
    """A kind of number, and the command `sgtool eval NAME`.

    Attributes:
        about: Help of the command: a line, then paragraphs.
        examples: Command lines behind `sgtool eval NAME `.
        work: Where its numbers come from; a function of the request for what fits neither form.
        takes: Fields of the request that it knows.
        options: Frozen data class of its own options; its docstring has their help, a line
            `name (PLACEHOLDER): words` each, and `Annotated[int, Ge(1)]` is a bound.
        num: Samples that are measured, in words for the help of `num`.
        better: Of two networks, the one with the smaller or the larger first value.
        in_all: Measured by `sgtool eval all`, too.
        alone: Own options that `sgtool eval all` does not offer.
        details: Returns a table of further results in the records: headings, then rows.
    """

    name: str
    about: str
    examples: tuple[str, ...]
    work: "OnFeatures | OnCodes | Callable[[Request, Workplace], Iterator[Event]]"
    takes: frozenset[str] = ALL
    options: type | None = None
    num: str = "Images to measure; 50000 if not given."
    better: Literal["smaller", "larger"] | None = None
    in_all: bool = True
    alone: frozenset[str] = frozenset()
    details: Callable[[Sequence[Mapping[str, Any]]], Sequence[tuple[str, ...]]] | None = None

    @property
    def on_features(self) -> OnFeatures:
        """Return its form on features; the caller knows that it has one."""
        assert isinstance(self.work, OnFeatures)
        return self.work

    def check_takes(self, request: Request) -> None:
        """Raise unless the metric knows all that narrows the request."""
        narrow = {"images", "psi", "cutoff", "class_name", "psi_curve", "per_class", "per_label"}
        for name in sorted(request.changed & narrow - self.takes):
            known = name.removesuffix("_name")
            raise UsageError(f"`{known}`: {self.name} does not use it; leave it out")
