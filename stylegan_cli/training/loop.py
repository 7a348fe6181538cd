"""Training as an iterator of events."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress

from stylegan_cli.errors import Interrupted
from stylegan_cli.files import one_writer, writing
from stylegan_cli.training.acceleration import check_acceleration
from stylegan_cli.training.events import Event, Stepped
from stylegan_cli.training.outputs import check_tensorboard
from stylegan_cli.training.schedule import share_of, stages
from stylegan_cli.training.session import Session
from stylegan_cli.training.settling import Run


def train(
    run: Run, *, overwrite: bool = False, stop: Callable[[], bool] = lambda: False
) -> Iterator[Event]:
    """Train, from the last state in the run's folder on, and keep its files up to date.

    The same recipe, data and machine give the same bits, however often the run was stopped. A run
    that fails before its first step leaves nothing behind.

    Args:
        overwrite: Start anew, whatever run is there.
        stop: Asked after every iteration, with several processes after every 16th; True saves
            the state and raises Interrupted.

    Raises:
        UsageError: The batch cannot be divided among so many processes, or the run cannot be
            accelerated as asked.
        OutputError: The folder holds something else, is in use or cannot be written.
        DataError: An image cannot be read.
        NetworkFileError: The state is damaged, or a network to start from cannot be used.
        TrainingError: A loss is NaN or infinite, or memory runs out; the last state is kept.
        Interrupted: `stop` returned True; the same call resumes.
    """
    for stage in stages(run.recipe):
        share_of(run.recipe, stage, run.world)
    check_acceleration(run.acceleration, run.recipe, run.device, run.world)
    check_tensorboard(run.recipe)
    with _held(run):
        if run.world.is_first:
            run.files.check(run.recipe, overwrite=overwrite)
        run.world.barrier()
        session = Session(run, overwrite=overwrite)
        with _cleared_on_failure(session):
            yield from session.outside(session.begin())
            for news in session.warnings():
                yield from session.outside(news)
            for batch in session.batches():
                for news in session.train(batch):
                    yield from session.outside(news)
                step = Stepped(kimg=session.kimg, total_kimg=run.recipe.train.total_kimg)
                yield from session.outside(step)
                if session.crossed():
                    yield from session.outside(session.report())
                if session.is_done:
                    break
                if session.shall_stop(stop):
                    session.stop()
                    raise Interrupted(
                        f"stopped at {session.kimg:g} kimg; the same command resumes the run"
                    )
            fingerprint = run.dataset.fingerprint
            if run.world.is_first and not run.files.is_finished(run.recipe, fingerprint):
                run.files.finish(session.state.cur_nimg, fingerprint)


@contextmanager
def _held(run: Run) -> Iterator[None]:
    """Hold the run's folder; remove it again where it is new and the run leaves nothing in it."""
    if not run.world.is_first:
        yield
        return
    places = (run.folder, *run.folder.parents)
    made = [place for place in places if not place.exists()]
    with writing(run.folder):
        run.folder.mkdir(parents=True, exist_ok=True)
    try:
        with one_writer(run.folder, "training here"):
            yield
    finally:
        for place in made:
            with suppress(OSError):  # what is not empty stays
                place.rmdir()


@contextmanager
def _cleared_on_failure(session: Session) -> Iterator[None]:
    """Leave nothing of a run that fails before its first step."""
    try:
        yield
    except Exception:
        # with several processes, others may be further ahead, and a file tells them how to resume
        if session.state.iteration == 0 and session.run.world.size == 1:
            session.run.files.clear()
        raise
