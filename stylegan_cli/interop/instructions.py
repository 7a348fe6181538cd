"""The instructions of a pickle, one by one, as the standard library describes them."""

import pickletools
import re
from collections.abc import Callable, Iterator, Mapping
from io import BufferedIOBase
from typing import IO, cast

from stylegan_cli.interop.limits import RefusedError

_NEWEST_PROTOCOL = 5
_PIECE = 2**26


def instructions(file: BufferedIOBase) -> Iterator[tuple[str, object]]:
    """Name and argument of each instruction up to STOP, which is left out.

    The names of GLOBAL come as a pair, byte strings of Python 2 as latin-1.

    Raises:
        RefusedError: Another protocol than 0 to 5.
        ValueError: An argument is cut short or malformed.
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
    raise ValueError("it ends before its last instruction")


class _Piecewise:
    """A file that takes no more memory than it has bytes, whatever length a pickle claims."""

    def __init__(self, file: BufferedIOBase) -> None:
        self.file = file
        self.readline = file.readline

    def read(self, count: int) -> bytes:
        """As many bytes, or those there are."""
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
    """A byte string as Python 2 writes it in a program."""
    text = _line(file).strip()
    if len(text) < 2 or text[:1] not in (b"'", b'"') or text[-1:] != text[:1]:
        raise ValueError("a text without quotes")
    return _ESCAPE.sub(_unescaped, text[1:-1]).decode("latin-1")


def _unescaped(escape: re.Match[bytes]) -> bytes:
    digits, sign = escape.groups()
    if digits:
        return bytes.fromhex(digits.decode())
    return {b"n": b"\n", b"r": b"\r", b"t": b"\t"}.get(sign, sign)


def _line(file: BufferedIOBase) -> bytes:
    line = file.readline()
    if not line.endswith(b"\n"):
        raise ValueError("a line without an end")
    return line[:-1]


_BY_CODE = {opcode.code.encode("latin-1"): opcode for opcode in pickletools.opcodes}
_ESCAPE = re.compile(rb"\\(?:x([0-9a-fA-F]{2})|(.))", re.DOTALL)
_OWN_READERS: Mapping[str, Callable[[BufferedIOBase], object]] = {
    "GLOBAL": _pair,
    "STRING": _quoted,
}
