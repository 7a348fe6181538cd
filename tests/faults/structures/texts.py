"""Texts of recipes, tables and JSON whose values are of other kinds, sizes, names or places."""

import contextlib
import json
import tomllib
from collections.abc import Iterator
from random import Random
from typing import Any

import tomli_w

LITERALS = {
    '"@deep"': "[" * 50_000,
    '"@closed"': "[" * 9000 + "]" * 9000,
    '"@digits"': "9" * 5000,
    '"@real"': "1e999",
    '"@date"': "1979-05-27T07:32:00Z",
    '"@table"': "{a.b.c = 1, a.b.d = 2}",
}
"""Values that writers of JSON or TOML would not write."""
KEYS = (
    "",
    "a" * 50_000,
    "\x1b[2J\u2028",
    "__proto__",
    "a.b",
    "train",
    "label",
    "labels",
    "file_name",
)


def odd(random: Random) -> Any:
    """Return a value that nobody expects."""
    return random.choice(
        [
            lambda: random.choice([None, True, False, [], {}, [[]], [None], {"a": {}}]),
            lambda: random.choice([-1, 0, 1, 2**31, 2**63, -(2**63), 2**64, 10**400, 65_536]),
            lambda: random.choice([float("nan"), float("inf"), -float("inf"), 1e308, 0.5, -0.0]),
            lambda: random.choice(["", "x" * 60_000, "\x1b[2J", "a\u2028b\x85", "\ud800", "\0"]),
            lambda: random.choice(["../../x", "/", ".", "..", "nan", "1e999", "-1", "٣", "1_000"]),
            lambda: random.choice(list(LITERALS)).strip('"'),
            lambda: random.choice([list(range(20_000)), {str(i): i for i in range(20_000)}]),
        ]
    )()


def changed(tree: Any, random: Random, *, times: int = 1) -> Any:
    """Change some places of a tree of JSON, in place unless all of it; return the tree."""
    for _ in range(times):
        places = list(_places(tree))
        if not places or random.random() < 0.02:
            return odd(random)
        holder, key = random.choice(places)
        _change(holder, key, random, random.choice(places))
    return tree


def _places(tree: Any) -> Iterator[tuple[Any, Any]]:
    keys = (
        list(tree) if isinstance(tree, dict) else range(len(tree)) if isinstance(tree, list) else ()
    )
    for key in keys:
        yield tree, key
        yield from _places(tree[key])


def _change(holder: Any, key: Any, random: Random, other: tuple[Any, Any]) -> None:
    value = holder[key]
    what = random.randrange(9)
    if what == 0:
        del holder[key]
    elif what == 1:
        holder[key] = random.choice([[value], {"a": value}, str(value), json.dumps(value)])
    elif what == 2:
        holder[key] = json.loads(json.dumps(other[0][other[1]]))
    elif what == 3 and isinstance(holder, dict):
        holder[random.choice(KEYS)] = holder.pop(key)
    elif what == 4:
        if isinstance(holder, dict):
            holder[random.choice(KEYS)] = odd(random)
        else:
            holder.insert(random.randrange(len(holder) + 1), value)
    elif what == 5 and isinstance(value, list | str):
        holder[key] = random.choice([value[:0], value[::-1], value * 1000, value[1:], value * 2])
    elif what in (5, 6) and isinstance(value, int | float):
        holder[key] = value * random.choice([-1, 0, 0.5, 3, 1000, 10**6, 2**40, 1e300])
    else:
        holder[key] = odd(random)


def json_of(tree: Any, random: Random) -> str:
    """Return a tree as JSON, perhaps with a key that is there twice."""
    text = json.dumps(tree, ensure_ascii=random.random() < 0.5)
    for short, literal in LITERALS.items():
        text = text.replace(short, literal)
    if random.random() < 0.1:
        again = json.dumps(random.choice([*tree, ""]) if isinstance(tree, dict) else "")
        text = text.replace("{", f"{{{again}: {random.choice(['1', '[]', '{}', 'null'])}, ", 1)
    return text


def _bytes(text: str, random: Random) -> bytes:
    form = random.choices(["utf-8", "utf-8-sig", "utf-16", "latin-1"], [90, 4, 3, 3])[0]
    handling = "surrogatepass" if form == "utf-8" else "replace"
    return text.encode(form, handling)


def document(data: bytes, random: Random) -> bytes:
    """Return a changed document of JSON."""
    return _bytes(json_of(changed(json.loads(data), random, times=_times(random)), random), random)


