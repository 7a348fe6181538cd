"""Damaged and hostile files of every kind: nothing runs, and every error ends in words."""

from pathlib import Path
from random import Random

import pytest

from tests.faults.commands import SETTINGS
from tests.faults.conftest import TIMES
from tests.faults.readers import STRUCTURED, readers
from tests.faults.server import END, GIB, Server

INPUTS = 600
AT_ONCE = 40
KINDS = (
    *("pickles", "torch", "networks", "codes", "studies", "begun studies", "measurements"),
    *("directions", "zips", "HDF5 data sets", "records", "images", "recipes", "labels"),
    *("run statistics", "accounts", "states", "statistics of a run that is resumed"),
    *(f"structure of {kind}" for kind in STRUCTURED),
    *("structure of projections", "structure of begun projections", "structure of noise studies"),
    *("structure of centres", "structure of begun measurements"),
)


@pytest.fixture(scope="module")
def known(inputs, server):
    found = readers(inputs, server)
    assert set(found) == set(KINDS)
    return found


@pytest.mark.slow
@pytest.mark.parametrize("kind", KINDS)
def test_damaged_files_end_in_words(kind, known, server, fresh):
    reader, folder, random = known[kind], fresh("damaged"), Random(kind)
    (folder / "precious").write_text("mine")
    left = round(INPUTS * TIMES * reader.share / 100)
    failures: list[str] = []
    number = 0
    while left > 0:
        places = [folder / f"{number + i}" for i in range(min(left, AT_ONCE))]
        number, left = number + len(places), left - len(places)
        inputs = [reader.input(place, random) for place in places]
        failures += _failures(server, folder, [words for each in inputs for words in each])
    assert not failures, "\n\n".join(failures[:10]) + f"\n\n{len(failures)} failures"
    assert (folder / "precious").read_text() == "mine"


def _failures(server: Server, folder: Path, commands: list[list[str]]) -> list[str]:
    """Run commands in as few children as they survive, and describe what should not happen."""
    failures = []
    while commands:
        done = server.run(
            folder,
            *commands,
            settings=SETTINGS,
            guarded=True,
            most_memory=3 * GIB // 2,
            most_cpu=10.0,
        )
        said = done.errors.split(END)
        for words, code, text in zip(commands, done.codes, said, strict=False):
            if code not in (0, 1, 2) or "Traceback" in text:
                failures.append(f"{' '.join(words)}: {code}\n{text[-2000:]}")
        if len(done.codes) < len(commands):
            words = " ".join(commands[len(done.codes)])
            failures.append(
                f"{words}: signal {done.signal}, status {done.status}\n{said[-1][-2000:]}"
            )
        commands = commands[len(done.codes) + 1 :]
    return failures
