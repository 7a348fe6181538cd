"""`sgtool`: all commands, and the one place that maps errors to exit codes."""

import errno
import os
import re
import sys
import warnings
from collections.abc import Sequence
from contextlib import suppress
from io import TextIOWrapper
from itertools import takewhile
from pathlib import Path
from stat import S_ISDIR, S_ISREG
from typing import Annotated, Any

import typer
from typer.core import TyperGroup

from stylegan_cli import __version__
from stylegan_cli.cli import (
    bench,
    console,
    convert,
    edit,
    grid,
    info,
    mix,
    noise,
    project,
    report,
    train,
    truncation,
    video,
)
from stylegan_cli.cli.data import data_app
from stylegan_cli.cli.discover import discover_app
from stylegan_cli.cli.elsewhere import in_our_words
from stylegan_cli.cli.evaluate import eval_app
from stylegan_cli.cli.options import add_command, examples
from stylegan_cli.cli.recipe import recipe_app
from stylegan_cli.cli.weights import weights_app
from stylegan_cli.errors import Interrupted, SgtoolError, meant

UNREAD = 141
"""Exit code where nobody reads standard output any more, as of a program that SIGPIPE ended."""

TYPED = "stylegan_cli.typed"
"""Key of the words of the command line in typer's context."""

_NO_COMMAND = re.compile(r"No such command '(?P<name>[^']*)'")
_HOME = re.compile(r"(^|[=,])~(?=/|$)")
_BOUND = re.compile(r"Input should be (greater|less) than or equal to (\S+)")
_BOUNDS = {"greater": "at least", "less": "at most"}
_NO_CHOICE = re.compile(r"'(?P<given>[^']*)' is not one of (?P<choices>'.*')\.?")


WrongCall: Any = typer.BadParameter.__base__
"""The class of all errors in a command line, which typer does not name."""


def refuse_special_files(typed: Sequence[str], ctx: Any) -> None:
    """Raise if a word names a device, pipe or socket.

    Reading one may never end, and writing would put a file in its place.
    """
    for word in typed:
        for path in (word, word.partition("=")[2]):
            # a word may be anything: too long for a path, or with a zero in it
            with suppress(OSError, ValueError):
                mode = Path(path).stat().st_mode
                if not (S_ISREG(mode) or S_ISDIR(mode)):
                    raise WrongCall(f"{path}: neither a file nor a folder; give one of them", ctx)


def refuse_empty_words(typed: Sequence[str], ctx: Any) -> None:
    """Raise if a word is empty, as an unset variable of a script leaves it.

    As a path, it would stand for the folder where you are.
    """
    for before, word in zip(("sgtool", *typed), typed, strict=False):
        name, equals, value = word.partition("=")
        if not word or (name.startswith("--") and equals and not value):
            place = name or f"after {before}"
            raise WrongCall(f"{place}: an empty value; is a variable of your script unset?", ctx)


def tell_repeated_options(typed: Sequence[str], ctx: Any) -> None:
    """Warn of an option that takes one value and is given twice: the last one holds."""
    command, words = ctx.command, iter(typed)
    while isinstance(command, TyperGroup):
        command = command.get_command(ctx, next(words, ""))
    options = [each for each in getattr(command, "params", ()) if each.param_type_name == "option"]
    known = {name: each for each in options for name in (*each.opts, *each.secondary_opts)}
    given: dict[str, str] = {}
    for word in takewhile(lambda word: word != "--", words):
        name, equals, value = word.partition("=")
        option = known.get(name)
        if option is None or option.multiple or (option.is_flag and not option.secondary_opts):
            continue
        if not (equals or option.is_flag):
            value = next(words, "")  # whatever it looks like
        now = f"{name} {value}".strip()
        if before := given.get(option.name):
            console.warn(f"{before}: replaced by {now}, which comes later")
        given[option.name] = now


def in_terms_of_sgtool(error: Any, typed: Sequence[str]) -> Any:
    """Add our form of an option or command of another program, where there is one."""
    command = _NO_COMMAND.match(error.message)
    wrong = getattr(error, "option_name", None) or (command and command["name"])
    answer = in_our_words(typed, wrong) if wrong else None
    if answer is None:
        return error
    message = error.message.partition(" Did you mean")[0].rstrip(".")
    return WrongCall(f"{message}. In sgtool, this is\n\n{answer}", error.ctx)


def with_advice(error: typer.BadParameter) -> typer.BadParameter:
    """Add the closest valid choice to a refusal or, if something is missing, an example."""
    # typer's own prefix
    message = error.message.removeprefix("Value error, ").rstrip(".")
    message = _BOUND.sub(lambda found: f"must be {_BOUNDS[found[1]]} {found[2]}", message)
    if found := _NO_CHOICE.fullmatch(message):
        message += meant(found["given"], re.findall("'([^']*)'", found["choices"]))
    error.message = message or _example(error.ctx)
    return error


def _example(ctx: Any) -> str:
    """Return the first example of the command's help."""
    lines = (ctx.command.epilog or "").splitlines() if ctx else []
    example = next((line.strip() for line in lines if line.startswith("  ")), "")
    return f"For example: {example}" if example else ""