def lines(data: bytes, random: Random) -> bytes:
    """Return changed lines of JSON."""
    kept = data.decode().split("\n")[:-1]
    for _ in range(_times(random)):
        i = random.randrange(len(kept))
        what = random.randrange(8)
        if what == 0:
            kept[i] = random.choice(["", "1", "null", "[1]", '"a"', "[" * 50_000, " " * 9000, "{"])
        elif what == 1:
            kept.insert(i, random.choice(kept))
        elif what == 2:
            kept.reverse()
        elif what == 3 and random.random() < 0.2:
            kept += [kept[i]] * 20_000
        else:
            with contextlib.suppress(ValueError, RecursionError):  # changed before
                kept[i] = json_of(changed(json.loads(kept[i]), random, times=2), random)
        kept = kept or ["{}"]
    return _bytes("\n".join(kept) + random.choice(["\n", "\n", "\n", "", "\r\n"]), random)


def recipe(data: bytes, random: Random) -> bytes:
    """Return a changed recipe."""
    tree = changed(tomllib.loads(data.decode()), random, times=random.choice([1, 1, 2, 4]))
    tree = _without_null(tree) if isinstance(tree, dict) else {"a": _without_null(tree)}
    text = tomli_w.dumps(tree)
    for short, literal in LITERALS.items():
        text = text.replace(short, literal)
    section = random.choice(["train", "data", "generator", "augment", "metrics", "schema", "x"])
    text += random.choices(
        [
            *("", f"\n[{section}]\na = 1\n", f"\n[[{section}]]\nbatch_size = 1\n"),
            *(f"\n[{section}.batch_size]\na = 1\n", "\n" + "[a]\n" * 2, "\n[" + "a." * 60 + "b]\n"),
            *("\n[x]\n" + "".join(f"k{i} = 1\n" for i in range(9000)), f"\n[{section}"),
        ],
        [70, 5, 5, 5, 3, 4, 4, 4],
    )[0]
    return _bytes(text, random)


def _without_null(tree: Any) -> Any:
    if isinstance(tree, dict):
        return {key: _without_null(value) for key, value in tree.items()}
    if isinstance(tree, list):
        return [_without_null(value) for value in tree]
    return "" if tree is None else tree


def table(data: bytes, random: Random) -> bytes:
    """Return a changed table of commas, with a first line of titles or without."""
    rows = [line.split(",") for line in data.decode().split("\n") if line]
    if random.random() < 0.5:
        titles = ["file_name", "label", "labels", "class", "hair", "", "\x1b[2J", "file_name"]
        rows = [[name, *row[1:]] for row in rows for name in row[:1]]
        extra = random.randrange(4)
        rows = [row + [random.choice(["1", "", "x"])] * extra for row in rows]
        random.shuffle(titles)
        rows.insert(0, ["file_name", *titles[: extra + 1]])
    for _ in range(_times(random)):
        i = random.randrange(len(rows))
        cells = rows[i] or [""]
        j = random.randrange(len(cells))
        what = random.randrange(9)
        if what == 0:
            rows = [row[:j] + row[j + 1 :] for row in rows]
        elif what == 1:
            rows = [[*row, *row[:j]] for row in rows]
        elif what == 2:
            rows[i] = random.choice([[], cells * 2, cells[:-1], cells * 9000, cells[::-1]])
        elif what == 3:
            rows.insert(i, [cells[0], *(_cell(random) for _ in cells[1:])])
        elif what == 4:
            rows = [[*row[:-1], _cell(random)] for row in rows]
        elif what == 5 and random.random() < 0.3:
            rows += [[f"{n}.png", str(n)] for n in range(50_000)]
        else:
            rows[i] = [*cells[:j], _cell(random), *cells[j + 1 :]]
        rows = rows or [[""]]
    mark = random.choices([",", ";", "\t", " ", "\0"], [80, 7, 7, 5, 1])[0]
    return _bytes(random.choice(["\n", "\n", "\r\n", "\r"]).join(map(mark.join, rows)), random)


def _cell(random: Random) -> str:
    return random.choice(
        [
            *(
                "",
                "-1",
                "1",
                "0.5",
                "65536",
                "1e999",
                "1e300",
                "nan",
                "inf",
                "9" * 5000,
                "٣",
                "1_000",
            ),
            *("x" * 200_000, '"', '"a,b"', '"a\nb', "\0", "\x1b[2J", "..", ".", "/", "a/" * 3000),
            *("00.png", "a/00.png", "A/00.PNG", "\ud800", "[1, 0]", "true", "a\\00.png"),
        ]
    )


def _times(random: Random) -> int:
    return random.choice([1, 1, 2, 4])
