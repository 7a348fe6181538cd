"""A process that has imported everything and forks a child for each command.

Starting Python and PyTorch takes seconds, forking milliseconds: that pays for hundreds of kills.
"""

import atexit
import contextlib
import ctypes
import importlib
import json
import os
import pkgutil
import resource
import signal
import subprocess
import sys
import tempfile
import time
import traceback
from dataclasses import asdict, dataclass, field
from pathlib import Path

from tests.tiny import TINY

ROOT = Path(__file__).parents[2]
HARMFUL = (
    *("os.system", "os.exec", "os.posix_spawn", "os.spawn", "os.fork", "os.forkpty"),
    *("subprocess.Popen", "pty.spawn", "socket.connect", "ctypes.dlopen", "webbrowser.open"),
)
"""Python's audit events that no reader of a file may cause."""

DESTRUCTIVE = ("os.rename", "os.remove", "os.mkdir", "os.rmdir", "os.truncate", "os.link")
END = "\x1e"
"""Separates what several commands wrote to standard error."""

EXECUTED = "executed something: "
GIB = 2**30


@dataclass(frozen=True, kw_only=True)
class Job:
    """Commands for one child.

    Attributes:
        commands: Words of each, run one after the other.
        operation: Change to the disk (file opened to write, renamed, removed, synced …) before
            which the child gets a signal, counted from 0.
        signal: That signal; a child that is stopped goes on a moment later.
        seconds: Time after which it is killed.
        cut: Folder whose file system loses power when the child is killed by `operation`.
        most_bytes: Size of the largest file it may write.
        most_memory: Address space beyond what it begins with.
        most_cpu: Seconds of computing that each command may take.
        clock: Seconds by which the clock is wrong.
        user: Number of the user whom it becomes, who needs no name and no home.
        guarded: End at once, with status 99, where anything in `HARMFUL` happens.
    """

    commands: list[list[str]]
    folder: str
    settings: dict[str, str] = field(default_factory=dict)
    operation: int | None = None
    signal: int = signal.SIGKILL
    seconds: float | None = None
    cut: str | None = None
    most_bytes: int | None = None
    most_memory: int | None = None
    most_cpu: float | None = None
    clock: float = 0
    user: int | None = None
    guarded: bool = False


@dataclass(frozen=True, kw_only=True)
class Outcome:
    """The end of a child.

    Attributes:
        codes: Exit codes of the commands that came to their ends.
        signal: Number of the signal that ended it, or 0.
        operations: Changes to the disk.
    """

    codes: list[int]
    status: int
    signal: int
    operations: int
    seconds: float
    cpu: float
    memory: int
    output: str
    errors: str

    @property
    def code(self) -> int:
        """Exit code of the only command."""
        (code,) = self.codes
        return code


class Server:
    """The process, started when made; a context manager that ends it."""

    def __init__(self) -> None:
        self._process = subprocess.Popen(
            [sys.executable, "-m", "tests.faults.server"],
            cwd=ROOT,
            env={**os.environ, **ONE_THREAD},
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )

    def __enter__(self) -> "Server":
        return self

    def __exit__(self, *_: object) -> None:
        self._process.communicate()

    def run(self, folder: Path, *commands: list[str], **options: object) -> Outcome:
        """Run commands in a child; the options are those of `Job`."""
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        job = Job(commands=list(commands), folder=str(folder), **options)  # type: ignore[arg-type]
        print(json.dumps(asdict(job)), file=self._process.stdin, flush=True)
        return Outcome(**json.loads(self._process.stdout.readline()))


ONE_THREAD = {f"{name}_NUM_THREADS": "1" for name in ("OMP", "OPENBLAS", "MKL")}


def serve() -> None:
    """Fork a child for every line of standard input, and describe its end on a line."""
    answers = os.fdopen(os.dup(1), "w")
    os.dup2(2, 1)
    _import_all()
    for line in sys.stdin:
        print(json.dumps(asdict(_run(Job(**json.loads(line))))), file=answers, flush=True)


def _run(job: Job) -> Outcome:
    files = [os.memfd_create(name) for name in ("output", "errors", "codes", "operations")]
    began = time.monotonic()
    child = os.fork()
    if not child:
        _become(job, files)
    _, status, usage = os.wait4(child, os.WUNTRACED)
    while os.WIFSTOPPED(status):
        time.sleep(0.3)
        os.kill(child, signal.SIGCONT)
        _, status, usage = os.wait4(child, os.WUNTRACED)
    output, errors, codes, operations = (_content(file) for file in files)
    return Outcome(
        codes=[int(code) for code in codes.split()],
        status=os.waitstatus_to_exitcode(status),
        signal=os.WTERMSIG(status) if os.WIFSIGNALED(status) else 0,
        operations=len(operations),
        seconds=time.monotonic() - began,
        cpu=usage.ru_utime + usage.ru_stime,
        memory=usage.ru_maxrss * 1024,
        output=output,
        errors=errors,
    )


def _content(file: int) -> str:
    os.lseek(file, 0, os.SEEK_SET)
    with os.fdopen(file, "rb") as opened:
        return opened.read().decode(errors="backslashreplace")


