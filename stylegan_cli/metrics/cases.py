"""What an evaluation measures: networks or folders of images, each against its reals."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import numpy as np
import torch
from jaxtyping import Int64

from stylegan_cli.data.dataset import Dataset, open_dataset
from stylegan_cli.data.samples import drawn_path
from stylegan_cli.errors import DataError, MetricError, UsageError
from stylegan_cli.latents.sampling import Sampling, class_index
from stylegan_cli.metrics.fakes import Fakes, LabelSource, seeds_of
from stylegan_cli.metrics.pictures import Pictures, Stored, class_name, stored_data, stored_folder
from stylegan_cli.metrics.protocol import STANDARD_COUNT, Protocol, real_rows
from stylegan_cli.networks.build import build_generator
from stylegan_cli.networks.drawing import USUAL, Execution, precision_claim, precision_of
from stylegan_cli.networks.noise import NoiseMode
from stylegan_cli.networks.snapshot import Header, file_sha256, read_header


@dataclass(frozen=True, kw_only=True)
class Chosen:
    """Images, and which of them count: all where no rows are named."""

    pictures: Pictures
    rows: Int64[np.ndarray, " rows"] | None = None

    def __len__(self) -> int:
        return len(self.pictures) if self.rows is None else len(self.rows)


@dataclass(frozen=True, kw_only=True)
class Case:
    """One thing to measure, again for every seed.

    Attributes:
        name: What tells it from the others: a snapshot, a psi, a class; empty where it is alone.
        fakes: One set of images a repeat.
        reals: None where nothing is compared.
        facts: What its record says of it.
    """

    name: str
    fakes: tuple[Chosen, ...]
    reals: Chosen | None
    facts: Mapping[str, Any]


@dataclass(frozen=True, kw_only=True)
class Data:
    """Real images, and labels for a network that takes them."""

    images: Stored
    labels: LabelSource | None = None


@dataclass(frozen=True, kw_only=True)
class Options:
    """What a network is asked for.

    Attributes:
        count: Fakes.
        seed: Of the first repeat; the next ones count on.
        execution: How its images are computed.
    """

    count: int = STANDARD_COUNT
    seed: int = 0
    repeat: int = 1
    sampling: Sampling = field(default_factory=Sampling)
    device: torch.device
    execution: Execution = USUAL


def open_data(path: str, network: Path) -> Data:
    """The real images for a network: of its size, and with labels where it has classes.

    Args:
        path: Of the data set, or `sample:KIND`.

    Raises:
        DataError: The data cannot be used for this network.
    """
    header = read_header(network)
    section = header.recipe.data
    place = drawn_path(path, resolution=section.resolution, channels=section.channels)
    dataset = open_dataset(
        place,
        resolution=section.resolution,
        channels=section.channels,
        fit=section.fit,
        labels=header.c_dim > 0,
    )
    if dataset.c_dim != header.c_dim:
        raise DataError(
            f"{path}: labels have {dataset.c_dim} numbers, those of {network} {header.c_dim}; "
            "measure with the data that the network was trained on"
        )
    return data_of_training(Path(place), dataset, fit=section.fit)


def data_of_training(path: Path, dataset: Dataset, *, fit: str) -> Data:
    """The images of an open data set, and its labels where it gives any.

    Args:
        path: Where the data set is.
        fit: How it makes images square where it does.
    """
    images = stored_data(path, dataset, fit=fit)
    if not dataset.c_dim:
        return Data(images=images)
    labels = LabelSource(name=images.sha256, count=len(dataset), label=dataset.label)
    return Data(images=images, labels=labels)


def data_of(network: Path) -> str:
    """The data set a network says it was trained on.

    Raises:
        UsageError: It says nothing.
    """
    path = read_header(network).recipe.data.path
    if path is None:
        raise UsageError(f"{network}: does not say what it was trained on; add --data")
    return path


def network_case(
    network: Path, data: Data | None, options: Options, protocol: Protocol, *, name: str = ""
) -> Case:
    """Images of a network against the reals, of one class where the sampling chooses one.

    Raises:
        SgtoolError: The network cannot be read, or there are no such class and seeds.
    """
    header = read_header(network)
    c_dim, chosen = header.c_dim, options.sampling.class_name
    label = None
    if chosen is not None:
        number = class_index(header.classes, c_dim, chosen)
        assert number is not None, "a class was chosen"
        label = class_name(header.classes, number)
    elif c_dim and data is None:
        raise UsageError(
            f"{network}: has classes, and draws labels from its data set; add --data or --class"
        )
    sampling = replace(options.sampling, noise_mode=_noise_mode(header))
    first = Fakes(
        file=network,
        sha256=file_sha256(network),
        side=header.recipe.data.resolution,
        count=options.count,
        seed=options.seed,
        device=options.device,
        sampling=sampling,
        labels=data.labels if data else None,
        execution=options.execution,
        precision=precision_of(header.recipe, options.execution),
    )
    fakes = [replace(first, seed=options.seed + i) for i in range(options.repeat)]
    for each in fakes:
        seeds_of(each.seed, range(options.count))
    mirrors = protocol.mirrors and header.recipe.data.mirror
    return Case(
        name=name,
        fakes=tuple(Chosen(pictures=each) for each in fakes),
        reals=_reals(data.images, label, options.count, protocol, mirrors) if data else None,
        facts={
            "network": str(network),
            "network_sha256": first.sha256,
            "kimg": header.kimg,
            "psi": sampling.psi,
            "cutoff": sampling.cutoff,
            "class": label,
            "noise_mode": sampling.noise_mode,
            "seed": options.seed,
            "repeat": options.repeat,
            **precision_claim(first.precision),
            **_facts_of_reals(data),
        },
    )


def folder_case(
    images: Path, data: Data | None, protocol: Protocol, *, chosen: str | None = None
) -> Case:
    """A folder or zip of images against the reals, as they are; both of one class if wanted.

    Raises:
        DataError: The images cannot be used.
        MetricError: There are none of that class.
    """
    stored = stored_folder(images)
    rows = None if chosen is None else _of_class(stored, chosen)
    fakes = Chosen(pictures=stored, rows=rows)
    reals = _reals(data.images, chosen, len(fakes), protocol, False) if data else None
    facts = {
        "images": str(images),
        "images_sha256": stored.sha256,
        "class": chosen,
        **_facts_of_reals(data),
    }
    return Case(name=chosen or "", fakes=(fakes,), reals=reals, facts=facts)


def class_options(classes: Sequence[str], c_dim: int, options: Options) -> Iterator[Options]:
    """The options of each class of a network."""
    for number in range(c_dim):
        chosen = class_name(classes, number)
        yield replace(options, sampling=replace(options.sampling, class_name=chosen))


def _noise_mode(header: Header) -> NoiseMode:
    """Fresh noise for each image, where there are noise inputs."""
    with torch.device("meta"):
        G = build_generator(header.recipe, c_dim=header.c_dim)
    return "random" if G.has_noise else "const"


def _reals(
    images: Stored, label: str | None, count: int, protocol: Protocol, mirrored: bool
) -> Chosen:
    if label is not None:
        return Chosen(pictures=images, rows=_of_class(images, label))
    if not protocol.fills:
        return Chosen(pictures=images)
    rows = real_rows(protocol, len(images), count, mirrored=mirrored)
    return Chosen(pictures=replace(images, mirrored=mirrored), rows=rows)


def _of_class(images: Stored, label: str) -> Int64[np.ndarray, " rows"]:
    if images.classes is None:
        raise MetricError(f"{images.name}: not all images have a class; leave --class out")
    rows = np.flatnonzero(np.array(images.classes) == label)
    if not len(rows):
        known = ", ".join(sorted(set(images.classes)))
        raise MetricError(f"{images.name}: no image of class {label}; there are {known}")
    return rows


def _facts_of_reals(data: Data | None) -> dict[str, Any]:
    return {"data": data.images.name, "data_sha256": data.images.sha256} if data else {}
