"""The instructions of a pickle, one by one: names and arguments, nothing followed."""

import codecs
import pickletools
from collections.abc import Callable, Iterator, Mapping
from io import BufferedIOBase
from typing import IO, cast

from stylegan_cli.interop.pickles.limits import RefusedError

_NEWEST_PROTOCOL = 5
_PIECE = 2**26


def instructions(file: BufferedIOBase) -> Iterator[tuple[str, object]]:
    """Yield name and argument of each instruction before STOP.

    The names of GLOBAL come as a pair, byte strings of Python 2 as latin-1.
    """
    whole = cast(IO[bytes], _Piecewise(file))
    while code := file.read(1):
        opcode = _BY_CODE.get(code)
        if opcode is None:
            raise ValueError(f"no instruction has the code {code[0]}")
        if opcode.name == "STOP":
            return
        if opcode.name in _OWN_READERS:
            argument = _OWN_READERS[opcode.name](file)
        else:
            argument = opcode.arg.reader(whole) if opcode.arg else None
        if opcode.name == "PROTO" and argument not in range(_NEWEST_PROTOCOL + 1):
            raise RefusedError(f"protocol {argument}, newer than {_NEWEST_PROTOCOL}")
        yield opcode.name, argument
    raise ValueError("it ends before the STOP instruction")


class _Piecewise:
    """A file read in pieces, so that memory follows its size and not claimed lengths."""

    def __init__(self, file: BufferedIOBase) -> None:
        self.file = file
        self.readline = file.readline

    def read(self, count: int) -> bytes:
        if count <= _PIECE:
            return self.file.read(count)
        pieces = []
        while count and (piece := self.file.read(min(count, _PIECE))):
            pieces.append(piece)
            count -= len(piece)
        return b"".join(pieces)


def _pair(file: BufferedIOBase) -> tuple[str, str]:
    return _line(file).decode("latin-1"), _line(file).decode("latin-1")


def _quoted(file: BufferedIOBase) -> str:
    """Read a byte string written as a Python 2 literal."""
    text = _line(file).strip()
    if len(text) < 2 or text[:1] not in (b"'", b'"') or text[-1:] != text[:1]:
        raise ValueError("a string without quotes")
    plain, _ = codecs.escape_decode(text[1:-1])
    return plain.decode("latin-1")


def _line(file: BufferedIOBase) -> bytes:
    line = file.readline()
    if not line.endswith(b"\n"):
        raise ValueError("an unterminated line")
    return line[:-1]


_BY_CODE = {opcode.code.encode("latin-1"): opcode for opcode in pickletools.opcodes}
_OWN_READERS: Mapping[str, Callable[[BufferedIOBase], object]] = {
    "GLOBAL": _pair,
    "STRING": _quoted,
}
