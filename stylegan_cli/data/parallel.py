"""Work on a stream of things in threads, a bounded number ahead, results in order."""

import os
from collections import deque
from collections.abc import Callable, Generator, Iterable
from concurrent.futures import Future, ThreadPoolExecutor
from itertools import islice
from typing import TypeVar

T = TypeVar("T")
R = TypeVar("R")


def usual_workers() -> int:
    """One thread per core this process may run on."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def ordered_map(
    work: Callable[[T], R], things: Iterable[T], *, workers: int, ahead: int
) -> Generator[R, None, None]:
    """Yield results in the order of the things, of which there may be no end.

    Args:
        ahead: Greatest number of things in work or waiting to be taken.
    """
    pool = ThreadPoolExecutor(workers, thread_name_prefix="sgtool-data")
    try:
        rest = iter(things)
        pending: deque[Future[R]] = deque(pool.submit(work, thing) for thing in islice(rest, ahead))
        while pending:
            result = pending.popleft().result()
            for thing in islice(rest, 1):
                pending.append(pool.submit(work, thing))
            yield result
    finally:
        pool.shutdown(cancel_futures=True)
