"""`metrics.jsonl`: one JSON object a line for every evaluation, appended and never rewritten."""

import json
import platform
import time
from collections.abc import Mapping
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path
from typing import Any

from stylegan_cli.errors import DataError
from stylegan_cli.files import append_line

NAME = "metrics.jsonl"
_VERSIONS_OF = ("stylegan_cli", "torch", "numpy")


def append_record(path: Path, record: Mapping[str, Any]) -> None:
    """Add one line: the record, then when and with which versions it was made.

    Args:
        path: The file; it and its folder are made where they are missing.
        record: What JSON holds.

    Raises:
        OutputError: The place cannot be written.
    """
    now = time.time()
    whole = {
        **record,
        "timestamp": now,
        "created_utc": datetime.fromtimestamp(now, UTC).isoformat(timespec="seconds"),
        "versions": _versions(),
    }
    append_line(path, json.dumps(whole, ensure_ascii=False))


def read_records(path: Path) -> list[dict[str, Any]]:
    """Every whole record of the file, the oldest first; none where there is no file.

    Raises:
        DataError: It cannot be read.
    """
    if not path.exists():
        return []
    try:
        # not splitlines: a name in a record may hold other characters that end lines
        lines = path.read_text(encoding="utf-8", errors="replace").split("\n")
    except OSError as error:
        raise DataError(f"{path}: cannot be read ({error.strerror})") from error
    return [record for line in lines if (record := _parsed(line)) is not None]


def _parsed(line: str) -> dict[str, Any] | None:
    try:
        record = json.loads(line)
    except ValueError:
        return None
    return record if isinstance(record, dict) else None


def _versions() -> dict[str, str]:
    return {**{name: version(name) for name in _VERSIONS_OF}, "python": platform.python_version()}
