"""From flags to what is measured: the cases of an evaluation, and where its results go."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

from stylegan_cli.cli import console
from stylegan_cli.cli.evaluate.flags import SubjectFlags, WayFlags
from stylegan_cli.cli.network import SNAPSHOTS, find_network
from stylegan_cli.errors import NetworkFileError, UsageError
from stylegan_cli.files import similar
from stylegan_cli.ranges import parse_floats

if TYPE_CHECKING:
    from stylegan_cli.metrics.cases import Case, Data, Options
    from stylegan_cli.metrics.protocol import Protocol

RESULTS = Path("results")


@dataclass(frozen=True, kw_only=True)
class Subjects:
    """What is measured.

    Attributes:
        along: What tells the cases apart: "snapshot", "psi", "class"; empty for one.
        folder: Where records and pictures go.
    """

    cases: tuple["Case", ...]
    along: str
    folder: Path


def subjects(
    flags: SubjectFlags, ways: WayFlags, options: "Options", protocol: "Protocol"
) -> Subjects:
    """What the flags ask to be measured.

    Raises:
        SgtoolError: They contradict each other, or something cannot be read.
    """
    _check(flags, ways)
    if ways.images is not None:
        return _folder(ways.images, flags, ways, protocol)
    networks = chosen_networks(flags.network, ways.all_snapshots)
    data = real_images(flags.data, networks[0])
    if ways.all_snapshots is not None:
        along, named = "snapshot", [(path.stem, path, options) for path in networks]
    else:
        along, named = _along(networks[0], ways, options)
    return Subjects(
        cases=tuple(_cases(named, data, protocol)),
        along=along,
        folder=flags.output or folder_of(networks[0]),
    )


def real_images(chosen: str | None, network: Path) -> "Data":
    """The real images for a network; says on stderr which they are where nobody chose.

    Raises:
        SgtoolError: There are none, or they do not fit the network.
    """
    from stylegan_cli.metrics.cases import data_of, open_data

    path = chosen or data_of(network)
    if chosen is None:
        console.note(f"data {path}, as in training; --data chooses another")
    return open_data(path, network)


def folder_of(network: Path) -> Path:
    """Where results of a network go: into its run, else under ./results."""
    return network.parent if (network.parent / "recipe.toml").exists() else RESULTS


def _check(flags: SubjectFlags, ways: WayFlags) -> None:
    chosen = {
        "--all-snapshots": ways.all_snapshots is not None,
        "--psi-curve": ways.psi_curve is not None,
        "--per-class": ways.per_class,
    }
    several = [flag for flag, given in chosen.items() if given]
    if len(several) > 1:
        raise UsageError(f"{several[0]} and {several[1]}: one at a time; leave one out")
    if ways.psi_curve is not None and flags.psi != 1:
        raise UsageError("--psi and --psi-curve: one at a time; leave one out")
    if ways.per_class and flags.class_name is not None:
        raise UsageError("--class and --per-class: one at a time; leave one out")
    if ways.images is not None:
        _check_images_alone(flags, ways)


def _check_images_alone(flags: SubjectFlags, ways: WayFlags) -> None:
    of_networks = {
        "--all-snapshots": ways.all_snapshots is not None,
        "--psi-curve": ways.psi_curve is not None,
        "--per-class": ways.per_class,
        "--repeat": ways.repeat != 1,
        "--num": flags.num is not None,
        "--seed": flags.seed != SubjectFlags.seed,
        "--psi": flags.psi != 1,
        "--cutoff": flags.cutoff is not None,
    }
    for flag, given in of_networks.items():
        if given:
            raise UsageError(f"{flag}: for networks; leave it out beside --images")
    if flags.data is None:
        raise UsageError("--images: compared with what? add --data")


def _folder(images: Path, flags: SubjectFlags, ways: WayFlags, protocol: "Protocol") -> Subjects:
    from stylegan_cli.metrics.cases import Data, folder_case
    from stylegan_cli.metrics.pictures import stored_folder

    data = Data(images=stored_folder(Path(str(flags.data))))
    case = folder_case(images, data, protocol, chosen=flags.class_name)
    fakes = case.fakes[0].pictures
    if fakes.side != data.images.side:
        console.warn(
            f"{images}: {fakes.side} px, {data.images.name}: {data.images.side} px; detectors "
            "see different detail in them"
        )
    return Subjects(cases=(case,), along="", folder=flags.output or RESULTS)


def chosen_networks(chosen: Path | None, run: Path | None) -> Sequence[Path]:
    """The network to measure, or every network of a run.

    Raises:
        NetworkFileError: There is none.
    """
    if run is None:
        return [find_network(chosen)]
    found = sorted(run.glob(SNAPSHOTS))
    if not found:
        lead = (not run.exists() and similar(run)) or "; name a run's folder"
        raise NetworkFileError(f"--all-snapshots {run}: no {SNAPSHOTS} there{lead}")
    return found


def _along(
    network: Path, ways: WayFlags, options: "Options"
) -> tuple[str, list[tuple[str, Path, "Options"]]]:
    from stylegan_cli.metrics.cases import class_options
    from stylegan_cli.networks.snapshot import read_header

    if ways.psi_curve is not None:
        psis = parse_floats(ways.psi_curve, parameter="psi_curve")
        turned = [replace(options, sampling=replace(options.sampling, psi=psi)) for psi in psis]
        return "psi", [(f"{each.sampling.psi:g}", network, each) for each in turned]
    if ways.per_class:
        header = read_header(network)
        if not header.c_dim:
            raise UsageError(f"--per-class: {network} has no classes; leave it out")
        classes = class_options(header.classes, header.c_dim, options)
        return "class", [(str(each.sampling.class_name), network, each) for each in classes]
    return "", [("", network, options)]


def _cases(
    named: Sequence[tuple[str, Path, "Options"]], data: "Data", protocol: "Protocol"
) -> Iterator["Case"]:
    from stylegan_cli.metrics.cases import network_case

    for name, network, options in named:
        yield network_case(network, data, options, protocol, name=name)
