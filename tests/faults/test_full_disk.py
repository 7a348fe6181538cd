"""Commands on a disk that becomes full: words, exit code 1, and nothing lost once there is room."""

import os
import random
import re
import shutil
import subprocess
from pathlib import Path

import pytest

from tests.faults.commands import COMMANDS, SETTINGS
from tests.faults.conftest import TIMES
from tests.faults.trees import remains, tree

PAGE = 4096


@pytest.fixture
def disk(tmp_path):
    """A folder that is a small disk of its own, and a function that changes its size."""
    place = tmp_path / "disk"
    place.mkdir()

    def resize(pages: int) -> None:
        words = ["mount", "-o", f"remount,size={pages * PAGE}", str(place)]
        subprocess.run(words, check=True, capture_output=True)

    mount = ["mount", "-t", "tmpfs", "-o", "size=64m", "none", str(place)]
    if os.geteuid() or subprocess.run(mount, check=False, capture_output=True).returncode:
        pytest.skip("only root may mount")
    yield place, resize
    subprocess.run(["umount", str(place)], check=True)


def used(place: Path) -> int:
    """Return pages in use."""
    status = os.statvfs(place)
    return (status.f_blocks - status.f_bfree) * status.f_frsize // PAGE


@pytest.mark.slow
@pytest.mark.parametrize("name", COMMANDS)
def test_a_full_disk_ends_in_words_and_loses_nothing(name, server, inputs, disk, fresh):
    words, (place, resize) = COMMANDS[name], disk
    folder = fresh("whole")
    whole = server.run(folder, words, settings=SETTINGS)
    assert whole.codes == [0], whole.errors
    expected = tree(folder)
    shutil.copytree(inputs, place / "work")
    before = used(place)
    assert server.run(place / "work", words, settings=SETTINGS).codes == [0]
    needed = max(used(place) - before, 2)
    moments = random.Random(name)
    for pages in [0, *(moments.randrange(1, needed) for _ in range(2 * TIMES))]:
        resize(64 * 256)
        shutil.rmtree(place / "work")
        shutil.copytree(inputs, place / "work")
        resize(used(place) + pages)
        full = server.run(place / "work", words, settings=SETTINGS)
        found = tree(place / "work")
        resize(64 * 256)
        said = (pages, full.status, full.codes, full.errors)
        assert full.codes in ([1], [0]), said
        if full.codes == [1]:
            assert re.search(r"^error: .*([Nn]o space|full)", full.errors, re.MULTILINE), said
        assert "Traceback" not in full.errors, said
        assert "HDF5-DIAG" not in full.errors, said
        broken = [n for n, d in found.items() if d.startswith("damaged") and not remains({n: d})]
        assert not broken, (said, broken)
        again = server.run(place / "work", words, settings=SETTINGS)
        assert again.codes == [0], (said, again.errors)
        found = tree(place / "work")
        differing = [n for n in {**expected, **found} if expected.get(n) != found.get(n)]
        assert not differing, (said, again.errors)
