"""Training as an iterator of events."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress

from stylegan_cli.errors import Interrupted, OutputError
from stylegan_cli.files import one_writer, writing
from stylegan_cli.runtime import pick_dtype, repeatable
from stylegan_cli.training.acceleration import Tracer, check_acceleration, open_engine
from stylegan_cli.training.alarms import Watch, rules
from stylegan_cli.training.data import borrowed_labels
from stylegan_cli.training.events import Event
from stylegan_cli.training.health import open_probe
from stylegan_cli.training.iteration import nets_of
from stylegan_cli.training.outputs import check_tensorboard, open_outputs, sample_grid
from stylegan_cli.training.run_folder import load_state
from stylegan_cli.training.schedule import share_of, stages
from stylegan_cli.training.session import Session
from stylegan_cli.training.settling import Run
from stylegan_cli.training.state import TrainingState, initial_state
from stylegan_cli.training.transfer import Transfer, open_origin, plan_transfer, take_over
from stylegan_cli.training.trial import settle_threads


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
        session = open_session(run, overwrite=overwrite)
        with _cleared_on_failure(session):
            yield from session.outside(session.begin())
            for news in session.warnings():
                yield from session.outside(news)
            for batch in session.batches():
                for news in session.train(batch):
                    yield from session.outside(news)
                yield from session.outside(session.step())
                if session.crossed():
                    yield from session.outside(session.report())
                if session.is_done:
                    return
                if session.shall_stop(stop):
                    session.stop()
                    raise Interrupted(
                        f"stopped at {session.kimg:g} kimg; the same command resumes the run"
                    )


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


def open_session(run: Run, *, overwrite: bool = False) -> Session:
    """Return a session that resumes from the folder's state, or begins a run there."""
    recipe, files, world = run.recipe, run.files, run.world
    dtype = pick_dtype(recipe.train.precision, run.device)
    state = initial_state(
        recipe,
        c_dim=run.dataset.c_dim,
        device=run.device,
        dtype=dtype,
        backend=run.acceleration.backend,
    )
    repeatable(run.device, dtype)
    resumed = not overwrite and _resume(state, run)
    threads = settle_threads(run, state.threads, resumed=resumed)
    state.threads = threads.count if threads else None
    transfer = None if resumed else _start(state, run)
    told = None if overwrite else world.gather(files.batch_per_device)[0]
    state.batch_per_device = min((n for n in (told, state.batch_per_device) if n), default=None)
    probe = open_probe(recipe, run.dataset, run.device) if world.is_first else None
    grid = sample_grid(recipe, run.dataset) if world.is_first else None
    if world.is_first:
        files.take(recipe, overwrite=overwrite)
        files.take_back_stats(state.cur_nimg)
    return Session(
        run=run,
        state=state,
        nets=nets_of(
            state, recipe, labels=borrowed_labels(recipe, run.dataset, run.device), world=world
        ),
        outputs=open_outputs(run, state, grid) if grid is not None else None,
        probe=probe,
        watch=Watch(rules=rules(recipe), counts=state.alarm_counts),
        resumed=resumed,
        threads=threads,
        engine=open_engine(run.acceleration.engine, dtype),
        tracer=Tracer(
            count=run.acceleration.profile if world.is_first else 0,
            folder=files.profile,
            device=run.device,
        ),
        transfer=transfer,
    )


def _resume(state: TrainingState, run: Run) -> bool:
    files, world = run.files, run.world
    saved = load_state(files.state) if files.state.exists() else None
    if saved is not None:
        if saved.get("data_fingerprint") != run.dataset.fingerprint:
            raise OutputError(
                f"{files.path}: was trained on other images or labels; train on those again, or on "
                "these in another folder"
            )
        state.load_entries(saved, files.state)
    if world.any(saved is None) and world.any(saved is not None):
        raise OutputError(
            f"{files.state}: only some processes see it; put the run on storage that all machines "
            "share"
        )
    return saved is not None


def _start(state: TrainingState, run: Run) -> Transfer | None:
    """Take the first weights from the network in the recipe, if there is one."""
    init = run.recipe.init
    if init.network is None:
        return None
    origin = run.origin or open_origin(init.network, init.sha256)
    transfer = plan_transfer(origin, run.recipe, c_dim=run.dataset.c_dim)
    take_over(transfer, state)
    state.origin = transfer.origin.facts
    return transfer
