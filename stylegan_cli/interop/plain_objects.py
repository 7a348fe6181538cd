"""Names in pickles that stand for plain containers and bytes."""

from stylegan_cli.interop.limits import RefusedError
from stylegan_cli.interop.machine import Empty, Named, Table, plain_key


class Options(dict[str, object]):
    """A dict with options; its class in the file also had them as attributes."""

    def set_state(self, state: object) -> None:
        """Take attributes, of which there are none in a file of the originals."""
        if state:
            raise RefusedError("a state for a dict of options")


def ordered_dict(pairs: object = ()) -> dict[object, object]:
    """A dict of pairs.

    Raises:
        RefusedError: It is made of something else.
    """
    # Python 2 gave the entries at once, later ones give them afterwards
    if not isinstance(pairs, list | tuple):
        raise RefusedError("a dict that is not made of pairs")
    return {plain_key(key): value for key, value in pairs}


def _set(members: object = ()) -> set[object]:
    if not isinstance(members, list | tuple):
        raise RefusedError("a set that is not made of a list")
    return set(map(plain_key, members))


def _encode(text: object, encoding: object = "latin1") -> bytes:
    """How protocols 0 to 2 write bytes: each as the character with its code."""
    if not isinstance(text, str) or encoding != "latin1":
        raise RefusedError("a text in another code than latin1")
    return text.encode("latin-1")


def _created(kind: object, base: object, state: object) -> object:
    """How protocols 0 and 1 create an object that is given its state afterwards."""
    if not isinstance(kind, Named) or not isinstance(kind.build, Empty):
        raise RefusedError(f"a new {kind.name if isinstance(kind, Named) else type(kind).__name__}")
    made = kind.build.build()
    if isinstance(made, dict) and isinstance(state, dict):
        made.update(state)
    elif state is not None:
        raise RefusedError(f"a new {kind.name} with a base")
    return made


PLAIN_NAMES: Table = {
    ("_codecs", "encode"): _encode,
    ("collections", "OrderedDict"): ordered_dict,
    ("builtins", "set"): _set,
    ("__builtin__", "set"): _set,
    ("builtins", "object"): None,
    ("__builtin__", "object"): None,
    ("builtins", "dict"): None,
    ("__builtin__", "dict"): None,
    ("copyreg", "_reconstructor"): _created,
    ("copy_reg", "_reconstructor"): _created,
    ("dnnlib.util", "EasyDict"): Empty(Options),
}
"""The names for containers, bytes and empty objects, by Python 2 or 3."""
