"""Pickles read by an interpreter of our own that builds plain data and nothing else.

A pickle is a program. Of its instructions only those that build numbers, strings and containers
are followed; a name in it stands for what the caller's table says, by exact match, and for
nothing else. Persistent ids, extension codes and out-of-band buffers are refused.
"""

import io
import pickletools
import struct
from collections.abc import Callable, Hashable, Mapping
from dataclasses import dataclass
from typing import Any, Protocol, runtime_checkable

from stylegan_cli.errors import ForeignFileError
from stylegan_cli.interop.limits import Limits, RefusedError, check_nesting


@dataclass(frozen=True)
class Named:
    """What a name in a pickle stands for.

    Attributes:
        build: Called with the arguments in the file; without it the name cannot be called.
    """

    name: str
    build: Callable[..., object] | None = None


@runtime_checkable
class Stateful(Protocol):
    """An object of ours that takes, and checks, the state a pickle gives it."""

    def set_state(self, state: object) -> None: ...


Table = Mapping[tuple[str, str], Callable[..., object] | None]
"""(module, name) to our function in its place, or None for a mere marker."""


def read_pickle(data: bytes, table: Table, *, source: str, limits: Limits | None = None) -> object:
    """The plain data a pickle describes.

    Args:
        source: File name for messages.

    Raises:
        ForeignFileError: A name outside the table, an instruction that plain data does not need,
            more than the limits allow, or a damaged file.
    """
    bounds = limits or Limits()
    try:
        if len(data) > bounds.file_bytes:
            raise RefusedError(f"{len(data):,} bytes, more than {bounds.file_bytes:,}")
        root = _Machine(table, bounds).run(data)
        check_nesting(root, bounds)
    except RefusedError as refusal:
        raise ForeignFileError(
            f"{source}: refused, nothing in it was run: {refusal}; get the file from its authors"
        ) from None
    except (ValueError, TypeError, LookupError, OverflowError, struct.error) as error:
        raise ForeignFileError(
            f"{source}: a damaged or cut pickle ({error}); copy or download it again"
        ) from None
    return root


class _Machine:
    """The pickle machine: a stack, the stacks set aside by marks, and a memo."""

    def __init__(self, table: Table, limits: Limits) -> None:
        self.table = table
        self.limits = limits
        self.stack: list[Any] = []
        self.outer: list[list[Any]] = []
        self.memo: dict[int, object] = {}

    def run(self, data: bytes) -> object:
        instructions = pickletools.genops(io.BytesIO(data))
        for count, (opcode, argument, _) in enumerate(instructions):
            if count >= self.limits.operations:
                raise RefusedError(f"more than {self.limits.operations:,} instructions")
            if opcode.name in _PLAIN_VALUES:
                self.stack.append(argument)
            elif opcode.name in _CONSTANTS:
                self.stack.append(_CONSTANTS[opcode.name]())
            elif opcode.name in _INSTRUCTIONS:
                _INSTRUCTIONS[opcode.name](self, argument)
            elif opcode.name not in _NOTHING_TO_DO:
                raise RefusedError(f"instruction {opcode.name}")
        if self.outer or len(self.stack) != 1:
            raise ValueError("it does not end with one object")
        return self.stack[0]

    def mark(self, _: object) -> None:
        self.outer.append(self.stack)
        self.stack = []

    def since_mark(self) -> list[Any]:
        items, self.stack = self.stack, self.outer.pop()
        return items

    def pop(self, _: object) -> None:
        if self.stack:
            self.stack.pop()
        else:
            self.since_mark()

    def drop(self, _: object) -> None:
        self.since_mark()

    def duplicate(self, _: object) -> None:
        self.stack.append(self.stack[-1])

    def put(self, index: int | None) -> None:
        if len(self.memo) >= self.limits.memo:
            raise RefusedError(f"a memo of more than {self.limits.memo:,} objects")
        self.memo[len(self.memo) if index is None else index] = self.stack[-1]

    def get(self, index: int) -> None:
        self.stack.append(self.memo[index])

    def tuple_of(self, count: int) -> None:
        items = [self.stack.pop() for _ in range(count)]
        self.stack.append(tuple(reversed(items)))

    def gather(self, kind: Callable[[list[Any]], object]) -> None:
        items = self.since_mark()
        self.stack.append(kind(items))

    def extend(self, items: list[Any]) -> None:
        target = self.stack[-1]
        if not isinstance(target, list):
            raise TypeError(f"items for a {type(target).__name__}")
        target.extend(items)

    def unite(self, items: list[Any]) -> None:
        target = self.stack[-1]
        if not isinstance(target, set):
            raise TypeError(f"elements for a {type(target).__name__}")
        target.update(map(_key, items))

    def update(self, items: list[Any]) -> None:
        target = self.stack[-1]
        if not isinstance(target, dict):
            raise TypeError(f"entries for a {type(target).__name__}")
        target.update(_pairs(items))

    def find(self, module: str, name: str) -> None:
        if (module, name) not in self.table:
            raise RefusedError(f"the name {module}.{name}")
        self.stack.append(Named(f"{module}.{name}", self.table[module, name]))

    def find_on_stack(self, _: object) -> None:
        name, module = self.stack.pop(), self.stack.pop()
        if not isinstance(module, str) or not isinstance(name, str):
            raise RefusedError("a name that is not text")
        self.find(module, name)

    def call(self, _: object) -> None:
        arguments, target = self.stack.pop(), self.stack.pop()
        if not isinstance(target, Named) or target.build is None:
            raise RefusedError(f"a call of {getattr(target, 'name', type(target).__name__)}")
        if not isinstance(arguments, tuple):
            raise TypeError("arguments that are no tuple")
        self.stack.append(target.build(*arguments))

    def set_state(self, _: object) -> None:
        state, target = self.stack.pop(), self.stack[-1]
        if not isinstance(target, Stateful):
            raise RefusedError(f"a state for {getattr(target, 'name', type(target).__name__)}")
        target.set_state(state)


