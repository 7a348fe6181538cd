"""HDF5 files that hold the right names in a wrong structure."""

import contextlib
import io
from collections.abc import Callable
from random import Random
from typing import Any

import h5py
import numpy as np

Change = Callable[[h5py.File, Random], None]
DEEP = "[" * 50_000
MANY = 12_000
MOST_VALUES = 1_000_000
UNFIT = (OSError, ValueError, TypeError, RuntimeError, LookupError, AttributeError, MemoryError)
COMPOUND = np.dtype([("a", "i4"), ("b", "f4")])
ENUM = h5py.enum_dtype({"RED": 0, "BLUE": 1}, basetype="u1")


def restructured(data: bytes, random: Random) -> bytes:
    """Return a valid HDF5 file that differs from this one in one to three structures."""
    buffer = io.BytesIO(data)
    with h5py.File(buffer, "r+", libver=random.choice(["earliest", "latest"])) as file:
        for _ in range(random.choice([1, 1, 2, 3])):
            # some changes fit no object, such as a filter for texts
            with contextlib.suppress(*UNFIT):
                random.choice(CHANGES)(file, random)
    data = buffer.getvalue()
    # neither filters nor kinds of links that HDF5 does not know can be made with h5py
    if random.random() < 0.3:
        data = data.replace(b"\1\0\b\0\1\0\1\0deflate", b"\x0f\x7d\b\0\0\0\1\0deflate")
    return data.replace(b"\x40\x09user_link", b"\x41\x09user_link").replace(
        b"\x40\x01\x09user_link", b"\x41\x01\x09user_link"
    )


def _items(file: h5py.File) -> list[h5py.Group | h5py.Dataset]:
    found: list[h5py.Group | h5py.Dataset] = []
    file.visititems(lambda _, item: found.append(item))
    return found


def _dataset(file: h5py.File, random: Random) -> h5py.Dataset:
    known = [item for item in _items(file) if isinstance(item, h5py.Dataset)]
    # what an earlier change made huge is not to be written out
    return random.choice([item for item in known if (item.size or 0) < MOST_VALUES])


def _replaced(item: h5py.Dataset | h5py.Group, make: Callable[[h5py.Group, str], object]) -> None:
    """Put something else in an object's place, with its attributes."""
    name, parent, attributes = item.name, item.parent, dict(item.attrs)
    del parent[name]
    new = make(parent, name)
    if isinstance(new, h5py.Group | h5py.Dataset):
        for key, value in attributes.items():
            new.attrs[key] = value


def values(file: h5py.File, random: Random) -> Any:
    """Return a value of any type that HDF5 stores."""
    shape = random.choice([(), (1,), (0,), (3,), (2, 3), (1, 2, 3, 4), (4000,)])
    return random.choice(
        [
            lambda: h5py.Empty(random.choice(["f4", "i8", "S10", h5py.string_dtype()])),
            lambda: random.choice([np.nan, np.inf, -np.inf, -1, 0, 2**63 - 1, -(2**63), 1e308]),
            lambda: random.choice(["", "null", "{}", "[]", "NaN", "x" * 60_000, "\x1b[2J\u2028"]),
            lambda: random.choice([DEEP, '{"a":' * 9000, "9" * 5000, "[1e999]", '"\\ud800"']),
            lambda: np.bytes_(b"\xff\xfe\x80"),
            lambda: np.void(b"\x00\x01\x02"),
            lambda: np.zeros(shape, COMPOUND),
            lambda: np.zeros(shape, ENUM),
            lambda: np.zeros(shape, random.choice("?bBhHiIqQefdgFD")),
            lambda: np.full(shape, -1, random.choice("bhiqefd")),
            lambda: np.full(shape, np.nan, random.choice("efdFD")),
            lambda: np.zeros(shape, random.choice([">f4", ">i8", "S7", "V5", "(3,)f4"])),
            lambda: np.array(["a", "é\u2028", ""], h5py.string_dtype()),
            lambda: file.ref,
            lambda: np.array([file.ref] * 2, h5py.ref_dtype),
            lambda: _dataset(file, random).regionref[...],
            lambda: np.array([np.arange(2), np.arange(3)], object),
        ]
    )()


