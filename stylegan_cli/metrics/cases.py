"""The cases of an evaluation by features: networks or folders of images, and their reals."""

from collections.abc import Generator, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
from jaxtyping import Int64

from stylegan_cli.errors import MetricError, NetworkFileError, UsageError
from stylegan_cli.files import similar
from stylegan_cli.latents.labels import class_index
from stylegan_cli.latents.sampling import Sampling, check_possible
from stylegan_cli.metrics.fakes import DrawnPictures, Pictures, seeds_of
from stylegan_cli.metrics.features import Workplace
from stylegan_cli.metrics.metric import Event, Remark, Request
from stylegan_cli.metrics.pictures import StoredPictures, class_name, real_images, stored_folder
from stylegan_cli.metrics.protocol import STANDARD_COUNT, Protocol, label_bins, real_rows
from stylegan_cli.networks.execution import open_for_drawing, precision_claim
from stylegan_cli.networks.header import Header, read_header
from stylegan_cli.training.run_folder import NETWORKS, snapshots

UNLIKE = 0.5
"""Largest difference in the share of JPEG files; beyond it, compression adds to distances."""


@dataclass(frozen=True, kw_only=True)
class Case:
    """Images to measure, again for every seed.

    Attributes:
        name: The snapshot, psi, class or bin of labels; empty for a single one.
        fakes: One set of images per repeat.
        reals: None if nothing is compared.
    """

    name: str
    fakes: tuple[Pictures, ...]
    reals: StoredPictures | None
    facts: Mapping[str, Any]

    @property
    def network(self) -> Path | None:
        """Return the network's file; None for a folder of images."""
        return Path(self.facts["network"]) if "network" in self.facts else None


def cases_of(
    request: Request, protocol: Protocol, place: Workplace
) -> Generator[Event, None, tuple[Case, ...]]:
    """Yield remarks on what is measured, and return it."""
    _check_alone(request)
    if request.images is not None:
        data = stored_folder(Path(str(request.data)))
        case = folder_case(request.images, data, protocol, chosen=request.class_name)
        for text in _unlike(case.fakes[0], data):
            yield Remark(text=text, is_warning=True)
        return (case,)
    networks = networks_of(request)
    data = yield from real_images(request.data, networks[0])
    if request.per_label is not None:
        bins = label_bins(request.per_label, data, read_header(networks[0]))
        return tuple(
            network_case(networks[0], chosen, request, protocol, place, name=name)
            for name, chosen in bins
        )
    return tuple(
        network_case(path, data, single, protocol, place, name=name)
        for name, path, single in _single_cases(networks, request)
    )


def networks_of(request: Request) -> Sequence[Path]:
    """Return the network to measure, or every network of the run, the oldest first."""
    run = request.all_snapshots
    if run is None:
        assert request.network is not None, "a network, a run or images are measured"
        return [request.network]
    found = snapshots(run)
    if not found:
        lead = (not run.exists() and similar(run)) or "; name the folder of a run"
        raise NetworkFileError(f"`all_snapshots={run}`: no {NETWORKS} there{lead}")
    return found


def network_case(
    network: Path,
    data: StoredPictures | None,
    request: Request,
    protocol: Protocol,
    place: Workplace,
    *,
    name: str = "",
) -> Case:
    """Pair images of a network with the reals, of one class where the request chooses one."""
    header = read_header(network)
    label = _class_of(header, request, network, data)
    fakes = tuple(_fakes(network, header, data, request, place))
    mirrors = protocol.mirrors and header.recipe.data.mirror
    sampling = fakes[0].sampling
    facts = {
        "network": str(network),
        "network_sha256": fakes[0].sha256,
        "kimg": header.kimg,
        "psi": sampling.psi,
        "cutoff": sampling.cutoff,
        "class": label,
        **({"label": name} if request.per_label else {}),
        "noise_mode": sampling.noise_mode,
        "seed": request.seed,
        "repeat": request.repeat,
        **precision_claim(fakes[0].precision),
        **_facts_of_reals(data),
    }
    reals = _reals(data, label, fakes[0].count, protocol, mirrors) if data else None
    return Case(name=name, fakes=fakes, reals=reals, facts=facts)


def _fakes(
    network: Path, header: Header, data: StoredPictures | None, request: Request, place: Workplace
) -> Iterator[DrawnPictures]:
    """Yield the images of each repeat, with new noise for each image if there are noise inputs."""
    opened = open_for_drawing(network, execution=place.execution)
    sampling = Sampling(
        psi=request.psi,
        cutoff=request.cutoff,
        class_name=request.class_name,
        noise_mode="random" if opened.sizes.has_noise else "const",
    )
    check_possible(opened, sampling)
    first = DrawnPictures(
        file=network,
        sha256=opened.sha256,
        size=header.recipe.data.size,
        count=request.num or STANDARD_COUNT,
        seed=request.seed,
        device=lambda: place.device,
        sampling=sampling,
        labels=data if data and data.label else None,
        execution=place.execution,
        precision=opened.precision,
    )
    for seed in range(request.seed, request.seed + request.repeat):
        seeds_of(seed, range(first.count))
        yield replace(first, seed=seed)


