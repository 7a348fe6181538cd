"""The machine that executes a pickle's instructions to build plain data only."""

import codecs
import pickletools
from collections.abc import Callable, Hashable, Iterator, Mapping
from dataclasses import dataclass
from io import BufferedIOBase
from typing import IO, Any, cast

from stylegan_cli.interop.pickles import (
    Limits,
    RefusedError,
    RefusedNameError,
    Stateful,
    plain_key,
    shown,
)


@dataclass(frozen=True)
class Empty:
    """A table entry for objects that are made empty and get their state later."""

    build: Callable[[], object]


@dataclass(frozen=True)
class Named:
    """The object behind a name in a pickle.

    Attributes:
        build: Called with the arguments in the file; without it the name cannot be called.
    """

    name: str
    build: Callable[..., object] | Empty | None = None


Table = Mapping[tuple[str, str], Callable[..., object] | Empty | None]
"""(module, name) to our function in its place, or None for a mere marker."""


class PickleMachine:
    """The pickle machine: a stack, the stacks set aside by marks, and a memo."""

    def __init__(
        self, table: Table, limits: Limits, persistent: Callable[[object], object] | None
    ) -> None:
        self.table = table
        self.limits = limits
        self.persistent = persistent
        self.stack: list[Any] = []
        self.outer: list[list[Any]] = []
        # not a dict: crafted numbers can collide, which would take hours
        self.memo: list[object] = []
        self.texts, self.members = 0, 0

    def run(self, file: BufferedIOBase) -> object:
        """Return the object that the pickle at the file's position builds."""
        self.file = file
        for count, (name, argument) in enumerate(_instructions(file)):
            if count >= self.limits.operations:
                raise RefusedError(f"more than {self.limits.operations:,} instructions")
            if name in _PLAIN_VALUES:
                # arithmetic with longer ones could take hours
                if isinstance(argument, int) and argument.bit_length() > _MOST_BITS:
                    raise RefusedError(f"a number of more than {_MOST_BITS} bits")
                self.stack.append(argument)
            elif name in _CONSTANTS:
                self.stack.append(_CONSTANTS[name]())
            elif name in _INSTRUCTIONS:
                _INSTRUCTIONS[name](self, argument)
            else:
                raise RefusedError(f"instruction {name}")
        if self.outer or len(self.stack) != 1:
            raise ValueError("it does not build exactly one object")
        return self.stack[0]

    def mark(self, _: object) -> None:
        self.outer.append(self.stack)
        self.stack = []

    def since_mark(self) -> list[Any]:
        items, self.stack = self.stack, self.outer.pop()
        return items

    def put(self, index: int | None) -> None:
        place = len(self.memo) if index is None else index
        if place >= self.limits.memo:
            raise RefusedError(f"a memo of more than {self.limits.memo:,} objects")
        if place < 0:
            raise LookupError("a negative place in the memo")
        self.memo += [_NOTHING] * (place + 1 - len(self.memo))
        self.memo[place] = self.stack[-1]

    def get(self, index: int) -> None:
        found = self.memo[index] if 0 <= index < len(self.memo) else _NOTHING
        if found is _NOTHING:
            raise LookupError(f"the memo has nothing at {index}")
        self.stack.append(found)

    def tuple_of(self, count: int) -> None:
        self.stack.append(tuple([self.stack.pop() for _ in range(count)][::-1]))

    def gather(self, kind: Callable[[list[Any]], object]) -> None:
        made = kind(self.since_mark())
        self.stack.append(made)

    def top(self, kind: type) -> Any:
        """Return the container that items are for."""
        target = self.stack[-1]
        if not isinstance(target, kind):
            raise TypeError(f"items of a {kind.__name__} for a {type(target).__name__}")
        return target

    def extend(self, items: list[Any]) -> None:
        self.top(list).extend(items)

    def unite(self, items: list[Any]) -> None:
        self.top(set).update(map(plain_key, items))

    def update(self, items: list[Any]) -> None:
        self.top(dict).update(_pairs(items))

    def find(self, module: str, name: str) -> None:
        if (module, name) not in self.table:
            raise RefusedNameError(f"the name {shown(f'{module}.{name}')}")
        self.stack.append(Named(f"{module}.{name}", self.table[module, name]))

    def find_on_stack(self, _: object) -> None:
        name, module = self.stack.pop(), self.stack.pop()
        if not isinstance(module, str) or not isinstance(name, str):
            raise RefusedError("a name that is not text")
        self.find(module, name)

    def call(self, _: object) -> None:
        arguments, target = self.stack.pop(), self.stack.pop()
        if not isinstance(target, Named) or not callable(target.build):
            raise RefusedError(f"a call of {_name(target)}")
        if not isinstance(arguments, tuple):
            raise TypeError("arguments that are not a tuple")
        self.handle(arguments)
        self.stack.append(target.build(*arguments))

    def handle(self, given: object) -> None:
        """Count the work of our functions: few instructions could make them copy much."""
        inner = given if isinstance(given, tuple) and len(given) <= _FEW else ()
        for each in (given, *inner):
            self.texts += len(each) if isinstance(each, _TEXTS) else 0
            self.members += len(each) if isinstance(each, _CONTAINERS) else 0
        # a string of an old protocol becomes bytes first, then an array
        most = 2 * self.file.tell() + _SLACK
        if self.texts > most or self.members > self.limits.size:
            raise RefusedError(f"more than {most:,} bytes or {self.limits.size:,} objects in calls")

    def create(self, _: object) -> None:
        arguments, target = self.stack.pop(), self.stack.pop()
        if not isinstance(target, Named) or not isinstance(target.build, Empty) or arguments != ():
            raise RefusedError(f"a new {_name(target)}")
        self.stack.append(target.build.build())

    def set_state(self, _: object) -> None:
        state, target = self.stack.pop(), self.stack[-1]
        if not isinstance(target, Stateful):
            raise RefusedError(f"a state for {_name(target)}")
        self.handle(state)
        target.set_state(state)

    def look_up(self, _: object) -> None:
        if self.persistent is None:
            raise RefusedError("instruction BINPERSID")
        self.stack.append(self.persistent(self.stack.pop()))


