"""What a run writes while it trains; only the first process writes."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import torch

from stylegan_cli.data.dataset import Dataset
from stylegan_cli.errors import TrainingError, UsageError
from stylegan_cli.figures.png import tile, write_png
from stylegan_cli.latents.sampling import broadcast_layers
from stylegan_cli.networks.drawing import default_batch_size
from stylegan_cli.networks.generator import Generator
from stylegan_cli.networks.snapshot import Header, save_network, versions
from stylegan_cli.recipe import Settled
from stylegan_cli.rendering.render import draw
from stylegan_cli.runtime import numpy_stream, stream_seed, torch_stream
from stylegan_cli.shapes import C, Pixels, Z
from stylegan_cli.training.alarms import Alarm, Stats
from stylegan_cli.training.augment import transforms_of
from stylegan_cli.training.augment.sheet import augmented_sheet
from stylegan_cli.training.run_folder import RunFolder
from stylegan_cli.training.state import TrainingState

if TYPE_CHECKING:
    from torch.utils.tensorboard import SummaryWriter


@dataclass(frozen=True, kw_only=True)
class SampleGrid:
    """Images shown in `reals.png` and the latents behind every `fakes-*.png`.

    With labels, real and fake at the same place share theirs; with classes, each row is of one.
    """

    columns: int
    reals: Pixels
    z: Z
    c: C

    def fakes(self, G_ema: Generator) -> Pixels:
        """Images of the averaged generator: no truncation, the network's own noise."""
        device = G_ema.mapping.w_avg.device
        size = default_batch_size(G_ema.resolution)
        parts = zip(self.z.split(size), self.c.split(size), strict=True)
        return np.concatenate([_draw(G_ema, z.to(device), c.to(device)) for z, c in parts])


