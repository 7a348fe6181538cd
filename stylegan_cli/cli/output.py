"""Data for the next program in the pipe, all on stdout: JSON and tables."""

import json
import sys
from collections.abc import Sequence

import typer


def echo_json(value: object) -> None:
    """Print a value as one JSON document."""
    typer.echo(json.dumps(value, indent=2, ensure_ascii=False))


def echo_table(columns: Sequence[str], rows: Sequence[Sequence[object]]) -> None:
    """Print rows: aligned under headings on a terminal, tab-separated without them elsewhere."""
    cells = [[str(cell) for cell in row] for row in rows]
    if not sys.stdout.isatty():
        for row in cells:
            typer.echo("\t".join(row))
        return
    lines = [list(columns), *cells]
    widths = [max(map(len, column)) for column in zip(*lines, strict=True)]
    for row in lines:
        padded = (cell.ljust(width) for cell, width in zip(row, widths, strict=True))
        typer.echo("  ".join(padded).rstrip())