def folder_case(
    images: Path, data: StoredPictures | None, protocol: Protocol, *, chosen: str | None = None
) -> Case:
    """Pair a folder or zip of images with the reals, as they are; both of one class if wanted."""
    stored = stored_folder(images)
    fakes = replace(stored, rows=None if chosen is None else _of_class(stored, chosen))
    facts = {
        "images": str(images),
        "images_sha256": stored.sha256,
        "class": chosen,
        **_facts_of_reals(data),
    }
    reals = _reals(data, chosen, fakes.counted, protocol, False) if data else None
    return Case(name=chosen or "", fakes=(fakes,), reals=reals, facts=facts)


def _check_alone(request: Request) -> None:
    """Raise if fields of the request exclude each other."""
    given = request.changed
    pairs = [
        ("network", "images"),
        ("network", "all_snapshots"),
        ("all_snapshots", "psi_curve"),
        ("all_snapshots", "per_class"),
        ("psi_curve", "per_class"),
        ("psi", "psi_curve"),
        ("class_name", "per_class"),
        *((each, "per_label") for each in ("all_snapshots", "class_name", "psi_curve")),
        ("per_class", "per_label"),
        ("protocol", "per_label"),
    ]
    for first, second in pairs:
        if {first, second} <= given:
            first = first.removesuffix("_name")
            raise UsageError(f"`{first}` and `{second}`: use only one of them")
    if request.images is None:
        return
    of_networks = ("all_snapshots", "psi_curve", "per_class", "per_label", "repeat", "num")
    for name in (*of_networks, "seed", "psi", "cutoff"):
        if name in given:
            raise UsageError(f"`{name}`: applies to networks only; leave it out with `images`")
    if request.data is None:
        raise UsageError("`images`: needs real images to compare with; give `data`")


def _unlike(fakes: Pictures, reals: StoredPictures) -> Iterator[str]:
    """Yield warnings of other sizes, pictures that are left out, and JPEG among other files."""
    assert isinstance(fakes, StoredPictures), "a folder's images are stored"
    if fakes.size != reals.size:
        yield (
            f"{fakes.name}: {fakes.size.value} px, {reals.name}: {reals.size.value} px; detectors "
            "see different detail in them"
        )
    for stored in (fakes, reals):
        if stored.left_out:
            yield f"left out: {len(stored.left_out)}, such as {stored.left_out[0]}"
    if abs(fakes.jpegs / fakes.count - reals.jpegs / reals.count) > UNLIKE:
        yield (
            f"JPEG files: {fakes.jpegs} of {fakes.count} in {fakes.name}, {reals.jpegs} of "
            f"{reals.count} in {reals.name}; part of the distance is their compression"
        )


def _single_cases(
    networks: Sequence[Path], request: Request
) -> Iterator[tuple[str, Path, Request]]:
    """Yield name, network and request of each case."""
    network = networks[0]
    match request.along:
        case "snapshot":
            yield from ((path.stem, path, request) for path in networks)
        case "psi":
            for psi in request.psi_curve or ():
                yield f"{psi:g}", network, replace(request, psi=psi)
        case "class":
            header = read_header(network)
            if not header.c_dim or header.label_columns:
                raise UsageError(f"`per_class`: {network} has no classes; leave it out")
            for number in range(header.c_dim):
                name = class_name(header.classes, number)
                yield name, network, replace(request, class_name=name)
        case _:
            yield "", network, request


def _class_of(
    header: Header, request: Request, network: Path, data: StoredPictures | None
) -> str | None:
    """Return the name of the chosen class, None where labels are drawn."""
    if request.class_name is not None:
        number = class_index(header, request.class_name)
        assert number is not None, "a class was chosen"
        return class_name(header.classes, number)
    if header.c_dim and data is None:
        raise UsageError(
            f"{network}: has classes, and draws labels from its data set; give `data` or `class`"
        )
    return None


def _reals(
    images: StoredPictures, label: str | None, count: int, protocol: Protocol, mirrored: bool
) -> StoredPictures:
    if label is not None:
        return replace(images, rows=_of_class(images, label))
    if not protocol.fills:
        return images
    rows = real_rows(protocol, len(images), count, mirrored=mirrored)
    return replace(images, mirrored=mirrored, rows=rows)


def _of_class(images: StoredPictures, label: str) -> Int64[np.ndarray, " rows"]:
    if images.classes is None:
        raise MetricError(f"{images.name}: not all images have a class; leave `class` out")
    rows = np.flatnonzero(np.array(images.classes) == label)
    if not len(rows):
        known = ", ".join(sorted(set(images.classes)))
        raise MetricError(f"{images.name}: no image of class {label}; there are {known}")
    return rows


def _facts_of_reals(data: StoredPictures | None) -> dict[str, Any]:
    return {"data": data.name, "data_sha256": data.sha256} if data else {}
