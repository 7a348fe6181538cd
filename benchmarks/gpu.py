"""Tests and measurements that need a GPU: `python -m benchmarks.gpu`.

The tests that need a GPU, then the tables at 256 and 1024 px with and without augmentation, which
are printed and written to `benchmarks/results/DATE-gpu.json`.
"""

import subprocess
import sys
from datetime import UTC, datetime

import pytest

from benchmarks import run
from benchmarks.cases import REPOSITORY


def main() -> None:
    """Test and measure; fail at the end if a test failed."""
    command = [sys.executable, "-m", "pytest", "-m", "gpu"]
    tested = subprocess.run(command, cwd=REPOSITORY, check=False).returncode
    name = f"{datetime.now(UTC):%Y-%m-%d}-gpu.json"
    run.main(["--device", "cuda", "-o", str(REPOSITORY / "benchmarks" / "results" / name)])
    if tested not in (pytest.ExitCode.OK, pytest.ExitCode.NO_TESTS_COLLECTED):
        raise SystemExit(f"tests on the GPU failed: {' '.join(command)} ended with {tested}")


if __name__ == "__main__":
    main()
