"""Work on a stream of things in threads, a bounded number ahead, results in order."""

from collections import deque
from collections.abc import Callable, Generator, Iterable
from concurrent.futures import Future, ThreadPoolExecutor
from itertools import islice
from typing import TypeVar

from stylegan_cli.runtime import cores

T = TypeVar("T")
R = TypeVar("R")
AHEAD_PER_WORKER = 4


def ordered_map(
    work: Callable[[T], R],
    things: Iterable[T],
    *,
    workers: int | None = None,
    ahead: int | None = None,
) -> Generator[R, None, None]:
    """Yield results in the order of the things, of which there may be no end.

    Args:
        workers: Number of threads; one per core if not given.
        ahead: Greatest number of things in work or waiting to be taken; 4 per thread if not given.
    """
    workers = workers or cores()
    pool = ThreadPoolExecutor(workers, thread_name_prefix="sgtool-data")
    try:
        rest = iter(things)
        first = islice(rest, ahead or AHEAD_PER_WORKER * workers)
        pending: deque[Future[R]] = deque(pool.submit(work, thing) for thing in first)
        while pending:
            result = pending.popleft().result()
            for thing in islice(rest, 1):
                pending.append(pool.submit(work, thing))
            yield result
    finally:
        pool.shutdown(cancel_futures=True)
