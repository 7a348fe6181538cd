"""Texts read within bounds: whole, as lines of JSON, as tables."""

import codecs
import csv
import json
import os
from functools import partial
from io import StringIO
from pathlib import Path
from typing import Any

from stylegan_cli.errors import DataError
from stylegan_cli.files import refuse_devices, similar, system_reason

MAX_LINE = 2**20
MAX_BYTES = 2**28
"""Statistics and metrics: about 0.5 KB a line, so 200,000 lines and more fit."""


def read_bounded(path: Path, most: int = MAX_BYTES) -> bytes:
    """Read a file whole.

    Raises:
        DataError: It is missing, a device, or larger than so many bytes.
    """
    try:
        with refuse_devices(path).open("rb") as file:
            if os.fstat(file.fileno()).st_size > most:
                raise DataError(f"{path}: larger than {most >> 20} MiB; no file of this kind is")
            return file.read(most)
    except FileNotFoundError:
        raise DataError(f"{path}: there is no such file{similar(path)}") from None
    except OSError as error:
        raise DataError(f"{path}: cannot be read ({system_reason(error)})") from None


def text_of(content: bytes) -> str:
    """Decode UTF-8 or, as Excel and PowerShell write it, UTF-16; without the byte order mark."""
    wide = content.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE))
    return content.decode("utf-16" if wide else "utf-8-sig")


def table_in(path: Path) -> list[list[str]]:
    """Return the cells of a table of comma-separated values, line by line, without empty lines.

    Raises:
        DataError: The file is missing, or no such table.
    """
    try:
        lines = StringIO(text_of(read_bounded(path)), newline="")
        return [row for row in csv.reader(lines) if row]
    except (UnicodeDecodeError, csv.Error):
        raise DataError(f"{path}: not a text table; CSV in UTF-8 is needed") from None


def read_lines(path: Path) -> tuple[list[dict[str, Any]], int]:
    """Read a file that has a JSON object on each line, and count the lines that are none.

    Half a last line does not count: a process is writing it, or was killed.

    Raises:
        DataError: It cannot be read, or is larger than any that sgtool writes.
    """
    found: list[dict[str, Any]] = []
    damaged = 0
    try:
        # one line at a time: the file may be long
        with refuse_devices(path).open(encoding="utf-8", errors="replace") as file:
            if os.fstat(file.fileno()).st_size > MAX_BYTES:
                raise DataError(f"{path}: larger than {MAX_BYTES >> 20} MiB; damaged")
            for line in filter(str.strip, iter(partial(file.readline, MAX_LINE), "")):
                try:
                    value = json.loads(line)
                except (ValueError, RecursionError):
                    value = None
                if isinstance(value, dict):
                    found.append(value)
                else:
                    damaged += line.endswith("\n")
    except (FileNotFoundError, NotADirectoryError):
        pass
    except OSError as error:
        raise DataError(f"{path}: cannot be read ({system_reason(error)})") from error
    return found, damaged
