"""Measurements as JSON takes them: every sample, the medians, and what follows."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

from stylegan_cli.benchmark.measuring import Result
from stylegan_cli.benchmark.summary import Summary, rates, summaries
from stylegan_cli.benchmark.work import Work
from stylegan_cli.files import written_whole
from stylegan_cli.recipe.files import values


def document(environment: Mapping[str, object], results: Sequence[Result]) -> dict[str, Any]:
    """Everything that was measured, and where."""
    return {"environment": dict(environment), "results": [record(result) for result in results]}


def write_document(path: Path, content: Mapping[str, Any]) -> None:
    """Write what `document` gave as JSON.

    Raises:
        OutputError: The place cannot be written.
    """
    with written_whole(path) as temporary:
        temporary.write_text(json.dumps(content, indent=1) + "\n", encoding="utf-8")


def record(result: Result) -> dict[str, Any]:
    """Everything that is known of a case."""
    case, limits = result.case, rates(result)
    found = summaries(result)
    return {
        "recipe": case.name,
        "resolution": case.stage.resolution,
        "lod": case.stage.lod,
        "batch_size": case.stage.batch_size,
        "kimg": case.kimg,
        "keys": values(case.recipe),
        "peak": None if limits is None else asdict(limits),
        "contenders": {name: _contender(result, name, found.get(name)) for name in result.seconds},
        "left_out": dict(result.left_out),
    }


def _contender(result: Result, name: str, found: Summary | None) -> dict[str, Any]:
    return {
        **(asdict(found) if found else {}),
        "held_bytes": result.held_bytes[name],
        "notes": list(result.notes[name]),
        "work": {step: _work(work) for step, work in result.work[name].items()},
        "samples": result.seconds[name],
    }


def _work(work: Work) -> Mapping[str, int]:
    return {"flops": work.flops, "bytes": work.bytes, "new_bytes": work.new_bytes}
