"""Files of fixed forms, LMDB and idx, whose numbers lie."""

import gzip
import struct
from random import Random

NUMBERS = (0, 1, 2, 7, 28, 255, 4096, 2**15, 2**16 - 1, 2**24, 2**31 - 1, 2**31, 2**32 - 1, 2**63)


def put(data: bytearray, place: int, form: str, number: int) -> None:
    """Write a number at a place, as far as the data goes."""
    packed = struct.pack(form, number % 256 ** struct.calcsize(form))
    data[place : place + len(packed)] = packed[: max(0, len(data) - place)]


def number_of(random: Random, old: int) -> int:
    """Return another number: one of the odd ones, or one near the old one."""
    near = (old + 1, old - 1, old * 2, old // 2, -old, old + 4096)
    return random.choice([*NUMBERS, *near, *near])


def lmdb(data: bytes, random: Random) -> bytes:
    """Return an LMDB whose description, pages or nodes say something else."""
    changed = bytearray(data)
    size = int.from_bytes(data[40:44], "little")
    pages = range(2, len(data) // size)
    for _ in range(random.choice([1, 1, 2, 3])):
        page = random.choice(pages) * size
        count = min(max(0, int.from_bytes(data[page + 12 : page + 14], "little") - 16) // 2, 200)
        nodes = struct.unpack_from(f"<{count}H", data, page + 16)
        node = page + random.choice(nodes or (16,))
        # page size, root and flags of both descriptions; kind and bounds of a page; a node
        fields = [
            *((start + at, form) for start in (0, size) for at, form in _META),
            *((page + 10, "<H"), (page + 12, "<H"), (page + 14, "<H"), (page, "<Q")),
            *((page + 16 + 2 * i, "<H") for i in range(min(count, 4))),
            *((node + at, "<H") for at in (0, 2, 4, 6)),
            *((node + 8 + struct.unpack_from("<H", data, min(node + 6, len(data) - 2))[0], "<Q"),),
        ]
        place, form = random.choice(fields)
        old = int.from_bytes(data[place : place + struct.calcsize(form)], "little")
        put(changed, place, form, number_of(random, old))
        if random.random() < 0.1:
            # a page stands for another, as in a tree that leads back to itself
            other = random.choice(pages) * size
            changed[page : page + size] = data[other : other + size]
    if random.random() < 0.15:
        del changed[random.choice([size, 2 * size, len(changed) // 2, len(changed) - 1]) :]
    return bytes(changed)


_META = (
    *((16, "<I"), (20, "<I"), (40, "<I"), (44, "<H"), (46, "<H"), (88, "<I"), (92, "<H")),
    *((96, "<Q"), (128, "<Q"), (136, "<Q"), (144, "<Q")),
)


def idx(data: bytes, random: Random) -> bytes:
    """Return an idx file of other kinds, sizes and axes, gzipped or not."""
    changed = bytearray(data)
    axes = data[3]
    for _ in range(random.choice([1, 1, 2])):
        what = random.randrange(6)
        if what < 3:
            place = 4 + 4 * random.randrange(axes)
            put(changed, place, ">I", number_of(random, int.from_bytes(data[place : place + 4])))
        elif what == 3:
            changed[random.choice([2, 3])] = random.choice([0, 1, 2, 3, 4, 8, 9, 13, 14, 255])
        elif what == 4:
            changed[4 + 4 * axes :] = random.choice([b"", b"\xff" * 9, bytes(changed[16:]) * 3])
        else:
            changed[4:4] = random.choice([b"\0\0\0\1", b"\0\0\0\0", b"\x7f\xff\xff\xff"])
    whole = bytes(changed)
    if random.random() < 0.5:
        return whole
    packed = gzip.compress(whole, mtime=0)
    bomb = gzip.compress(whole[:16] + bytes(2**24), mtime=0)
    return random.choice([packed, packed * 2, packed + b"x" * 9, packed[:-9], packed[:12], bomb,
                          gzip.compress(packed), packed[:-8] + b"\xff" * 8,
                          packed + bytes(99)])  # fmt: skip
