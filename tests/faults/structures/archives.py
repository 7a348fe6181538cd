"""Zip and tar files whose entries overlap, lie, link, repeat, or claim more than there is."""

import gzip
import io
import json
import stat
import struct
import tarfile
import warnings
import zipfile
from collections.abc import Callable
from functools import cache
from random import Random

from tests.faults.structures.binary import number_of, put
from tests.faults.structures.texts import changed, json_of

NAMES = (
    *("../../x.png", "/tmp/x.png", "C:\\x.png", "a\\..\\..\\x.png", "a//b.png", "./a.png", "."),
    *("\x1b[2J.png", "a\u2028b.png", "n" * 60_000 + ".png", "a/" * 500 + "b.png", "folder.png/"),
    *("00000/img00000000.png", "img.PNG", ".hidden.png", "", " ", "dataset.json", "con.png"),
)
Files = list[tuple[str, bytes]]
MANY = 20_000


def zipped(data: bytes, random: Random) -> bytes:
    """Return a zip whose entries, directory or annotations are of another structure."""
    with zipfile.ZipFile(io.BytesIO(data)) as source:
        files = [(name, source.read(name)) for name in source.namelist()]
    files = _rearranged(files, random)
    buffer = io.BytesIO(random.choice([b"", b"", b"", b"MZ" * 50]))
    buffer.seek(0, io.SEEK_END)
    with warnings.catch_warnings(), zipfile.ZipFile(buffer, "w") as target:
        warnings.simplefilter("ignore")  # of names that are there twice
        for name, content in files:
            info = zipfile.ZipInfo(name)
            info.compress_type = random.choices(
                [*(zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED, zipfile.ZIP_BZIP2, zipfile.ZIP_LZMA)],
                [5, 5, 1, 1],
            )[0]
            if random.random() < 0.1:
                kind = random.choice([stat.S_IFLNK, stat.S_IFDIR, stat.S_IFCHR, stat.S_IFIFO])
                info.external_attr = (kind | 0o777) << 16
            if random.random() < 0.05:
                info.extra = random.choice(
                    [b"\1\0\x18\0" + b"\xff" * 24, b"\1\0\xff\xff", b"up\5\0a"]
                )
            target.writestr(info, content)
    whole = bytearray(buffer.getvalue())
    if random.random() < 0.7:
        _lie(whole, random)
    return bytes(whole)


def _lie(whole: bytearray, random: Random) -> None:
    """Change what the directory, the entries themselves or the end of a zip say."""
    end = whole.rfind(b"PK\5\6")
    centrals, locals_ = _found(whole, b"PK\1\2"), _found(whole, b"PK\3\4")
    fields = {  # places behind the mark, with their forms
        b"PK\1\2": ((6, "<H"), (8, "<H"), (10, "<H"), (16, "<I"), (20, "<I"), (24, "<I"), (28,
                                                                                           "<H"),
                    (30, "<H"), (32, "<H"), (34, "<H"), (42, "<I"), (14, "<I")),
        b"PK\3\4": ((6, "<H"), (8, "<H"), (18, "<I"), (22, "<I"), (26, "<H"), (28, "<H")),
        b"PK\5\6": ((4, "<H"), (8, "<H"), (10, "<H"), (12, "<I"), (16, "<I"), (20, "<H")),
    }  # fmt: skip
    if random.random() < 0.15:
        for place in centrals:  # all are the same bytes
            put(whole, place + 42, "<I", 0)
        return
    for _ in range(random.choice([1, 2, 4])):
        at = random.choice([*centrals[:20], *locals_[:5], end])
        place, form = random.choice(fields[bytes(whole[at : at + 4])])
        old = int.from_bytes(whole[at + place : at + place + struct.calcsize(form)], "little")
        for each in centrals if at in centrals and random.random() < 0.3 else [at]:
            put(whole, each + place, form, number_of(random, old))


def _found(whole: bytearray, mark: bytes) -> list[int]:
    places, at = [], whole.find(mark)
    while at >= 0:
        places.append(at)
        at = whole.find(mark, at + 4)
    return places


def _rearranged(files: Files, random: Random) -> Files:
    for _ in range(random.choice([0, 1, 1, 2, 3])):
        i = random.randrange(len(files))
        name, content = files[i]
        annotations = [n for n, (each, _) in enumerate(files) if each.endswith(".json")]
        what = random.randrange(9)
        if what == 0:
            files.insert(i, random.choice(files))
        elif what == 1:
            files[i] = (random.choice(NAMES), content)
        elif what == 2:
            files[i] = (name, random.choice([b"", b"/etc/passwd", bytes(2**22), content[:99]]))
        elif what == 3:
            files.insert(0, (random.choice(NAMES), content))
        elif what == 4 and random.random() < 0.2:
            files += [(f"many/{n}.png", b"") for n in range(MANY)]
        elif what == 5:
            files.insert(i, ("inner.zip", b"PK\5\6" + bytes(18)))
        elif annotations:
            i = annotations[0]
            name, content = files[i]
            try:
                tree = changed(json.loads(content), random, times=random.choice([1, 2, 3]))
                content = json_of(tree, random).encode("utf-8", "surrogatepass")
            except ValueError:
                content = bytes(2**25)
            files[i] = (name, content)
    return files


