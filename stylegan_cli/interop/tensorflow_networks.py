"""Networks in the pickles of the TensorFlow releases, [PG] to [ADA], as the data they hold.

Such a pickle carries the source text that built its networks; it is dropped unread.
"""

from collections.abc import Collection, Mapping
from functools import cached_property

from stylegan_cli.interop.arrays import PickledArray
from stylegan_cli.interop.limits import MOST_TENSORS, RefusedError
from stylegan_cli.interop.machine import Empty, Table

_ALIASES = {"G_mapping/": "mapping/", "G_synthesis/": "synthesis/"}


class PickledNetwork:
    """A network: its options, its variables, and the networks within it."""

    def __init__(self) -> None:
        self.state: Mapping[str, object] = {}

    def set_state(self, state: object) -> None:
        """Take what the file says of the network."""
        if not isinstance(state, dict) or not all(isinstance(key, str) for key in state):
            raise RefusedError("a network whose state is not that of the originals'")
        self.state = state

    def held(self) -> Collection[object]:
        return (self.state,)

    @property
    def version(self) -> int | None:
        """Of the format; None in files of the Theano release."""
        version = self.state.get("version")
        return version if isinstance(version, int) else None

    @cached_property
    def options(self) -> Mapping[str, object]:
        """What it and its parts were built with, where that was said; defaults are not."""
        merged = _table(self.state.get("static_kwargs"))
        for part in self.parts.values():
            merged = {**part.options, **merged}
        return merged

    @property
    def parts(self) -> Mapping[str, "PickledNetwork"]:
        """The networks within it by role, as "mapping" and "synthesis"."""
        found = _table(self.state.get("components"))
        return {role: part for role, part in found.items() if isinstance(part, PickledNetwork)}

    @cached_property
    def variables(self) -> Mapping[str, PickledArray]:
        """Its variables and, behind the role of each part, those of its parts."""
        listed = self.state.get("variables")
        own = dict(_pair(entry) for entry in listed) if isinstance(listed, list) else {}
        for role, part in self.parts.items():
            if len(own) > MOST_TENSORS:
                raise RefusedError(f"more than {MOST_TENSORS:,} variables")
            own |= {f"{role}/{name}": array for name, array in part.variables.items()}
        return {_plain_name(name): array for name, array in own.items()}


def _pair(entry: object) -> tuple[str, PickledArray]:
    if not isinstance(entry, tuple | list) or len(entry) != 2:
        raise RefusedError("a variable that is not a name and an array")
    name, array = entry
    if not isinstance(name, str) or not isinstance(array, PickledArray):
        raise RefusedError("a variable that is not a name and an array")
    return name, array


def _plain_name(name: str) -> str:
    for theirs, role in _ALIASES.items():
        if name.startswith(theirs):
            return role + name.removeprefix(theirs)
    return name


def _table(value: object) -> dict[str, object]:
    if not isinstance(value, dict):
        return {}
    return {name: each for name, each in value.items() if isinstance(name, str)}


TENSORFLOW_NAMES: Table = {
    (module, "Network"): Empty(PickledNetwork)
    for module in ("dnnlib.tflib.network", "tfutil", "network")
}
"""The names for networks in the pickles of the TensorFlow and Theano releases."""
