"""Sessions of training, from the state that they find to the state that they leave."""

import time
from collections.abc import Callable, Iterator
from pathlib import Path

from stylegan_cli.data.loader import BatchShape, stretches
from stylegan_cli.errors import OutputError, TrainingError
from stylegan_cli.recipe import Settled
from stylegan_cli.runtime import is_out_of_memory, peak_memory, pick_dtype, repeatable
from stylegan_cli.training.acceleration import Tracer, open_engine, take_news
from stylegan_cli.training.alarms import Alarm, Watch, rules
from stylegan_cli.training.data import Batch, batches_on, borrowed_labels, stream_of
from stylegan_cli.training.events import Begun, Event, News, Ticked
from stylegan_cli.training.health import Probe
from stylegan_cli.training.iteration import nets_of, train_batch
from stylegan_cli.training.outputs import Outputs, SampleGrid, check_finite
from stylegan_cli.training.run_folder import kimg_of, load_state, snapshots
from stylegan_cli.training.schedule import is_growing, smaller_batch_per_device, stage_at
from stylegan_cli.training.settling import Run
from stylegan_cli.training.state import TrainingState, initial_state
from stylegan_cli.training.transfer import Transfer, open_origin, plan_transfer, take_over
from stylegan_cli.training.trial import settle_threads

STOP_CHECK_INTERVAL = 16
"""Iterations between two checks, over all processes, whether to stop."""


