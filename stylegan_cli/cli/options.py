"""Options that several commands share: one name, one meaning, one help text."""

import re
from collections import ChainMap
from collections.abc import Callable, Container, MutableMapping
from copy import copy
from dataclasses import dataclass, fields, is_dataclass
from inspect import Parameter, Signature, cleandoc, signature
from pathlib import Path
from typing import Annotated, Any, Literal, get_args, get_origin

import typer
from annotated_types import Ge
from typer.core import TyperGroup

from stylegan_cli.cli import completion, console


def examples(*commands: str) -> str:
    """Return the epilog of a command's help: command lines that work as typed."""
    # \b keeps click from filling the lines into a paragraph
    return "\b\nExamples:\n" + "\n".join(f"  {command}" for command in commands)


def command_group(about: str, *commands: str, cls: type[TyperGroup] | None = None) -> typer.Typer:
    """Return a group of commands with some of them as examples in its help."""
    return typer.Typer(
        cls=cls,
        help=about,
        epilog=examples(*commands),
        no_args_is_help=True,
        rich_markup_mode=None,
    )


def _quiet(value: bool) -> bool:
    if value:
        console.set_level("quiet")
    return value


def _verbose(value: bool) -> bool:
    if value:
        console.set_level("verbose")
    return value


NetworkFlag = Annotated[Path | None, typer.Option(autocompletion=completion.networks)]
SeedsFlag = Annotated[
    str,
    typer.Option(
        metavar="LIST",
        help="Seeds such as 0-15,20, or codes in files: grid.h5:4, mix.h5:0/1-3, w.npz, z.npy.",
    ),
]
PsiListFlag = Annotated[
    str,
    typer.Option(
        metavar="LIST",
        help="Truncation, as 1,0.5 or START:STOP:COUNT: 1 changes nothing, 0 gives the mean.",
    ),
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
CutoffFlag = Annotated[int | None, typer.Option(min=0)]
ClassFlag = Annotated[str | None, typer.Option("--class", autocompletion=completion.classes)]
OutputFlag = Annotated[Path | None, typer.Option("--output", "-o")]
QuietFlag = Annotated[bool, typer.Option("--quiet", "-q", callback=_quiet)]
VerboseFlag = Annotated[bool, typer.Option("--verbose", "-v", callback=_verbose)]
NoiseModeFlag = Literal["const", "random", "none"]
BackendFlag = Literal["auto", "ref", "eager", "triton"]


@dataclass(frozen=True, kw_only=True)
class NetworkFlags:
    """Options of a command that opens a network to draw and stores a result.

    Attributes:
        network (FILE): Network file, run folder, https://… or hf:OWNER/REPO[:FILE] (#sha256=…
            checks it), or portraits-64, the network in the package. Default: $SGTOOL_NETWORK, else
            the newest network under ./runs, or portraits-64 if there is no run.
        batch (N): Images drawn at once. Default: chosen by image size.
        device (NAME): auto, cpu, cuda or cuda:1.
        precision: Number format: fp32 unless the recipe says bf16, which is often faster and moves
            pixels by a few levels.
        backend: Form of the operations: ref is the definition, eager the fast form, triton is for
            GPUs and experimental.
        compile: Compile the network first: worth it for thousands of images, not for a few.
        output (PATH): Folder for the result. Default: a folder under ./results.
        overwrite: Replace an existing result of another request.
        json: Print JSON.
        quiet: Print only warnings and errors.
        verbose: Print more details.
    """

    network: NetworkFlag = None
    batch: Annotated[int | None, typer.Option(min=1)] = None
    device: str = "auto"
    precision: Literal["auto", "fp32", "bf16"] = "auto"
    backend: BackendFlag = "auto"
    compile: bool = False
    output: OutputFlag = None
    overwrite: bool = False
    json: bool = False
    quiet: QuietFlag = False
    verbose: VerboseFlag = False


@dataclass(frozen=True, kw_only=True)
class StudyFlags(NetworkFlags):
    """Options that all study commands share.

    Attributes:
        psi (NUMBER): Truncation: 1 changes nothing, 0 gives the mean.
        cutoff (N): Truncate only the first N layers.
        noise_mode: Noise: const from the network file, random from each seed, or none.
        class_name (CLASS): Class to draw, by name or number.
        label (LIST): Label to draw, where labels are numbers: 0.3,0.7 or smile=0.5 (others: their
            mean). Of a network of classes, shares of each, as cat=0.5,dog=0.5.
        pdf: Also write each composed picture as PDF.
    """

    psi: float = 1.0
    cutoff: CutoffFlag = None
    noise_mode: NoiseModeFlag = "const"
    class_name: ClassFlag = None
    label: str | None = None
    pdf: bool = False


def with_flags(
    command: Callable[..., None], *, without: Container[str] = ()
) -> Callable[..., None]:
    """Return the command as typer takes it, with the words of its docstring as help.

    Parameters before `/` are arguments, the others options; a data class stands for an option per
    field, except for those that the command has itself. "Args:", or "Attributes:" of the class, has
    lines of `name (PLACEHOLDER): words`, and "Examples:" command lines that work as typed. Options
    that say nothing have the words of `StudyFlags`.

    Args:
        without: Fields that this command does not offer.
    """
    own = signature(command).parameters
    about, docs = cleandoc(command.__doc__ or ""), _documented(command)
    about, _, shown = about.partition("\nExamples:\n")
    arguments = [name for name in own if own[name].kind is Parameter.POSITIONAL_ONLY]
    groups = {name: own[name].annotation for name in own if is_dataclass(own[name].annotation)}
    flags = {
        name: [flag for flag in options_of(group) if not (flag.name in own or flag.name in without)]
        for name, group in groups.items()
    }
    single = [_shown(own[name], docs) for name in own if name not in groups]
    parameters = [*single, *(flag for each in flags.values() for flag in each)]

    def run(**values: Any) -> None:
        filled = {
            name: group(**{flag.name: values.pop(flag.name) for flag in flags[name]})
            for name, group in groups.items()
        }
        given = [values.pop(name) for name in arguments]
        command(*given, **values, **filled)

    run.__name__, run.__doc__ = command.__name__, about.partition("\nArgs:\n")[0]
    vars(run)["epilog"] = examples(*map(str.strip, shown.splitlines()))
    # typer reads both to know a command's flags
    run.__annotations__ = {parameter.name: parameter.annotation for parameter in parameters}
    vars(run)["__signature__"] = Signature(parameters)
    return run


def add_command(
    app: typer.Typer, command: Callable[..., None], name: str | None = None
) -> Callable[..., None]:
    """Add what `with_flags` returns to a group of commands, with its examples."""
    return app.command(name, epilog=vars(command)["epilog"])(command)


def command(
    app: typer.Typer, name: str | None = None
) -> Callable[[Callable[..., None]], Callable[..., None]]:
    """Return a decorator that adds a function to a group of commands as `with_flags` makes it."""
    return lambda function: add_command(app, with_flags(function), name)


def options_of(group: type[Any]) -> list[Parameter]:
    """Return a parameter for each field of a data class, its own before those it inherits."""
    docs = ChainMap(*map(_documented, group.__mro__))
    bases = [base for base in group.__bases__ if is_dataclass(base)]
    inherited = {field.name for base in bases for field in fields(base)}
    options = [
        Parameter(each.name, Parameter.KEYWORD_ONLY, default=each.default, annotation=each.type)
        for each in sorted(fields(group), key=lambda field: field.name in inherited)
    ]
    return [_shown(option, docs) for option in options]


Docs = MutableMapping[str, tuple[str | None, str | None]]
"""Placeholder and words by name."""

_ENTRY = re.compile(r"^    (\w+)(?: \((.+?)\))?: (.*(?:\n {8}.*)*)", re.MULTILINE)


def _documented(thing: object) -> Docs:
    """Return what a docstring says of parameters or attributes."""
    entries = _ENTRY.finditer(cleandoc(thing.__doc__ or ""))
    return {entry[1]: (entry[2], " ".join(entry[3].split())) for entry in entries}


_SHARED = ChainMap(*map(_documented, StudyFlags.__mro__))


def _shown(parameter: Parameter, docs: Docs) -> Parameter:
    """Return a parameter that has typer's option or argument with the documented words."""
    name, kind, info = parameter.name, parameter.annotation, None
    if get_origin(kind) is Annotated:
        kind, info = get_args(kind)
    if isinstance(info, Ge):  # a metric's options know nothing of typer
        least: Any = info.ge
        info = typer.Option(min=least)
    is_argument = parameter.kind is Parameter.POSITIONAL_ONLY
    info = copy(info) or (typer.Argument() if is_argument else typer.Option())
    if name in docs or info.help is None:
        info.metavar, info.help = docs.get(name) or _SHARED.get(name, (None, None))
    # typer keeps the first name of an option where its default would stand
    if kind is bool and not parameter.default and info.default is ...:
        info.param_decls = (f"--{name.replace('_', '-')}",)
    return parameter.replace(annotation=Annotated[kind, info], kind=Parameter.KEYWORD_ONLY)
