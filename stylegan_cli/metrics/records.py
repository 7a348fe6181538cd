"""`metrics.jsonl`: one JSON object a line for every evaluation, appended and never rewritten."""

import json
import platform
import time
from collections.abc import Mapping
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from importlib.metadata import version
from pathlib import Path
from typing import Any

from stylegan_cli.errors import DataError
from stylegan_cli.files import append_line
from stylegan_cli.metrics.metric import Found

NAME = "metrics.jsonl"
_VERSIONS_OF = ("stylegan_cli", "torch", "numpy")
_CIRCUMSTANCES = frozenset(
    {
        *("timestamp", "created_utc", "versions", "total_time", "total_time_str"),
        *("device", "num_gpus", "num_processes"),
    }
)
"""Entries about the computation rather than the number."""


def append_found(found: Found, folder: Path, seconds: float) -> tuple[Found, bool]:
    """Add records to the folder's file; returns them as stored, and whether any is new.

    Args:
        seconds: Time that each took.
    """
    took = {"total_time": seconds, "total_time_str": str(timedelta(seconds=round(seconds)))}
    records = tuple({**record, **took} for record in found.records)
    new = [append_record(folder / NAME, record) for record in records]
    files = (folder / NAME, *found.files)
    return replace(found, records=records, files=files), any(new)


def append_record(path: Path, record: Mapping[str, Any]) -> bool:
    """Add the record, with date and versions, unless an equal one is there; return if it was."""
    if any(_matter(record) == _matter(there) for there in read_records(path)):
        return False
    now = time.time()
    whole = {
        **record,
        "timestamp": now,
        "created_utc": datetime.fromtimestamp(now, UTC).isoformat(timespec="seconds"),
        "versions": {
            **{name: version(name) for name in _VERSIONS_OF},
            "python": platform.python_version(),
        },
    }
    append_line(path, json.dumps(whole, ensure_ascii=False))
    return True


def read_records(path: Path) -> list[dict[str, Any]]:
    """Return every whole record of the file, the oldest first; none where there is no file."""
    if not path.exists():
        return []
    try:
        # not splitlines: names in a record may contain other line separators
        lines = path.read_text(encoding="utf-8", errors="replace").split("\n")
    except OSError as error:
        raise DataError(f"{path}: cannot be read ({error.strerror})") from error
    return [record for line in lines if (record := _parsed(line)) is not None]


def _matter(record: Mapping[str, Any]) -> str:
    """Return a record without its circumstances, as JSON holds it."""
    kept = {key: value for key, value in record.items() if key not in _CIRCUMSTANCES}
    return json.dumps(kept, sort_keys=True)


def _parsed(line: str) -> dict[str, Any] | None:
    try:
        record = json.loads(line)
    except (ValueError, RecursionError):
        return None
    return record if isinstance(record, dict) else None
