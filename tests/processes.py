"""Several processes that share work as those of torchrun do, without its launcher."""

import json
import os
import socket
import subprocess
import sys

RUNNER = """
import json, os, sys
from stylegan_cli.__main__ import main
for port, words in json.loads(sys.argv[1]):
    os.environ["MASTER_PORT"], sys.argv[1:] = port, words
    try:
        main()
    except SystemExit as end:
        if end.code:
            raise
"""


def in_two_processes(*commands, **settings):
    """Run commands of sgtool one after another, each in two processes that know of each other.

    All must end well.
    """
    lists = json.dumps([(free_port(), [*map(str, words)]) for words in commands])
    shared = {"MASTER_ADDR": "127.0.0.1", "WORLD_SIZE": "2"}
    running = [
        subprocess.Popen(
            [sys.executable, "-c", RUNNER, lists],
            env={**os.environ, **shared, **settings, "RANK": str(rank), "LOCAL_RANK": str(rank)},
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )
        for rank in range(2)
    ]
    try:
        said = [process.communicate(timeout=240)[0] for process in running]
    finally:
        for process in running:
            process.kill()
    assert [process.returncode for process in running] == [0, 0], "\n".join(said)


def free_port():
    """Return a port that no process listens at, as a word."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        return str(free.getsockname()[1])
