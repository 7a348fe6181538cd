"""Commands over damaged files, run until all of them ended in words."""

from pathlib import Path
from random import Random

from tests.faults.commands import SETTINGS
from tests.faults.readers import Reader
from tests.faults.server import END, GIB, Server

AT_ONCE = 40
HOURS = 3600.0
"""A command that waits for ever takes no time of computing; one child has so many seconds."""


def failures_of(reader: Reader, count: int, folder: Path, server: Server, seed: str) -> list[str]:
    """Run the commands of a reader over so many damaged files, and describe what is wrong."""
    failures: list[str] = []
    random, number = Random(seed), 0
    while number < count:
        places = [folder / f"{i}" for i in range(number, min(count, number + AT_ONCE))]
        number += len(places)
        inputs = [reader.input(place, random) for place in places]
        failures += _failures(server, folder, [words for each in inputs for words in each])
    return failures


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
            seconds=HOURS,
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