class Session:
    """One call of `train`: it resumes from the folder's state, or begins a run there.

    Attributes:
        outputs: In the first process only.
        probe: The same, if the recipe asks for it.
        transfer: Weights that the run took over in this session.
        unwritten: Alarms for the next line of `stats.jsonl`.
    """

    def __init__(self, run: Run, *, overwrite: bool = False) -> None:
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
        self.run, self.state = run, state
        self.resumed = not overwrite and _resume(state, run)
        self.threads = settle_threads(run, state.threads, resumed=self.resumed)
        state.threads = self.threads.count if self.threads else None
        self.transfer = None if self.resumed else _start(state, run)
        told = None if overwrite else world.gather(files.batch_per_device)[0]
        state.batch_per_device = min((n for n in (told, state.batch_per_device) if n), default=None)
        is_probed = world.is_first and recipe.health.every_ticks
        self.probe = Probe(recipe, run.dataset, run.device) if is_probed else None
        grid = SampleGrid(recipe, run.dataset) if world.is_first else None
        if world.is_first:
            files.take(recipe, overwrite=overwrite)
            files.take_back_stats(state.cur_nimg)
        labels = borrowed_labels(recipe, run.dataset, run.device)
        self.nets = nets_of(state, recipe, labels=labels, world=world)
        self.outputs = None if grid is None else Outputs(run, state, grid)
        self.watch = Watch(rules=rules(recipe, state.threads), counts=state.alarm_counts)
        self.engine = open_engine(run.acceleration.engine, dtype)
        traced = run.acceleration.profile if world.is_first else 0
        self.tracer = Tracer(count=traced, folder=files.profile, device=run.device)
        self.clock, self.images_at_clock, self.images_before = time.monotonic(), 0, 0
        self.unwritten: list[Alarm] = []

    @property
    def recipe(self) -> Settled:
        return self.run.recipe

    @property
    def kimg(self) -> float:
        return self.state.cur_nimg / 1000

    @property
    def is_done(self) -> bool:
        return self.state.cur_nimg >= self.recipe.train.total_kimg * 1000

    def begin(self) -> Begun:
        """Start the clock; write the pictures of a new run, or the network a finished one lost."""
        self.images_at_clock = self.state.cur_nimg
        files: list[Path] = []
        if self.outputs is not None and not self.resumed:
            files = [self.outputs.write_reals(), self.outputs.write_fakes()]
            if self.state.augmentation is not None:
                files.append(self.outputs.write_augmented())
        if self.outputs is not None and self.is_done and not snapshots(self.run.folder):
            files.append(self.outputs.write_network())
        return Begun(
            kimg=self.kimg,
            total_kimg=self.recipe.train.total_kimg,
            seconds=self.state.seconds,
            files=tuple(files),
            transfer=self.transfer,
            threads=self.threads,
            resumed=self.resumed,
        )

    def warnings(self) -> Iterator[News]:
        """Yield news of measures that the data do not allow."""
        if self.probe is not None and not self.probe.can_compare:
            words = (
                f"{len(self.run.dataset)} image: too few to measure the diversity of fakes "
                "against; add images, or turn it off with `health.every_ticks=0`"
            )
            yield News(kimg=self.kimg, alarms=(Alarm(name="health", message=words),))

    def batches(self) -> Iterator[Batch]:
        """Yield real images from where the run is; none if it is done."""
        if self.is_done:
            return
        cut = stretches(
            self._batch_shape,
            stream_of(self.recipe, self.run.dataset),
            start=self.state.cur_nimg,
            rank=self.run.world.rank,
            world_size=self.run.world.size,
        )
        for batch in batches_on(self.run.device, self.run.dataset, cut):
            self.images_before = self.state.cur_nimg
            yield batch

    def train(self, batch: Batch) -> Iterator[News]:
        """Train on a batch; yield news of smaller rounds, failed compilation and traces."""
        room, stage = self.state.batch_per_device, stage_at(self.recipe, self.state.cur_nimg)
        try:
            with self.tracer.iteration():
                train_batch(self.state, self.nets, self.recipe, stage, batch, self.engine)
        except (MemoryError, RuntimeError) as error:
            if not is_out_of_memory(error):
                raise
            # with several processes one ends, so that all can resume
            share = self.state.share(self.recipe, stage, self.run.world)
            fewer = smaller_batch_per_device(self.recipe, share, self.run.world)
            self.run.files.keep_batch_per_device(fewer)
            raise TrainingError(
                f"out of memory with {len(share.split()[0])} images at once; the last state is "
                "kept. The same command resumes from there with "
                f"train.batch_per_device={fewer}; under torchrun, max-restarts=3 restarts it for "
                "you"
            ) from error
        alarms = [Alarm(name="compile", message=words) for words in take_news(self.engine)]
        found = self.state.batch_per_device
        if found is not None and found != room:
            share = self.state.share(self.recipe, stage, self.run.world)
            words = (
                f"out of memory; continues with {len(share.split()[0])} images at once, "
                f"{share.rounds} times a step; `train.batch_per_device={found}` does so from the "
                "start"
            )
            alarms.append(Alarm(name="memory", message=words))
        files = self.tracer.take_files()
        if alarms or files:
            self.unwritten += alarms
            yield News(kimg=self.kimg, alarms=tuple(alarms), files=tuple(files))

    def crossed(self, ticks: int = 1) -> bool:
        """Return whether the last iteration completed a multiple of so many ticks, or the run."""
        # in whole images, so that intervals of several ticks end with a tick
        images = max(1, round(self.recipe.report.tick_kimg * 1000)) * ticks
        return self.is_done or self.state.cur_nimg // images > self.images_before // images

    def shall_stop(self, stop: Callable[[], bool]) -> bool:
        """Return whether any process is asked to stop; checked seldom where that is slow."""
        if self.run.world.size > 1 and self.state.iteration % STOP_CHECK_INTERVAL:
            return False
        return self.run.world.any(stop())

    def report(self) -> Ticked:
        """Complete a tick: check its numbers, write what is due."""
        stats = self._measure()
        if self.probe is not None and self.crossed(self.recipe.health.every_ticks):
            stats |= self.probe.measure(self.state.G_ema)
        report, every = self.recipe.report, self.recipe.metrics.every_ticks
        is_due = every > 0 and self.crossed(every)
        alarms: list[Alarm] = []
        files: list[Path] = []
        if self.outputs is not None:
            alarms = self.watch.judge(stats)
            if self.crossed(report.image_ticks):
                files.append(self.outputs.write_fakes())
            if is_due or self.crossed(report.snapshot_ticks):
                files.append(self.outputs.write_network())
            self.outputs.write_stats(stats, [*self.unwritten, *alarms])
            self.unwritten.clear()
        if self.crossed(report.state_ticks):
            self.save_state()
        return Ticked(
            kimg=self.kimg,
            total_kimg=self.recipe.train.total_kimg,
            stats=stats,
            seconds=self.state.seconds,
            files=tuple(files),
            alarms=tuple(alarms),
            is_due=is_due,
        )

    def stop(self) -> None:
        """Save the state in the middle of a tick."""
        self.state.seconds += time.monotonic() - self.clock
        self.state.stats.pool(self.run.world)
        self.save_state()

    def save_state(self) -> None:
        """Save the state, unless a number in it is NaN or infinite."""
        check_finite(self.state.stats.means(self.run.world), self.kimg)
        if self.state.augmentation is not None:
            self.state.augmentation.pool(self.run.world)
        if self.outputs is not None:
            self.outputs.write_state()

    def outside(self, event: Event) -> Iterator[Event]:
        """Yield an event; the time its receiver takes does not count as training time."""
        before = time.monotonic()
        yield event
        self.clock += time.monotonic() - before

    def _batch_shape(self, position: int) -> BatchShape:
        stage = stage_at(self.recipe, position)
        return BatchShape(count=stage.batch_size, size=stage.size)

    def _measure(self) -> dict[str, int | float]:
        means = self.state.stats.means(self.run.world)
        check_finite(means, self.kimg)
        self.state.stats.reset()
        now = time.monotonic()
        seconds, images = now - self.clock, self.state.cur_nimg - self.images_at_clock
        self.clock, self.images_at_clock = now, self.state.cur_nimg
        self.state.seconds += seconds
        room, augmentation = self.state.batch_per_device, self.state.augmentation
        growth: dict[str, int | float] = {}
        if is_growing(self.recipe):
            growth = {"lod": self.state.lod, "resolution": self.state.G.grown_size.longer}
        return {
            "cur_nimg": self.state.cur_nimg,
            "kimg": self.kimg,
            **growth,
            **({} if augmentation is None else {"augment_p": augmentation.p}),
            **({} if room is None else {"batch_per_device": room}),
            **means,
            "pl_mean": self.state.pl_mean.item(),
            "sec_per_kimg": seconds / images * 1000,
            "seconds": self.state.seconds,
            "memory_gib": peak_memory(self.run.device) / 2**30,
        }


