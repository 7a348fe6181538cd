"""Safetensors and parquet whose descriptions do not fit what they describe."""

import io
import json
from random import Random
from typing import Any

import pytest

from tests.faults.structures.binary import number_of
from tests.faults.structures.texts import changed, json_of, odd, recipe

DTYPES = ("F64", "F32", "F16", "BF16", "F8_E4M3", "F8_E5M2", "F8_E8M0", "F4", "I64", "I32", "I16",
          "I8", "U64", "U32", "U16", "U8", "BOOL", "C64", "F6_E2M3", "x", "")  # fmt: skip
SHAPES = ([], [0], [2**40], [-1], [2**63, 2**63], [2**64], [1] * 70, [0, 2**62], [1.5], "3", [None])
BITS = {"F64": 64, "I64": 64, "U64": 64, "C64": 64, "F16": 16, "BF16": 16, "I16": 16, "U16": 16,
        "F8_E4M3": 8, "F8_E5M2": 8, "F8_E8M0": 8, "I8": 8, "U8": 8, "BOOL": 8, "F4": 4}  # fmt: skip
IN_JSON = ("classes", "provenance", "label_columns", "difference_of")


def network(data: bytes, random: Random) -> bytes:
    """Return a network file whose tensors or description are of another structure."""
    end = 8 + int.from_bytes(data[:8], "little")
    head, content = json.loads(data[8:end]), data[end:]
    for _ in range(random.choice([1, 1, 2, 3])):
        if random.random() < 0.45:
            _describe(head, random)
        else:
            content = _tensor(head, content, random)
    text = json_of(head, random).encode("utf-8", "surrogatepass")
    if random.random() < 0.03:
        text = json.dumps({"__metadata__": {str(i): "" for i in range(10**6)}}).encode()
    length = len(text) if random.random() < 0.95 else number_of(random, len(text)) % 2**64
    return length.to_bytes(8, "little") + text + content


def _describe(head: dict[str, Any], random: Random) -> None:
    facts = head.get("__metadata__")
    if not isinstance(facts, dict) or random.random() < 0.1:
        changed(head, random)
        return
    if "difference_of" not in facts and random.random() < 0.1:
        facts["difference_of"] = '{"sha256": "0", "path": "/dev/zero"}'
    key = random.choice(list(facts))
    if key == "recipe":
        facts[key] = recipe(facts[key].encode(), random).decode(errors="replace")
    elif key in IN_JSON:
        facts[key] = json_of(changed(json.loads(facts[key]), random), random)
    elif random.random() < 0.2:
        facts.pop(key)
    else:
        value = odd(random)
        facts[key] = value if random.random() < 0.1 else str(value)


def _tensor(head: dict[str, Any], content: bytes, random: Random) -> bytes:
    names = [name for name in head if name != "__metadata__" and isinstance(head[name], dict)]
    name = random.choice(names)
    about, other = head[name], head[random.choice(names)]
    what = random.randrange(9)
    if what == 0:
        about["dtype"] = random.choice(DTYPES)
    elif what == 1:
        about["shape"] = random.choice(SHAPES)
    elif what == 2:
        about["shape"] = random.choice(
            [about["shape"][::-1], [*about["shape"], 1], [1, *about["shape"]]]
        )
    elif what == 3:
        offsets = about["data_offsets"]
        about["data_offsets"] = random.choice([offsets[::-1], [0, 0], other["data_offsets"],
                                               [-4, 0],
                                               [offsets[0], 2**63], [0, len(content) + 4], [1],
                                               None])  # fmt: skip
    elif what == 4:
        head[random.choice([name.replace("g_ema", "d"), "g_ema.", name + "2", "\x1b[2J"])] = (
            head.pop(name)
        )
    elif what == 5:
        return _cast(head, name, content, random)
    elif what == 6:
        return content + bytes(64) if random.random() < 0.5 else content[:-4]
    elif what == 7:
        return bytes([random.choice([0, 0xFF, 0x7F])]) * len(content)
    else:
        changed(about, random)
    return content


