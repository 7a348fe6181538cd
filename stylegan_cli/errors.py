"""The errors of this package that a user can act on.

SgtoolError                the work failed                              exit 1
├── UsageError             called wrongly: a flag, list or option       exit 2
│   └── RecipeError        a recipe that cannot be used                 exit 2
├── DataError              images or data sets that cannot be used
├── NetworkFileError       a network or training state that cannot be read
├── OutputError            a place that cannot or must not be written
├── TrainingError          training cannot continue
├── MetricError            images or features that cannot be measured
├── DownloadError          an address that cannot be fetched, or holds something else
├── WeightsError           missing, damaged or unknown weights of a detector
├── ForeignFileError       another program's file that cannot or must not be read
├── ExportError            a network that cannot be written for another program
└── Interrupted            stopped by Ctrl-C or SIGTERM, state saved    exit 130

A message says what is wrong, what was found and what to do, path first, in lower case:
people.zip: images are 64×64, the recipe says 128×128; add `data.resolution=64`.
Parameters and recipe keys stand in backticks, with the value after `=`: `crossover=99`. The command
line shows them as its flags, `--crossover 99` and `--set data.resolution=64`.
"""

from collections.abc import Iterable, Sequence
from difflib import get_close_matches


class SgtoolError(Exception):
    exit_code = 1


class UsageError(SgtoolError):
    """A call with an argument that is wrong, missing or does not go with another.

    Args:
        problem: The problem and its remedy.
        parameter: Name of the argument, at the start of the message.
        value: The given value.
    """

    exit_code = 2

    def __init__(self, problem: str, *, parameter: str | None = None, value: object = None) -> None:
        self.problem, self.parameter = problem, parameter
        given = "" if value is None else f"={value}"
        super().__init__(f"`{parameter}{given}`: {problem}" if parameter else problem)


class RecipeError(UsageError):
    """A recipe with problems, all of them at once.

    Args:
        source: The file or name of the recipe.
        problems: One line each, starting with the dotted key.
    """

    def __init__(self, source: str, problems: Sequence[str]) -> None:
        self.problems = tuple(problems)
        super().__init__("\n".join(f"{source}: {problem}" for problem in self.problems))


class DataError(SgtoolError):
    pass


class NetworkFileError(SgtoolError):
    pass


class OutputError(SgtoolError):
    pass


class TrainingError(SgtoolError):
    pass


class MetricError(SgtoolError):
    pass


class DownloadError(SgtoolError):
    pass


class WeightsError(SgtoolError):
    pass


class ForeignFileError(SgtoolError):
    pass


class ExportError(SgtoolError):
    pass


class Interrupted(SgtoolError):  # noqa: N818 - an event, not an error
    exit_code = 130


def meant(word: str, names: Iterable[str]) -> str:
    """Suggest the name spelled most like a word; return nothing if none is close."""
    nearest = get_close_matches(word, list(names), n=1)
    return f"; did you mean {nearest[0]}?" if nearest else ""


def meant_or_all(word: str, names: Iterable[str], *, offer: str = "use") -> str:
    """Suggest the closest name as `meant` does, or list all names if none is close.

    Args:
        offer: Word before the list of names.
    """
    known = list(names)
    return meant(word, known) or f"; {offer} {', '.join(known)}"
