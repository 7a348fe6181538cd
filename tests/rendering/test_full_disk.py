"""A limit on the size of files stands in for a full disk: writes are refused the same way."""

import resource
import signal
from contextlib import contextmanager
from pathlib import Path

import numpy as np
import pytest
import torch

from stylegan_cli.errors import OutputError
from stylegan_cli.figures.png import write_png
from stylegan_cli.rendering.store import create_study
from stylegan_cli.training.run_folder import save_state
from tests.rendering.test_store import TABLES, header


@contextmanager
def small_files_only():
    # no longer than the one call: pytest's own output may be a longer file
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    handler = signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    resource.setrlimit(resource.RLIMIT_FSIZE, (4096, before[1]))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)
        signal.signal(signal.SIGXFSZ, handler)


def test_no_room_for_a_study_leaves_nothing(tmp_path: Path):
    refusal = pytest.raises(OutputError, match=r"mix.h5: cannot be written \(File too large\)")
    with refusal, small_files_only():
        create_study(tmp_path / "mix.h5", header(), TABLES)
    assert list(tmp_path.iterdir()) == []


def test_no_room_for_a_picture_leaves_nothing(tmp_path: Path):
    noise = np.random.default_rng(0).integers(0, 256, (64, 64, 3), np.uint8)
    refusal = pytest.raises(OutputError, match=r"a.png: cannot be written \(File too large\)")
    with refusal, small_files_only():
        write_png(tmp_path / "a.png", noise)
    assert list(tmp_path.iterdir()) == []


def test_no_room_for_a_state_leaves_nothing_and_gives_the_systems_reason(tmp_path: Path):
    refusal = pytest.raises(OutputError, match=r"state.pt: cannot be written \(File too large\)")
    with refusal, small_files_only():
        save_state(tmp_path / "state.pt", {"G": torch.zeros(10_000)})
    assert list(tmp_path.iterdir()) == []