def _name(value: object) -> str:
    return value.name if isinstance(value, Named) else type(value).__name__


def _pairs(items: list[Any]) -> dict[Hashable, Any]:
    return {plain_key(key): value for key, value in zip(items[::2], items[1::2], strict=True)}


def _instructions(file: BufferedIOBase) -> Iterator[tuple[str, object]]:
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


_NEWEST_PROTOCOL = 5
_PIECE = 2**26
_BY_CODE = {opcode.code.encode("latin-1"): opcode for opcode in pickletools.opcodes}
_OWN_READERS: Mapping[str, Callable[[BufferedIOBase], object]] = {
    "GLOBAL": _pair,
    "STRING": _quoted,
}
_NOTHING = object()
_MOST_BITS = 128
_FEW = 32
_SLACK = 2**20
_TEXTS = (str, bytes, bytearray)
_CONTAINERS = (list, tuple, dict, set, frozenset)
_PLAIN_VALUES = frozenset(
    {
        *("INT", "BININT", "BININT1", "BININT2", "LONG", "LONG1", "LONG4", "FLOAT", "BINFLOAT"),
        *("STRING", "BINSTRING", "SHORT_BINSTRING", "BINBYTES", "SHORT_BINBYTES", "BINBYTES8"),
        *("BYTEARRAY8", "UNICODE", "BINUNICODE", "SHORT_BINUNICODE", "BINUNICODE8"),
    }
)
_CONSTANTS: Mapping[str, Callable[[], object]] = {
    "NONE": lambda: None,
    "NEWTRUE": lambda: True,
    "NEWFALSE": lambda: False,
    "EMPTY_TUPLE": tuple,
    "EMPTY_LIST": list,
    "EMPTY_DICT": dict,
    "EMPTY_SET": set,
}
_INSTRUCTIONS: Mapping[str, Callable[[PickleMachine, Any], object]] = {
    **dict.fromkeys(("PROTO", "FRAME"), lambda machine, _: None),
    "MARK": PickleMachine.mark,
    "POP": lambda machine, _: machine.stack.pop() if machine.stack else machine.since_mark(),
    "POP_MARK": lambda machine, _: machine.since_mark(),
    "DUP": lambda machine, _: machine.stack.append(machine.stack[-1]),
    **dict.fromkeys(("PUT", "BINPUT", "LONG_BINPUT", "MEMOIZE"), PickleMachine.put),
    **dict.fromkeys(("GET", "BINGET", "LONG_BINGET"), PickleMachine.get),
    "TUPLE1": lambda machine, _: machine.tuple_of(1),
    "TUPLE2": lambda machine, _: machine.tuple_of(2),
    "TUPLE3": lambda machine, _: machine.tuple_of(3),
    "TUPLE": lambda machine, _: machine.gather(tuple),
    "LIST": lambda machine, _: machine.gather(list),
    "DICT": lambda machine, _: machine.gather(_pairs),
    "FROZENSET": lambda machine, _: machine.gather(lambda items: frozenset(map(plain_key, items))),
    "APPEND": lambda machine, _: machine.extend([machine.stack.pop()]),
    "APPENDS": lambda machine, _: machine.extend(machine.since_mark()),
    "ADDITEMS": lambda machine, _: machine.unite(machine.since_mark()),
    "SETITEM": lambda machine, _: machine.update([machine.stack.pop() for _ in "kv"][::-1]),
    "SETITEMS": lambda machine, _: machine.update(machine.since_mark()),
    "GLOBAL": lambda machine, names: machine.find(*names),
    "STACK_GLOBAL": PickleMachine.find_on_stack,
    "BINPERSID": PickleMachine.look_up,
    "REDUCE": PickleMachine.call,
    "NEWOBJ": PickleMachine.create,
    "BUILD": PickleMachine.set_state,
}