def sample_grid(dataset: Dataset, *, seed: int, resolution: int, z_dim: int) -> SampleGrid:
    """A grid that fits a screen: 3 × 2 to 12 × 8 images."""
    columns = min(max(1024 // resolution, 3), 12)
    rows = min(max(768 // resolution, 2), 8)
    reals, labels = zip(*map(dataset.read, _shown(dataset, rows, columns, seed)), strict=True)
    z = torch.randn(columns * rows, z_dim, generator=torch_stream(seed, "sample grid"))
    return SampleGrid(
        columns=columns, reals=np.stack(reals), z=z, c=torch.from_numpy(np.stack(labels))
    )


def _shown(dataset: Dataset, rows: int, columns: int, seed: int) -> list[int]:
    """The images of the grid, row by row; the classes take turns."""
    groups = dataset.members() if dataset.classes else [range(len(dataset))]
    stream = numpy_stream(seed, "sample grid")
    orders = [stream.permutation(np.asarray(group)) for group in groups]
    shown: list[int] = []
    for row in range(rows):
        turn, group = divmod(row, len(orders))
        places = np.arange(turn * columns, (turn + 1) * columns)
        shown += orders[group][places % len(orders[group])].tolist()
    return shown


def _draw(G_ema: Generator, z: Z, c: C) -> Pixels:
    with torch.no_grad():
        ws = broadcast_layers(G_ema.mapping(z, c), G_ema.num_ws)
    return draw(G_ema, ws, "const")


OF_THE_IMAGES = "that of the images it was trained on"


@dataclass(frozen=True, kw_only=True)
class Outputs:
    """Pictures, networks, statistics and states of one run.

    Attributes:
        events: TensorBoard's writer, where the recipe asks for it.
    """

    folder: RunFolder
    recipe: Settled
    dataset: Dataset
    grid: SampleGrid
    events: "SummaryWriter | None"

    def write_reals(self) -> Path:
        """Real images at the places of the fakes."""
        write_png(self.folder.reals, tile(self.grid.reals, self.grid.columns))
        return self.folder.reals

    def write_augmented(self) -> Path:
        """Some of the real images as D sees them, at several strengths."""
        shown = self.grid.reals[: self.grid.columns]
        seeds = [stream_seed(self.recipe.seed, "augmented sheet", i) for i in range(len(shown))]
        pipe = self.recipe.augment.pipe
        picture = augmented_sheet(shown, seeds, transforms_of(pipe), pipe)
        write_png(self.folder.augmented, picture)
        return self.folder.augmented

    def write_fakes(self, state: TrainingState) -> Path:
        """Images of the averaged generator, the same latents each time."""
        path = self.folder.fakes(state.cur_nimg)
        picture = tile(self.grid.fakes(state.G_ema), self.grid.columns)
        write_png(path, picture)
        if self.events is not None:
            self.events.add_image("fakes", picture, state.cur_nimg, dataformats="HWC")
        return path

    def write_network(self, state: TrainingState) -> Path:
        """Averaged generator and discriminator."""
        path = self.folder.network(state.cur_nimg)
        save_network(path, self._header(state), state.G_ema, state.D)
        return path

    def write_stats(self, values: Stats, alarms: Sequence[Alarm]) -> None:
        """One line of `stats.jsonl`; alarms, where there are any, behind the numbers."""
        said = [{"name": alarm.name, "message": alarm.message} for alarm in alarms]
        self.folder.append_stats({**values, "alarms": said} if said else values)
        if self.events is not None:
            for name, value in values.items():
                self.events.add_scalar(name, value, int(values["cur_nimg"]))
            self.events.flush()

    def write_state(self, state: TrainingState) -> None:
        """Everything the run needs to go on."""
        images = {"data_fingerprint": self.dataset.fingerprint}
        self.folder.save_state(state.state_dict() | images)

    def _header(self, state: TrainingState) -> Header:
        return Header(
            recipe=self.recipe,
            c_dim=self.dataset.c_dim,
            classes=self.dataset.classes,
            kimg=state.cur_nimg / 1000,
            lod=state.lod,
            licence=_licence(state.origin),
            provenance={
                "data": self.recipe.data.path,
                "data_fingerprint": self.dataset.fingerprint,
                "images": len(self.dataset),
                **({} if state.origin is None else {"init": dict(state.origin)}),
                "versions": versions(),
                "created_utc": datetime.now(UTC).isoformat(timespec="seconds"),
            },
        )


def open_outputs(
    folder: RunFolder, recipe: Settled, dataset: Dataset, state: TrainingState
) -> Outputs:
    """Outputs of a run in its folder, which is prepared already, from this state on."""
    grid = sample_grid(
        dataset,
        seed=recipe.seed,
        resolution=recipe.data.resolution,
        z_dim=recipe.generator.z_dim,
    )
    events = _event_writer(folder.path, state.cur_nimg) if recipe.report.tensorboard else None
    return Outputs(folder=folder, recipe=recipe, dataset=dataset, grid=grid, events=events)


def check_finite(means: Mapping[str, int | float], kimg: float) -> None:
    """Refuse to go on from numbers that are none.

    Raises:
        TrainingError: Names what is not finite.
    """
    broken = [name for name, value in means.items() if not math.isfinite(value)]
    if broken:
        raise TrainingError(
            f"{', '.join(broken)}: not finite at {kimg:g} kimg; the last good state is kept. "
            "Try a lower learning rate (--set train.lr_g=… --set train.lr_d=…), "
            "a larger loss.r1_gamma, or train.precision=fp32, in another folder"
        )


def _licence(origin: Mapping[str, Any] | None) -> str:
    """What holds for the weights: the licence of those training started from, and the images'."""
    if origin is None or origin["licence"] == OF_THE_IMAGES:
        return OF_THE_IMAGES
    inherited = str(origin["licence"]).removesuffix(f"; and {OF_THE_IMAGES}")
    return f"{inherited}; and {OF_THE_IMAGES}"


def _event_writer(folder: Path, cur_nimg: int) -> "SummaryWriter":
    try:
        from torch.utils.tensorboard import SummaryWriter
    except ImportError:
        raise UsageError(
            "report.tensorboard: TensorBoard is not installed; "
            "pip install 'stylegan_cli[tensorboard]'"
        ) from None
    # what a killed process wrote after its last state will be written again
    return SummaryWriter(str(folder), purge_step=cur_nimg + 1)
