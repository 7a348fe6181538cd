"""Options that several commands share: one name, one meaning, one help text."""

from collections.abc import Callable, Container
from dataclasses import dataclass, fields, is_dataclass
from inspect import Parameter, Signature, signature
from pathlib import Path
from typing import Annotated, Any, Literal

import typer

from stylegan_cli.cli import completion, console


def examples(*commands: str) -> str:
    """Return the epilog of a command's help: command lines that work as typed."""
    # \b keeps click from filling the lines into a paragraph
    return "\b\nExamples:\n" + "\n".join(f"  {command}" for command in commands)


def _quiet(value: bool) -> bool:
    if value:
        console.set_level("quiet")
    return value


def _verbose(value: bool) -> bool:
    if value:
        console.set_level("verbose")
    return value


NetworkFlag = Annotated[
    Path | None,
    typer.Option(
        "--network",
        metavar="FILE",
        autocompletion=completion.networks,
        help="Network file, run folder, https://… or hf:OWNER/REPO[:FILE] (#sha256=… checks it), "
        "or portraits-64, the network in the package. Default: $SGTOOL_NETWORK, else the newest "
        "network under ./runs, or portraits-64 if there is no run.",
    ),
]
SeedsFlag = Annotated[
    str,
    typer.Option(
        "--seeds",
        metavar="LIST",
        help="Seeds such as 0-15,20, or codes in files: grid.h5:4, mix.h5:0/1-3, w.npz, z.npy.",
    ),
]
PsiFlag = Annotated[
    float,
    typer.Option(
        "--psi", metavar="NUMBER", help="Truncation: 1 changes nothing, 0 gives the mean."
    ),
]
PsiListFlag = Annotated[
    str,
    typer.Option(
        "--psi",
        metavar="LIST",
        help="Truncation, as 1,0.5 or START:STOP:COUNT: 1 changes nothing, 0 gives the mean.",
    ),
]
CutoffFlag = Annotated[
    int | None,
    typer.Option("--cutoff", metavar="N", min=0, help="Truncate only the first N layers."),
]
NoiseModeFlag = Annotated[
    Literal["const", "random", "none"],
    typer.Option(
        "--noise-mode", help="Noise: const from the network file, random from each seed, or none."
    ),
]
ClassFlag = Annotated[
    str | None,
    typer.Option(
        "--class",
        metavar="CLASS",
        autocompletion=completion.classes,
        help="Class to draw, by name or number.",
    ),
]
LabelFlag = Annotated[
    str | None,
    typer.Option(
        "--label",
        metavar="LIST",
        help="Label to draw, where labels are numbers: 0.3,0.7 or smile=0.5 (others: their mean). "
        "Of a network of classes, shares of each, as cat=0.5,dog=0.5.",
    ),
]
BatchFlag = Annotated[
    int | None,
    typer.Option(
        "--batch", metavar="N", min=1, help="Images drawn at once. Default: chosen by image size."
    ),
]
DeviceFlag = Annotated[
    str, typer.Option("--device", metavar="NAME", help="auto, cpu, cuda or cuda:1.")
]
PrecisionFlag = Annotated[
    Literal["auto", "fp32", "bf16"],
    typer.Option(
        "--precision",
        help="Number format: fp32 unless the recipe says bf16, which is often faster and "
        "moves pixels by a few levels.",
    ),
]
BackendFlag = Annotated[
    Literal["auto", "ref", "eager", "triton"],
    typer.Option(
        "--backend",
        help="Form of the operations: ref is the definition, eager the fast form, triton is for "
        "GPUs and experimental.",
    ),
]
CompileFlag = Annotated[
    bool,
    typer.Option(
        "--compile",
        help="Compile the network first: worth it for thousands of images, not for a few.",
    ),
]
OutputFlag = Annotated[
    Path | None,
    typer.Option(
        "--output",
        "-o",
        metavar="PATH",
        help="Folder for the result. Default: a folder under ./results.",
    ),
]
OverwriteFlag = Annotated[
    bool, typer.Option("--overwrite", help="Replace an existing result of another request.")
]
SetFlag = Annotated[
    list[str] | None,
    typer.Option(
        "--set",
        metavar="KEY=VALUE",
        autocompletion=completion.keys,
        help="Change a recipe key, as in train.batch_size=16.",
    ),
]
PdfFlag = Annotated[bool, typer.Option("--pdf", help="Also write each composed picture as PDF.")]
JsonFlag = Annotated[bool, typer.Option("--json", help="Print JSON.")]
QuietFlag = Annotated[
    bool,
    typer.Option("--quiet", "-q", callback=_quiet, help="Print only warnings and errors."),
]
VerboseFlag = Annotated[
    bool,
    typer.Option("--verbose", "-v", callback=_verbose, help="Print more details."),
]


@dataclass(frozen=True, kw_only=True)
class NetworkFlags:
    """Options of a command that opens a network to draw and stores a result."""

    network: NetworkFlag = None
    batch: BatchFlag = None
    device: DeviceFlag = "auto"
    precision: PrecisionFlag = "auto"
    backend: BackendFlag = "auto"
    compile: CompileFlag = False
    output: OutputFlag = None
    overwrite: OverwriteFlag = False
    json: JsonFlag = False
    quiet: QuietFlag = False
    verbose: VerboseFlag = False


def with_flags(
    command: Callable[..., None], *, without: Container[str] = ()
) -> Callable[..., None]:
    """Return the command with an option for every field of its dataclass parameters.

    Args:
        without: Fields that this command does not offer.
    """
    own = signature(command).parameters
    groups = {name: own[name].annotation for name in own if is_dataclass(own[name].annotation)}
    single = [own[name] for name in own if name not in groups]
    flags = {name: _flags(group, without) for name, group in groups.items()}
    shared = [flag for each in flags.values() for flag in each]
    parameters = [*single, *shared]

    def run(**values: Any) -> None:
        filled = {
            name: group(**{flag.name: values.pop(flag.name) for flag in flags[name]})
            for name, group in groups.items()
        }
        command(**values, **filled)

    run.__name__, run.__doc__ = command.__name__, command.__doc__
    # typer reads both to know a command's flags
    run.__annotations__ = {parameter.name: parameter.annotation for parameter in parameters}
    vars(run)["__signature__"] = Signature(parameters)
    return run


def _flags(group: Any, without: Container[str]) -> list[Parameter]:
    # help lists a command's own options before those it inherits
    own = vars(group)["__annotations__"]
    return [
        Parameter(field.name, Parameter.KEYWORD_ONLY, default=field.default, annotation=field.type)
        for field in sorted(fields(group), key=lambda field: field.name not in own)
        if field.name not in without
    ]