def _become(job: Job, files: list[int]) -> None:
    """Run the job in the child that this process is, and end it."""
    output, errors, codes, operations = files
    os.setsid()
    os.dup2(output, 1)
    os.dup2(errors, 2)
    os.dup2(os.open(os.devnull, os.O_RDONLY), 0)
    os.chdir(job.folder)
    os.environ.update(job.settings)
    if job.clock:
        right = time.time
        time.time = lambda: right() + job.clock
    if job.user is not None:
        os.environ.pop("HOME", None)
        os.environ.pop("USER", None)
        os.setresuid(job.user, job.user, job.user)
    _limit(job)
    _watch(job, operations)
    try:
        for words in job.commands:
            if job.most_cpu is not None:
                signal.setitimer(signal.ITIMER_PROF, job.most_cpu)
            os.write(codes, f"{_exit_code(words)}\n".encode())
            sys.stdout.flush()
            os.write(2, END.encode())
    finally:
        atexit._run_exitfuncs()
        sys.stdout.flush()
        os._exit(0)


def _limit(job: Job) -> None:
    if job.seconds is not None:
        signal.signal(signal.SIGALRM, signal.SIG_DFL)
        signal.setitimer(signal.ITIMER_REAL, max(job.seconds, 1e-3))
    if job.most_bytes is not None:
        resource.setrlimit(resource.RLIMIT_FSIZE, (job.most_bytes, job.most_bytes))
    if job.most_memory is not None:
        pages = int(Path("/proc/self/statm").read_text().split()[0])
        most = pages * resource.getpagesize() + job.most_memory
        resource.setrlimit(resource.RLIMIT_AS, (most, most))


def _watch(job: Job, operations: int) -> None:
    """Count changes to the disk, and kill this process before the chosen one."""
    count = 0
    synced = os.fsync

    def change() -> None:
        nonlocal count
        if count == job.operation:
            if job.cut is not None:
                cut_power(Path(job.cut))
            count += 1
            os.kill(os.getpid(), job.signal)
        count += 1
        os.write(operations, b".")

    def hook(event: str, details: tuple[object, ...]) -> None:
        writes = event == "open" and isinstance(details[2], int) and details[2] & _WRITING
        if event in DESTRUCTIVE or (writes and not str(details[0]).startswith("/dev/")):
            change()
        # the process itself is no library
        if job.guarded and event in HARMFUL and details != (None,):
            os.write(2, f"{EXECUTED}{event} {details!r}\n".encode())
            os._exit(99)

    def fsync(file: int) -> None:
        change()
        synced(file)
        change()

    sys.addaudithook(hook)
    os.fsync = fsync


_WRITING = os.O_WRONLY | os.O_RDWR


def _exit_code(words: list[str]) -> int:
    from stylegan_cli.cli.app import main

    sys.argv = ["sgtool", *words]
    try:
        main()
    except SystemExit as end:
        return end.code if isinstance(end.code, int) else int(end.code is not None)
    except BaseException:
        traceback.print_exc()
        return 70
    return 0


def cut_power(folder: Path) -> None:
    """Shut down the file system of a folder: what did not reach the disk is lost."""
    descriptor = os.open(folder, os.O_RDONLY)
    flag = ctypes.c_uint32(_WITHOUT_FLUSH)
    _C.ioctl(descriptor, ctypes.c_ulong(_SHUTDOWN), ctypes.byref(flag))
    os.close(descriptor)


_C = ctypes.CDLL(None, use_errno=True)
_SHUTDOWN = 0x8004587D
"""FS_IOC_SHUTDOWN of ext4, XFS and others."""
_WITHOUT_FLUSH = 2


def _import_all() -> None:
    import stylegan_cli

    for module in pkgutil.walk_packages(stylegan_cli.__path__, "stylegan_cli."):
        if "triton" not in module.name and not module.name.endswith("__main__"):
            with contextlib.suppress(ImportError):
                importlib.import_module(module.name)
    for name in ("sklearn.svm", "matplotlib.backends.backend_agg", "imageio_ffmpeg"):
        importlib.import_module(name)
    # some modules of PyTorch are imported at their first use
    with tempfile.TemporaryDirectory() as folder, contextlib.chdir(folder):
        for words in WARMING:
            assert _exit_code(words) == 0
    assert len(list(Path("/proc/self/task").iterdir())) == 1, "threads do not survive a fork"


WARMING = (
    ["data", "sample", "portraits", "-o", "d.zip", "--count", "4", "--resolution", "16", "-q"],
    ["train", "stylegan2-small", "--data", "d.zip", "-o", "run", "--device", "cpu", "-q"]
    + [f"--set={each}" for each in (*TINY, "train.total_kimg=0.008", "report.tick_kimg=0.008")],
    ["info", "run"],
    ["grid", "--seeds", "0", "--network", "run", "-o", "grid", "--pdf", "-q"],
    ["report", "run", "-o", "report.html", "-q"],
)


if __name__ == "__main__":
    serve()