def _resume(state: TrainingState, run: Run) -> bool:
    files, world = run.files, run.world
    saved = load_state(files.state) if files.state.exists() else None
    anew = f"choose another `output`, with `init_from={files.path}` to begin with its weights"
    if saved is None and _lost_state(run):
        raise OutputError(
            f"{files.state}: is gone, without which this run cannot resume; restore it, add "
            f"`overwrite`, or {anew}"
        )
    if saved is not None:
        if saved.get("data_fingerprint") != run.dataset.fingerprint:
            begun = files.begun() or run.recipe
            # the first versions did not note how many there were
            there = f"{saved.get('images', 'others')} at {begun.data.path}"
            raise OutputError(
                f"{files.path}: was trained on other images, names or labels ({there} there, "
                f"{len(run.dataset)} at {run.recipe.data.path} here); train on those again, or "
                f"{anew}"
            )
        state.load_entries(saved, files.state)
    if world.any(saved is None) and world.any(saved is not None):
        raise OutputError(
            f"{files.state}: only some processes see it; put the run on storage that all machines "
            "share"
        )
    return saved is not None


def _lost_state(run: Run) -> bool:
    """Return whether the files of a run must once have had a state beside them."""
    report, networks = run.recipe.report, snapshots(run.folder)
    is_late = kimg_of(networks[-1]) > 2 * report.state_ticks * report.tick_kimg if networks else 0
    return bool(is_late or run.files.finished.exists())


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