def _cast(head: dict[str, Any], name: str, content: bytes, random: Random) -> bytes:
    """Give one tensor, or all, another type, and its own place at the end."""
    kind = random.choice(list(BITS))
    all_ = [each for each in head if each != "__metadata__" and isinstance(head[each], dict)]
    start = 0
    for each in sorted(all_, key=lambda each: str(head[each].get("data_offsets"))):
        about = head[each]
        shape = about.get("shape") if isinstance(about.get("shape"), list) else []
        if each == name or name == all_[0]:
            about["dtype"] = kind
        bits = BITS.get(about["dtype"], 32)
        size = bits
        for length in shape:
            size *= length if isinstance(length, int) and 0 <= length < 2**20 else 1
        about["data_offsets"] = [start, start + size // 8]
        start += size // 8
    return (content * (1 + start // max(1, len(content))))[:start]


def parquet(data: bytes, random: Random) -> bytes:
    """Return a parquet file whose columns have other types, names, sizes and packings."""
    arrow = pytest.importorskip("pyarrow")
    from pyarrow import parquet as files

    table = files.read_table(io.BytesIO(data))
    for _ in range(random.choice([0, 1, 1, 2, 3])):
        try:
            table = _column(arrow, table, random)
        except (arrow.ArrowException, ValueError, TypeError, OverflowError, UnicodeError):
            continue
    metadata = dict(table.schema.metadata or {})
    if random.random() < 0.4:
        tree = changed(json.loads(metadata.get(b"huggingface", b"{}")), random, times=2)
        metadata[b"huggingface"] = json_of(tree, random).encode("utf-8", "surrogatepass")
    buffer = io.BytesIO()
    shared = any(arrow.types.is_dictionary(kind) for kind in table.schema.types)
    options: dict[str, Any] = {
        "compression": random.choice(["snappy", "gzip", "zstd", "brotli", "lz4", "none"]),
        "row_group_size": random.choice([1, 3, 100]),
        "use_dictionary": shared or random.choice([True, False]),
        "data_page_version": random.choice(["1.0", "2.0"]),
        "store_schema": random.random() < 0.5,
        "write_statistics": random.random() < 0.5,
        "dictionary_pagesize_limit": 2**26,
    }
    try:
        files.write_table(table.replace_schema_metadata(metadata), buffer, **options)
    except (arrow.ArrowException, ValueError, TypeError, OverflowError):
        return data
    whole = buffer.getvalue()
    if random.random() < 0.35:
        whole = _footer(whole, random)
    return whole


def _column(arrow: Any, table: Any, random: Random) -> Any:
    names, rows = table.column_names, table.num_rows
    i = random.randrange(len(names))
    name, column = names[i], table.column(i).combine_chunks()
    png = b"".join(each for each in _pngs(column) or [b"\x89PNG"])
    what = random.randrange(8)
    if what == 0:
        return table.remove_column(i)
    if what == 1:
        to = random.choice(
            ["image", "label", "a.b", "image.bytes", "", "\x1b[2J", "x" * 50_000, "img"]
        )
        return table.rename_columns([to if n == i else each for n, each in enumerate(names)])
    if what == 2:
        return table.append_column(random.choice([name, "image", "label"]), column)
    if what == 3:
        return table.slice(0, random.choice([0, 1]))
    if what == 4 and random.random() < 0.15:
        for n in range(300):
            table = table.append_column(f"c{n}", arrow.array([n] * table.num_rows))
        return table
    if what == 5:
        # one long value that many rows share
        value = {"bytes": png.ljust(2**20, b"\0"), "path": "p" * 2**16}
        size = random.choice([5, 5, 5, 5, 5, 3000])
        shared = arrow.DictionaryArray.from_arrays(
            arrow.array([0] * size), arrow.array([value["bytes"]])
        )
        return arrow.table({"image": shared, "label": arrow.array([0] * size)})
    values = (
        [_value(random, png) for _ in range(rows)]
        if random.random() < 0.3
        else [_value(random, png)] * rows
    )
    kind = random.choice([None, None, *_types(arrow)])
    made = arrow.array(values, kind) if kind is not None else arrow.array(values)
    return table.set_column(i, name, made)


def _pngs(column: Any) -> list[bytes]:
    values = [each["bytes"] if isinstance(each, dict) else each for each in column.to_pylist()[:1]]
    return [each for each in values if isinstance(each, bytes)]


def _types(arrow: Any) -> list[Any]:
    return [
        *(arrow.binary(), arrow.large_binary(), arrow.string(), arrow.large_string(), arrow.null()),
        *(arrow.int8(), arrow.uint64(), arrow.float16(), arrow.float64(), arrow.bool_(),
          arrow.date32()),
        *(arrow.timestamp("ns"), arrow.time64("ns"), arrow.decimal128(38, 3), arrow.binary(4)),
        *(arrow.list_(arrow.int64()), arrow.list_(arrow.binary()), arrow.map_(arrow.string(),
                                                                              arrow.int8())),
        arrow.struct([("bytes", arrow.binary()), ("path", arrow.binary())]),
        arrow.struct([("bytes", arrow.string()), ("path", arrow.string())]),
        arrow.struct([("bytes", arrow.list_(arrow.uint8())), ("path", arrow.string())]),
        arrow.struct([("path", arrow.string()), ("bytes", arrow.binary()), ("more", arrow.int8())]),
        arrow.dictionary(arrow.int32(), arrow.string()),
        arrow.dictionary(arrow.int8(), arrow.binary()),
    ]  # fmt: skip


def _value(random: Random, png: bytes) -> Any:
    return random.choice(
        [
            *(None, True, 0, -1, 2**63 - 1, 1.5, float("nan"), float("inf"), "", "cat", "\x1b[2J"),
            *(b"", png, png[:50], bytes(2**17), "x" * 60_000, [], [1, 2], [png]),
            *({"bytes": png, "path": None}, {"bytes": None, "path": "/etc/passwd"}, {"bytes": png}),
            *({"path": "../../x.png", "bytes": b""}, {"a": 1}, {"bytes": "text", "path": "a.png"}),
        ]
    )


def _footer(whole: bytes, random: Random) -> bytes:
    """Change numbers of the description at a parquet file's end, which has no checksum."""
    changed = bytearray(whole)
    length = int.from_bytes(whole[-8:-4], "little")
    start = len(whole) - 8 - length
    for _ in range(random.choice([1, 1, 3])):
        place = random.randrange(start, len(whole) - 4)
        # thrift writes numbers in groups of 7 bits
        changed[place] = random.choice([0, 1, 0x7E, 0x7F, 0x80, 0xFE, 0xFF, changed[place] ^ 2])
    if random.random() < 0.3:
        place = random.randrange(start, len(whole) - 8)
        changed[place:place] = b"\xfe\xff\xff\xff\x0f"
        changed[-8:-4] = (length + 5).to_bytes(4, "little")
    return bytes(changed)
