"""Commands whose file system loses power anywhere: the same command again ends as if it had not.

Needs root: the work is done on an ext4 image of its own, which is shut down without a flush, as a
loss of power would, and mounted anew.
"""

import os
import random
import shutil
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from tests.faults.commands import COMMANDS, SETTINGS
from tests.faults.conftest import TIMES
from tests.faults.server import cut_power
from tests.faults.trees import remains, tree

NAMES = ("train", "grid", "video", "project", "sefa", "prepare-zip", "prepare-h5", "fid",
         "separability", "convert", "report", "noise")  # fmt: skip
MEGABYTES = 48


def run(*words: object) -> None:
    subprocess.run([str(word) for word in words], check=True, capture_output=True)


class Disk:
    """An ext4 file system in a file."""

    def __init__(self, folder: Path) -> None:
        self.image, self.place = folder / "disk.img", folder / "disk"
        self.place.mkdir()
        with self.image.open("wb") as file:
            file.truncate(MEGABYTES * 2**20)
        run("mkfs.ext4", "-q", "-F", self.image)

    @contextmanager
    def mounted(self) -> Iterator[Path]:
        # a journal that commits often, and data that only fsync brings to the disk, lose the most
        run("mount", "-o", "loop,commit=1,noauto_da_alloc", self.image, self.place)
        try:
            yield self.place
        finally:
            run("umount", self.place)


@pytest.fixture
def disk(tmp_path):
    if os.geteuid():
        pytest.skip("only root may mount")
    disk = Disk(tmp_path)
    try:
        with disk.mounted():
            pass
    except subprocess.CalledProcessError as error:
        pytest.skip(f"no loop devices here: {error.stderr!r}")
    return disk


@pytest.mark.slow
@pytest.mark.parametrize("name", NAMES)
def test_a_power_cut_loses_nothing_that_has_its_name(name, server, inputs, disk, fresh):
    words = COMMANDS[name]
    folder = fresh("whole")
    whole = server.run(folder, words, settings=SETTINGS)
    assert whole.codes == [0], whole.errors
    expected = tree(folder)
    moments = random.Random(name)
    # the last cut comes right after the end, when everything has its name
    cuts = [*moments.sample(range(whole.operations), min(2 * TIMES, whole.operations)), None]
    for operation in cuts:
        with disk.mounted() as place:
            shutil.rmtree(place / "work", ignore_errors=True)
            shutil.copytree(inputs, place / "work")
            os.sync()
            first = server.run(
                place / "work", words, settings=SETTINGS, operation=operation, cut=str(place)
            )
            if operation is None:
                assert first.codes == [0], first.errors
                cut_power(place)
        with disk.mounted() as place:
            found = tree(place / "work")
            broken = [
                n
                for n, d in found.items()
                if d != expected.get(n) and not remains({n: d}) and not _progressive(n)
            ]
            assert not broken, (operation, broken, [found[n] for n in broken])
            if operation is None:
                # what was removed last may come back, and goes with the next start
                assert {n: d for n, d in found.items() if not remains({n: d})} == expected
            again = server.run(place / "work", words, settings=SETTINGS)
            assert again.codes == [0], (operation, again.errors)
            found = tree(place / "work")
            differing = [n for n in {**expected, **found} if expected.get(n) != found.get(n)]
            assert not differing, (operation, again.errors)


def _progressive(name: str) -> bool:
    """Return whether a file of a run grows or is replaced while it trains."""
    return name.endswith((".jsonl", "state.pt", ".lock")) or "best-" in name