TYPES = (tarfile.SYMTYPE, tarfile.LNKTYPE, tarfile.CHRTYPE, tarfile.BLKTYPE, tarfile.FIFOTYPE,
         tarfile.DIRTYPE, tarfile.CONTTYPE, tarfile.GNUTYPE_SPARSE, tarfile.GNUTYPE_LONGNAME,
         tarfile.GNUTYPE_LONGLINK, tarfile.XHDTYPE, tarfile.XGLTYPE, b"V", b"M",
         b"\xff")  # fmt: skip
PAX = {
    "size": ("0", "-512", "9" * 30, "x", "99999", "1"),
    "path": NAMES,
    "linkpath": ("/etc/passwd", "x" * 90_000),
    "mtime": ("nan", "1e999", "x"),
    "hdrcharset": ("BINARY", "x"),
    "uid": ("-1", "9" * 5000, "x"),
    "GNU.sparse.map": ("0,1", "0,1,2", "a", "0,99999999999", "-5,5", ",".join(["0,1"] * 9000)),
    "GNU.sparse.size": ("99999999999", "-1", "x"),
    "GNU.sparse.numblocks": ("1", "99999999", "x"),
    "GNU.sparse.major": ("1", "0", "x"),
    "GNU.sparse.minor": ("0", "1"),
    "GNU.sparse.name": ("../x.png",),
    "GNU.sparse.realsize": ("99999999999", "x"),
    "SCHILY.realsize": ("1",),
}
FORMATS = (tarfile.USTAR_FORMAT, tarfile.GNU_FORMAT, tarfile.PAX_FORMAT)


def shards(data: bytes, random: Random, *, zipped: bool = False) -> bytes:
    """Return a tar, perhaps gzipped, whose members are of other kinds, sizes and names."""
    with tarfile.open(fileobj=io.BytesIO(data)) as source:
        files = [(each.name, source.extractfile(each).read()) for each in source]  # type: ignore[union-attr]
    files = _rearranged(files, random)
    buffer = io.BytesIO()
    form = random.choice(FORMATS)
    with tarfile.open(fileobj=buffer, mode="w", format=form) as target:
        for name, content in files:
            member = tarfile.TarInfo(name)
            member.size = len(content)
            if random.random() < 0.1:
                member.type = random.choice(TYPES)
                member.linkname = random.choice(["/etc/passwd", "../x", name, "", "l" * 300])
            if form == tarfile.PAX_FORMAT and random.random() < 0.2:
                keys = random.sample(list(PAX), random.choice([1, 1, 3]))
                member.pax_headers = {key: random.choice(PAX[key]) for key in keys}
            try:
                target.addfile(member, io.BytesIO(content))
            except ValueError:  # a name that USTAR cannot hold
                continue
    whole = bytearray(buffer.getvalue())
    for _ in range(random.choice([0, 0, 1, 2])):
        _lie_in_header(whole, random)
    if random.random() < 0.1:
        del whole[random.choice([100, 512, 700, len(whole) // 2, len(whole) - 1024]) :]
    return _gzipped(bytes(whole), random) if zipped else bytes(whole)


def _lie_in_header(whole: bytearray, random: Random) -> None:
    """Change a field of a header, and its checksum so that it fits."""
    at = random.choice([place - 257 for place in _found(whole, b"ustar")] or [0])
    field, length = random.choice([(124, 12), (124, 12), (124, 12), (0, 100), (156, 1), (257, 8),
                                   (345, 155), (100, 8), (386, 97), (482, 1)])  # fmt: skip
    words: Callable[[], bytes] = lambda: random.choice(  # noqa: E731
        [
            *(b"77777777777", b"0", b"-1", b" ", b"\0" * 12, b"x" * length, b"\xff" * length),
            *(b"\x80" + b"\0" * 3 + b"\x7f" + b"\xff" * 7, b"00000001000", b"9", b"\x1b[2J"),
            *(bytes([random.randrange(256)]), b"S", b"L", b"x", b"g", b"00000000012 " * 8),
        ]
    )
    whole[at + field : at + field + length] = words()[:length].ljust(length, b"\0")
    whole[at + 148 : at + 156] = b" " * 8
    whole[at + 148 : at + 156] = b"%06o\0 " % sum(whole[at : at + 512])


def _gzipped(whole: bytes, random: Random) -> bytes:
    packed = gzip.compress(whole, mtime=0)
    half = gzip.compress(whole[:999], mtime=0) + gzip.compress(whole[999:], mtime=0)
    bomb = packed + _zeros() * 4
    return random.choice([packed, packed, half, packed + b"x", packed[:-9], bomb, packed * 2,
                          gzip.compress(packed), packed[:-8] + b"\xff" * 8, whole])  # fmt: skip


@cache
def _zeros() -> bytes:
    return gzip.compress(bytes(2**25), mtime=0)