ADVICE = {
    **dict.fromkeys((errno.ENOSPC, errno.EDQUOT), "free space there, or write elsewhere with -o"),
    **dict.fromkeys((errno.EACCES, errno.EPERM), "change its permissions or choose another place"),
    errno.EROFS: "choose a writable place with -o",
}

IN_ORDER_OF_WORK = (
    *("data", "recipe", "train", "grid", "mix", "noise", "truncation", "video", "project"),
    *("discover", "edit"),
    *("eval", "report", "info", "convert", "weights", "bench"),
)
"""The commands as `sgtool --help` lists them."""


class ErrorsInWords(TyperGroup):
    """The group of all commands: errors become a message and an exit code."""

    def parse_args(self, ctx: Any, args: list[str]) -> list[str]:
        # shells leave ~ after = and commas and in quotes: -o=~/a would make a folder named ~
        home = os.path.expanduser("~")  # noqa: PTH111 - Path.home() raises where there is none
        args = [_HOME.sub(lambda found: found[1] + home, word) for word in args]
        ctx.meta[TYPED] = tuple(args)
        refuse_empty_words(args, ctx)
        refuse_special_files(args, ctx)
        try:
            return super().parse_args(ctx, args)
        except WrongCall as error:
            raise in_terms_of_sgtool(error, ctx.meta[TYPED]) from None
        except OSError as error:  # of help that is printed
            raise _failed(error) from error

    def list_commands(self, ctx: Any) -> list[str]:
        known = {name: place for place, name in enumerate(IN_ORDER_OF_WORK)}
        return sorted(super().list_commands(ctx), key=lambda name: known.get(name, len(known)))

    def invoke(self, ctx: Any) -> Any:
        # Pillow's warnings name lines of its source; our own messages say what they mean
        warnings.filterwarnings("ignore", module=r"PIL\.")
        try:
            tell_repeated_options(ctx.meta[TYPED], ctx)
            return super().invoke(ctx)
        except typer.BadParameter as error:
            raise with_advice(error) from None
        except WrongCall as error:
            raise in_terms_of_sgtool(error, ctx.meta[TYPED]) from None
        except SgtoolError as error:
            (console.note if isinstance(error, Interrupted) else console.error)(str(error))
            raise typer.Exit(error.exit_code) from error
        except KeyboardInterrupt:
            console.note("interrupted")
            raise typer.Exit(Interrupted.exit_code) from None
        except OSError as error:
            raise _failed(error) from error


app = typer.Typer(
    cls=ErrorsInWords,
    help="Train, study and measure style-based GANs.",
    epilog=examples(
        "sgtool data prepare photos/ -o photos.zip --resolution 64",
        "sgtool train stylegan2-small --data photos.zip",
        "sgtool mix --rows 1,2 --cols 3,4 --crossover 8",
    ),
    no_args_is_help=True,
    context_settings={"help_option_names": ["-h", "--help"]},
    rich_markup_mode=None,
    pretty_exceptions_enable=False,
)
for module in (
    train,
    grid,
    mix,
    noise,
    truncation,
    video,
    project,
    edit,
    report,
    info,
    convert,
    bench,
):
    # each is named like the command in it
    add_command(app, vars(module)[module.__name__.rpartition(".")[2]])
app.add_typer(recipe_app, name="recipe")
app.add_typer(data_app, name="data")
app.add_typer(weights_app, name="weights")
app.add_typer(discover_app, name="discover")
app.add_typer(eval_app, name="eval")


def main() -> None:
    """Run the `sgtool` program."""
    # Python leaves streams that were closed before it began as None
    for name in ("stdout", "stderr"):
        if getattr(sys, name) is None:
            setattr(sys, name, Path(os.devnull).open("w"))  # noqa: SIM115 - until the end
    # a path is printed as the bytes it is, where they are no text of the locale, too
    if isinstance(sys.stdout, TextIOWrapper):
        sys.stdout.reconfigure(errors="surrogateescape")
    app()


def _print_version(asked: bool) -> bool:
    if asked:
        typer.echo(f"sgtool {__version__}")
        raise typer.Exit
    return asked


@app.callback()
def _every_command(
    version: Annotated[
        bool,
        typer.Option(
            "--version", callback=_print_version, is_eager=True, help="Print the version."
        ),
    ] = False,
) -> None:
    console.set_level("normal")
    # threads without work spin for a moment, then sleep: where they sleep at once, a step takes 1.4
    # times as long on idle cores; one that spins on takes the core from the one it waits for on a
    # busy machine. GNU's OpenMP counts rounds, LLVM's milliseconds; they read this with torch
    if "OMP_WAIT_POLICY" not in os.environ:
        os.environ.setdefault("GOMP_SPINCOUNT", "10000")
        os.environ.setdefault("KMP_BLOCKTIME", "1")


def _failed(error: OSError) -> typer.Exit:
    """Return the end of a command by an error, in words, or by a reader that has seen enough."""
    if isinstance(error, BrokenPipeError):  # such as `head -1`
        # the flush at exit would fail again
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return typer.Exit(UNREAD)
    reason = (error.strerror or str(error)).lower()
    place = f"{error.filename}: " if error.filename else ""
    advice = ADVICE.get(error.errno or 0)
    console.error(f"{place}{reason}; {advice}" if advice else f"{place}{reason}")
    return typer.Exit(1)