def _ragged(value: Any) -> np.dtype | None:
    """Return the type of lists of different lengths, where the value is one of them."""
    bare = isinstance(value, np.ndarray) and value.dtype == object and not value.dtype.metadata
    return h5py.vlen_dtype(np.int64) if bare else None


def _attribute(file: h5py.File, random: Random) -> None:
    item = random.choice([file, file, *_items(file)])
    if len(item.attrs):
        name = random.choice(list(item.attrs))
        del item.attrs[name]
        if random.random() < 0.9:
            value = values(file, random)
            item.attrs.create(name, value, dtype=_ragged(value))


def _other_json(file: h5py.File, random: Random) -> None:
    """Change one word of an attribute's text."""
    item = random.choice([file, file, *_items(file)])
    texts = [key for key, value in item.attrs.items() if isinstance(value, str) and value]
    if texts:
        key = random.choice(texts)
        words = item.attrs[key].split(random.choice([" ", ":", ",", '"']))
        words[random.randrange(len(words))] = random.choice(
            ["", "-1", "NaN", "null", "[]", "{}", "1e999", "9" * 400, "true", "\0", "é"]
        )
        item.attrs[key] = " ".join(words)


def _type(file: h5py.File, random: Random) -> None:
    item = _dataset(file, random)
    kind = random.choice([*"?bBhHiIqQefdgFD", ">f4", "S7", "V5", "(3,)f4", COMPOUND, ENUM,
                          h5py.string_dtype(), h5py.vlen_dtype(np.int64), h5py.ref_dtype,
                          h5py.regionref_dtype])  # fmt: skip
    shape = item.shape or ()

    def make(group: h5py.Group, name: str) -> h5py.Dataset:
        if isinstance(kind, str) and kind not in ("S7", "V5", "(3,)f4"):
            return group.create_dataset(name, data=np.zeros(shape, kind))
        return group.create_dataset(name, shape, kind)

    _replaced(item, make)


