"""Pickles that would do harm if anything in them were run."""

import pickle
from pathlib import Path


def calling(module, name, *arguments):
    """A pickle that calls a function by name, as `__reduce__` of an evil object would."""
    body = f"c{module}\n{name}\n".encode() + pickle.dumps(arguments, protocol=2)[2:-1]
    return b"\x80\x02" + body + b"R."


def nested(depth):
    """Lists within lists."""
    return b"\x80\x02" + b"]" * depth + b"a" * (depth - 1) + b"."


def doubling(levels):
    """Lists of twice the list before: few bytes, 2 ** levels objects to walk through."""
    body = b"]q\x00"
    for level in range(levels):
        body += b"0]q%c(h%ch%ce" % (level + 1, level, level)
    return b"\x80\x02" + body + b"."


HOSTILE = {
    "os.system": calling("os", "system", "touch ran"),
    "posix.system": calling("posix", "system", "touch ran"),
    "builtins.eval": calling("builtins", "eval", "open('ran', 'w')"),
    "builtins.getattr": calling("builtins", "getattr", 1, "real"),
    "functools.partial": calling("functools", "partial", 1),
    "pathlib.Path.touch": b"\x80\x04\x8c\x07pathlib\x8c\x0aPath.touch\x93.",
    "numpy.core.multiarray.fromfile": calling("numpy.core.multiarray", "fromfile", "x"),
    "numpy.ndarray.tofile": b"\x80\x04\x8c\x05numpy\x8c\x0endarray.tofile\x93.",
    "torch.storage._load_from_bytes": calling("torch.storage", "_load_from_bytes", b"x"),
    "instruction BINPERSID": b"\x80\x02K\x01Q.",
    "instruction PERSID": b"Pid\n.",
    "instruction EXT1": b"\x80\x02\x82\x01.",
    "instruction EXT4": b"\x80\x02\x84\x01\x00\x00\x00.",
    "instruction NEXT_BUFFER": b"\x80\x05\x97.",
    "instruction INST": b"(ios\nsystem\n.",
    "instruction OBJ": b"(cnumpy\ndtype\no.",
    "a new numpy.dtype": b"\x80\x02cnumpy\ndtype\n)\x81.",
    "instruction NEWOBJ_EX": b"\x80\x04cnumpy\ndtype\n)}\x92.",
    "a call of numpy.ndarray": b"\x80\x02cnumpy\nndarray\nK\x01\x85R.",
    "a call of str": b"\x80\x02X\x02\x00\x00\x00os)R.",
    "a state for dict": b"\x80\x02}}b.",
    "a state for numpy.dtype": b"\x80\x02cnumpy\ndtype\n}b.",
    "contains itself": b"\x80\x02]q\x00h\x00a.",
    "nested deeper than": nested(100),
    "objects": doubling(40),
    "a name that is not text": b"\x80\x04K\x01K\x02\x93.",
    "a key or element of type tuple": b"\x80\x02}K\x01\x85K\x02s.",
    "a key or element of type int": b"\x80\x02}" + pickle.dumps(2**61, 2)[2:-1] + b"K\x01s.",
}
"""What the refusal must name, and the file."""


def ran(folder: Path) -> bool:
    return any(folder.iterdir())
