"""Names of ours beside names of another program, and how the same numbers stand in each."""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass

from torch import Tensor

from stylegan_cli.errors import ForeignFileError
from stylegan_cli.interop.foreign import Stored, Taken
from stylegan_cli.interop.limits import shown


@dataclass(frozen=True)
class Form:
    """How a tensor stands in another program's files.

    Attributes:
        to_ours: From theirs to ours.
        to_theirs: And back, for programs whose files are written too.
    """

    to_ours: Callable[[Tensor], Tensor]
    to_theirs: Callable[[Tensor], Tensor] | None = None


@dataclass(frozen=True)
class Pair:
    ours: str
    theirs: str
    form: Form


def unchanged(tensor: Tensor) -> Tensor:
    """The tensor itself."""
    return tensor


SAME = Form(unchanged, unchanged)


def taken(pairs: Iterable[Pair], stored: Mapping[str, Stored], prefix: str) -> dict[str, Taken]:
    """What is there of the pairs, by our names.

    Args:
        stored: Tensors by the names in the file.
        prefix: Before those names in messages and in the map of names, as "g_ema.".
    """
    return {
        pair.ours: Taken(f"{prefix}{pair.theirs}", stored[pair.theirs], pair.form.to_ours)
        for pair in pairs
        if pair.theirs in stored
    }


def check_known(stored: Iterable[str], known: Iterable[str], prefix: str, source: str) -> None:
    """Refuse tensors that nothing here stands for: a network with them makes other images.

    Raises:
        ForeignFileError: There are such tensors.
    """
    extra = sorted(set(stored) - set(known))
    if extra:
        raise ForeignFileError(
            f"{source}: {shown(prefix + extra[0])} is no tensor of such a network "
            f"({len(extra)} like that); sgtool does not know what it does"
        )
