"""The machine that executes a pickle's instructions to build plain data only."""

from collections.abc import Callable, Hashable, Mapping
from dataclasses import dataclass
from io import BufferedIOBase
from typing import Any, Protocol, runtime_checkable

from stylegan_cli.interop.pickles.instructions import instructions
from stylegan_cli.interop.pickles.limits import Limits, RefusedError, RefusedNameError, shown


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


@runtime_checkable
class Stateful(Protocol):
    """An object of ours that checks and takes its state from a pickle."""

    def set_state(self, state: object) -> None: ...


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
        for count, (name, argument) in enumerate(instructions(file)):
            if count >= self.limits.operations:
                raise RefusedError(f"more than {self.limits.operations:,} instructions")
            if name in _PLAIN_VALUES:
                self.stack.append(_small(argument))
            elif name in _CONSTANTS:
                self.stack.append(_CONSTANTS[name]())
            elif name in _INSTRUCTIONS:
                _INSTRUCTIONS[name](self, argument)
            elif name not in _NOTHING_TO_DO:
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
        target.update(map(plain_key, items))

    def update(self, items: list[Any]) -> None:
        target = self.stack[-1]
        if not isinstance(target, dict):
            raise TypeError(f"entries for a {type(target).__name__}")
        target.update(_pairs(items))

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


def plain_key(value: object) -> Hashable:
    """Return the value as a key of a dict or an element of a set."""
    # crafted integers can collide, which would take hours; hashes of strings are salted
    if isinstance(value, int) and abs(value) < 2**60:
        return value if abs(value) < _MOST_PLAIN else str(value)
    if value is None or (isinstance(value, str | bytes) and len(value) <= _LONGEST_NAME):
        return value
    raise RefusedError(f"a key or element of type {type(value).__name__}")


def _pairs(items: list[Any]) -> dict[Hashable, Any]:
    return {plain_key(key): value for key, value in zip(items[::2], items[1::2], strict=True)}


def _small(value: object) -> object:
    # arithmetic with longer ones could take hours
    if isinstance(value, int) and value.bit_length() > _MOST_BITS:
        raise RefusedError(f"a number of more than {_MOST_BITS} bits")
    return value


_NOTHING = object()
_MOST_BITS = 128
_MOST_PLAIN = 1024
_LONGEST_NAME = 1000
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
_NOTHING_TO_DO = frozenset({"PROTO", "FRAME"})
_INSTRUCTIONS: Mapping[str, Callable[[PickleMachine, Any], None]] = {
    "MARK": PickleMachine.mark,
    "POP": PickleMachine.pop,
    "POP_MARK": PickleMachine.drop,
    "DUP": PickleMachine.duplicate,
    "PUT": PickleMachine.put,
    "BINPUT": PickleMachine.put,
    "LONG_BINPUT": PickleMachine.put,
    "MEMOIZE": PickleMachine.put,
    "GET": PickleMachine.get,
    "BINGET": PickleMachine.get,
    "LONG_BINGET": PickleMachine.get,
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
