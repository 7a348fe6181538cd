"""Contents of folders that can be compared: without dates and durations."""

import hashlib
import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import h5py
import numpy as np
import torch
from safetensors import safe_open

CIRCUMSTANCES = {
    *("timestamp", "created_utc", "versions", "total_time", "total_time_str"),
    *("seconds", "sec_per_kimg", "memory_gib"),
    # a network holds the date of its making
    *("network_sha256", "sha256", "key", "best"),
    # and a state the time that it took
    "state_sha256",
}
"""Differ from run to run."""

Tree = dict[str, str]


def tree(folder: Path) -> Tree:
    """Return a digest of every file, by its path."""
    found: Tree = {}
    for path in sorted(folder.rglob("*")):
        if path.is_file():
            digest, name = _digest(path), str(path.relative_to(folder))
            # features are named after the hash of the network
            found[f"features {digest}" if path.suffix == ".npy" and "cache" in name else name] = (
                digest
            )
    return found


def remains(names: Tree) -> list[str]:
    """Return what only an unfinished or a locked folder holds."""
    return [name for name in names if re.search(r"(^|/)\.|\.partial$", name)]


def _digest(path: Path) -> str:
    readers = {
        ".safetensors": _safetensors,
        ".h5": _hdf5,
        ".pt": _torch,
        ".jsonl": _lines,
        ".json": _lines,
        ".html": _page,
    }
    reader = readers.get(path.suffix)
    try:
        parts = reader(path) if reader else [path.read_bytes()]
        digest = hashlib.sha256()
        for part in parts:
            digest.update(part)
    except Exception as error:
        return f"damaged: {error}"
    return digest.hexdigest()


def _hdf5(path: Path) -> Iterator[bytes]:
    with h5py.File(path, "r") as file:
        names: list[str] = ["/"]
        file.visit(names.append)
        for name in names:
            item = file[name]
            yield name.encode()
            attributes = {k: v for k, v in item.attrs.items() if k not in CIRCUMSTANCES}
            yield repr(sorted((k, np.asarray(v).tolist()) for k, v in attributes.items())).encode()
            if isinstance(item, h5py.Dataset):
                yield repr((item.shape, item.dtype)).encode()
                values = item[()]
                yield repr(values.tolist()).encode() if values.dtype == object else values.tobytes()


def _safetensors(path: Path) -> Iterator[bytes]:
    with safe_open(path, "np") as file:
        facts = {key: json.loads(text) if text[:1] == "{" else text
                 for key, text in (file.metadata() or {}).items()}  # fmt: skip
        yield repr(sorted(_plain(facts).items())).encode()
        for name in sorted(file.keys()):
            yield name.encode() + file.get_tensor(name).tobytes()


def _torch(path: Path) -> Iterator[bytes]:
    yield repr(_plain(torch.load(path, map_location="cpu", weights_only=True))).encode()


def _plain(value: Any) -> Any:
    if isinstance(value, torch.Tensor):
        return value.dtype, value.tolist()
    if isinstance(value, dict):
        return {key: _plain(each) for key, each in value.items() if key not in CIRCUMSTANCES}
    return [_plain(each) for each in value] if isinstance(value, list | tuple) else value


def _lines(path: Path) -> Iterator[bytes]:
    text = path.read_text(encoding="utf-8")
    for line in text.split("\n") if path.suffix == ".jsonl" else [text]:
        yield repr(_plain(json.loads(line))).encode() if line.strip() else b"\n"


def _page(path: Path) -> Iterator[bytes]:
    yield re.sub(rb"\d{4}-\d\d-\d\d[T ]\d\d:\d\d(:\d\d)?", b"", path.read_bytes())