def _shape(file: h5py.File, random: Random) -> None:
    item = _dataset(file, random)
    shape = list(item.shape or ())
    i = random.randrange(len(shape) + 1)
    shape = random.choice(
        [
            [],
            [0] * len(shape),
            shape[:-1],
            shape[1:],
            shape[::-1],
            [1, *shape],
            [*shape, 1],
            [*shape[:i], 0, *shape[i + 1 :]],
            shape[:i] + [each + 1 for each in shape[i : i + 1]] + shape[i + 1 :],
            shape[:i] + [each // 2 for each in shape[i : i + 1]] + shape[i + 1 :],
            [1] * 32,
        ]
    )
    _replaced(item, lambda group, name: group.create_dataset(name, shape, item.dtype))


def _layout(file: h5py.File, random: Random) -> None:
    """Store an array otherwise: packed, huge and empty, in huge chunks, or in another file."""
    item = _dataset(file, random)
    kept, kind, shape = item[()], item.dtype, list(item.shape or (1,))
    huge = [2**40, *shape[1:]]
    options: dict[str, Any] = random.choice(
        [
            {"data": kept, "compression": "gzip"},
            {"data": kept, "compression": "lzf", "shuffle": True},
            {"data": kept, "compression": "gzip", "scaleoffset": 0},
            {"data": kept, "fletcher32": True},
            {"shape": shape, "maxshape": [None] * len(shape), "fillvalue": 1},
            {"shape": huge, "chunks": True},
            {"shape": huge, "chunks": tuple([1] * len(huge)), "compression": "gzip"},
            {"shape": [2**16] * len(shape), "chunks": tuple([2**12] * len(shape))},
            {"shape": [2**31 - 1], "chunks": (2**29,), "compression": "gzip"},
            {"shape": shape, "external": [("precious", 0, h5py.h5f.UNLIMITED)]},
        ]
    )
    _replaced(item, lambda group, name: group.create_dataset(name, dtype=kind, **options))


def _numbers(file: h5py.File, random: Random) -> None:
    """Put odd numbers into an array."""
    item = _dataset(file, random)
    if item.dtype.kind == "f":
        number: float = random.choice([np.nan, np.inf, -np.inf, 1e38, -1e38, 0, 1e-45])
    elif item.dtype.kind in "iu":
        bounds = np.iinfo(item.dtype)
        number = random.choice([bounds.min, bounds.max, 0, 1])
    elif item.dtype.kind == "b":
        number = random.choice([False, True])
    else:
        item[...] = random.choice(["", "../../x", "a" * 5000, "\x1b[2J", "/"])
        return
    if item.shape and random.random() < 0.5:
        item[random.randrange(item.shape[0])] = number
    else:
        item[...] = number


def _kind(file: h5py.File, random: Random) -> None:
    """Put a group, a type or nothing where an array is, or an array where a group is."""
    item = random.choice(_items(file))

    def make(group: h5py.Group, name: str) -> object:
        if isinstance(item, h5py.Group):
            return group.create_dataset(name, data=values(file, random))
        if random.random() < 0.3:
            group[name] = random.choice([np.dtype("f4"), COMPOUND])
            return None
        return group.create_group(name) if random.random() < 0.6 else None

    _replaced(item, make)


def _link(file: h5py.File, random: Random) -> None:
    item = random.choice(_items(file))
    name, other = item.name, random.choice(_items(file)).name
    links: list[Any] = [
        *(h5py.SoftLink(name), h5py.SoftLink("/"), h5py.SoftLink("."), h5py.SoftLink("/nowhere")),
        *(h5py.ExternalLink("precious", "/"), h5py.ExternalLink("", "/"), file[other], file),
    ]
    if random.random() < 0.7:
        del file[name]
    else:
        name = f"{item.parent.name}/{random.choice(['user_link', 'images', 'done', 'w', 'ws'])}"
    file[name] = random.choice(links)


def _more(file: h5py.File, random: Random) -> None:
    """Add objects with odd names, very many, or very deep."""
    group = random.choice([file, *(each for each in _items(file) if isinstance(each, h5py.Group))])
    what = random.randrange(7)
    if what == 0:
        names = [b"\xff\xfe", b"\x1b[2J", b".hidden", b" ", b"x" * 60_000, "é\u2028".encode()]
        group.create_group(random.choice(names))
    elif what == 1:
        for _ in range(random.choice([10, 31, 34, 500])):
            group = group.create_group("g")
        group.create_dataset("images", data=values(file, random))
    elif what == 2 and random.random() < 0.1:
        for i in range(MANY):
            group.create_group(f"g{i}")
    elif what == 3 and random.random() < 0.1:
        for i in range(MANY):
            group.attrs.create(f"a{i}", i)
    elif what == 4:
        group.attrs[random.choice([b"\xff\xfe", "\x1b[2J", "x" * 60_000])] = 1
    elif what == 5:
        file.create_group("more").create_dataset("images", data=values(file, random))
    else:
        file.create_group("more").create_dataset("done", data=values(file, random))


def _renamed(file: h5py.File, random: Random) -> None:
    """Move an object to the name of another, or to an odd one."""
    item, other = random.choice(_items(file)), random.choice(_items(file)).name
    name = item.name
    to = random.choice([other, f"{name}2", f"more/{name}", b"\xff" + name.encode()[1:]])
    if to == other and to != name:
        del file[to]
    file.move(name, to)


CHANGES: tuple[Change, ...] = (
    *(_attribute, _attribute, _attribute, _other_json, _other_json, _type, _type, _shape, _shape),
    *(_layout, _numbers, _numbers, _kind, _kind, _link, _more, _renamed),
)
