"""Damage to files: random, and as somebody would do it who knows their format."""

import io
import json
import struct
import zipfile
from collections.abc import Callable
from random import Random

NUMBERS = (
    0,
    1,
    0x7F,
    0x80,
    0xFF,
    0x7FFF,
    0xFFFF,
    2**31 - 1,
    2**31,
    2**32 - 1,
    2**63 - 1,
    2**64 - 1,
)
WORDS = (
    *("[" * 50_000, "9" * 5000, "NaN", "-1", "1e999", "null", "{}", "[]", '""', "true", "\0"),
    *("\x1b[2J", "\u2028", "../../x", "1" * 18, "-0.0", "\ufeff", "=" * 300, "a." * 5000),
)
Mutation = Callable[[bytes, Random], bytes]


def mutated(data: bytes, random: Random, *, text: bool = False) -> bytes:
    """Return data with one to four damages."""
    for _ in range(random.choice([1, 1, 2, 4])):
        data = random.choice(OF_TEXT if text else OF_BYTES)(data, random)
    return data


def in_zip(data: bytes, random: Random, *, text: str = ".json") -> bytes:
    """Return a zip with damage inside a member, whose checksum fits, or to the zip itself."""
    if random.random() < 0.3:
        return mutated(data, random)
    source = zipfile.ZipFile(io.BytesIO(data))
    infos = source.infolist()
    victim = random.choice(infos)
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", victim.compress_type) as target:
        for info in infos:
            content = source.read(info)
            if info is victim:
                content = mutated(content, random, text=info.filename.endswith(text))
            target.writestr(info.filename, content)
    return buffer.getvalue()


def in_description(data: bytes, random: Random) -> bytes:
    """Return a file of safetensors with damage inside its description, or to the whole."""
    if random.random() < 0.3:
        return mutated(data, random)
    end = 8 + int.from_bytes(data[:8], "little")
    head = json.loads(data[8:end])
    key = random.choice(list(head["__metadata__"]))
    if random.random() < 0.7:
        value = mutated(head["__metadata__"][key].encode(), random, text=True)
        head["__metadata__"][key] = value.decode(errors="replace")
        text = json.dumps(head).encode()
    else:
        text = mutated(json.dumps(head).encode(), random, text=True)
    return len(text).to_bytes(8, "little") + text + data[end:]


def _place(data: bytes, random: Random) -> int:
    # headers matter more than what they describe
    return random.randrange(max(1, min(len(data), random.choice([64, 1024, len(data) or 1]))))


def _flip(data: bytes, random: Random) -> bytes:
    if not data:
        return data
    i = _place(data, random)
    return data[:i] + bytes([data[i] ^ 1 << random.randrange(8)]) + data[i + 1 :]


def _number(data: bytes, random: Random) -> bytes:
    form = random.choice(["<I", ">I", "<Q", ">Q", "<H", ">H", "B"])
    packed = struct.pack(form, random.choice(NUMBERS) % 256 ** struct.calcsize(form))
    i = _place(data, random)
    return data[:i] + packed + data[i + len(packed) :]


def _truncate(data: bytes, random: Random) -> bytes:
    return data[: random.randrange(len(data) + 1)]


def _delete(data: bytes, random: Random) -> bytes:
    i = _place(data, random)
    return data[:i] + data[i + random.choice([1, 4, 16, 256]) :]


def _repeat(data: bytes, random: Random) -> bytes:
    i = _place(data, random)
    piece = data[i : i + random.choice([1, 8, 64, 1024])]
    return data[:i] + piece * random.choice([2, 10, 1000]) + data[i:]


def _noise(data: bytes, random: Random) -> bytes:
    i = _place(data, random)
    return data[:i] + random.randbytes(random.choice([1, 8, 64])) + data[i:]


def _word(data: bytes, random: Random) -> bytes:
    i = random.randrange(len(data) + 1)
    return data[:i] + random.choice(WORDS).encode() + data[i + random.choice([0, 1, 3]) :]


def _value(data: bytes, random: Random) -> bytes:
    """Replace a run of digits or letters, such as a number or a name, as a whole."""
    starts = [
        i for i in range(1, len(data)) if data[i : i + 1].isalnum() > data[i - 1 : i].isalnum()
    ]
    if not starts:
        return _word(data, random)
    i = end = random.choice(starts)
    while data[end : end + 1].isalnum() or data[end : end + 1] == b".":
        end += 1
    return data[:i] + random.choice(WORDS).encode() + data[end:]


OF_BYTES: tuple[Mutation, ...] = (
    _flip,
    _flip,
    _number,
    _number,
    _truncate,
    _delete,
    _repeat,
    _noise,
)
OF_TEXT: tuple[Mutation, ...] = (_word, _value, _value, _truncate, _delete, _repeat, _flip)