def _key(value: object) -> Hashable:
    # integers beyond 60 bits can be made to collide, which would take hours
    if isinstance(value, int) and abs(value) < 2**60:
        return value
    if value is None or isinstance(value, str | bytes):
        return value
    raise RefusedError(f"a key or element of type {type(value).__name__}")


def _pairs(items: list[Any]) -> dict[Hashable, Any]:
    return {_key(key): value for key, value in zip(items[::2], items[1::2], strict=True)}


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
_NOTHING_TO_DO = frozenset({"PROTO", "FRAME", "STOP"})
_INSTRUCTIONS: Mapping[str, Callable[[_Machine, Any], None]] = {
    "MARK": _Machine.mark,
    "POP": _Machine.pop,
    "POP_MARK": _Machine.drop,
    "DUP": _Machine.duplicate,
    "PUT": _Machine.put,
    "BINPUT": _Machine.put,
    "LONG_BINPUT": _Machine.put,
    "MEMOIZE": _Machine.put,
    "GET": _Machine.get,
    "BINGET": _Machine.get,
    "LONG_BINGET": _Machine.get,
    "TUPLE1": lambda machine, _: machine.tuple_of(1),
    "TUPLE2": lambda machine, _: machine.tuple_of(2),
    "TUPLE3": lambda machine, _: machine.tuple_of(3),
    "TUPLE": lambda machine, _: machine.gather(tuple),
    "LIST": lambda machine, _: machine.gather(list),
    "DICT": lambda machine, _: machine.gather(_pairs),
    "FROZENSET": lambda machine, _: machine.gather(lambda items: frozenset(map(_key, items))),
    "APPEND": lambda machine, _: machine.extend([machine.stack.pop()]),
    "APPENDS": lambda machine, _: machine.extend(machine.since_mark()),
    "ADDITEMS": lambda machine, _: machine.unite(machine.since_mark()),
    "SETITEM": lambda machine, _: machine.update([machine.stack.pop() for _ in "kv"][::-1]),
    "SETITEMS": lambda machine, _: machine.update(machine.since_mark()),
    "GLOBAL": lambda machine, text: machine.find(*text.split(" ", 1)),
    "STACK_GLOBAL": _Machine.find_on_stack,
    "REDUCE": _Machine.call,
    "BUILD": _Machine.set_state,
}
