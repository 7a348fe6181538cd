"""Outputs of a run while it trains; only the first process writes them."""

import math
from collections.abc import Collection, Mapping, Sequence
from datetime import UTC, datetime
from functools import partial
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import numpy as np
import torch
from jaxtyping import UInt8

from stylegan_cli.data.dataset import Dataset
from stylegan_cli.data.pictures import to_bytes
from stylegan_cli.errors import TrainingError, UsageError
from stylegan_cli.figures.layout import Content, paint
from stylegan_cli.figures.png import shown, tile, write_png
from stylegan_cli.networks.execution import default_batch_size
from stylegan_cli.networks.generator import Generator
from stylegan_cli.networks.header import Header
from stylegan_cli.networks.snapshot import save_network, versions
from stylegan_cli.recipe import Settled
from stylegan_cli.rendering.render import draw_images, to_images, to_pixels
from stylegan_cli.runtime import numpy_stream, stream_seed, torch_stream
from stylegan_cli.shapes import Pixels
from stylegan_cli.sizes import Size
from stylegan_cli.training.alarms import Alarm, Stats
from stylegan_cli.training.augment import augment, transforms_of
from stylegan_cli.training.augment import draw as draw_randoms
from stylegan_cli.training.run_folder import save_state
from stylegan_cli.training.settling import Run
from stylegan_cli.training.state import TrainingState


class SampleGrid:
    """Images of `reals.png` and latents of every `fakes-*.png`, as many as fit on a screen.

    That is 3 × 2 to 12 × 8 images. With labels, the real and the fake at a place share theirs; with
    classes, each row shows one.
    """

    def __init__(self, recipe: Settled, dataset: Dataset) -> None:
        size, seed = recipe.data.size, recipe.seed
        self.columns = min(max(1024 // size.width, 3), 12)
        rows = min(max(768 // size.height, 2), 8)
        shown = _shown(dataset, rows, self.columns, seed)
        reals, labels = zip(*map(dataset.read, shown), strict=True)
        stream = torch_stream(seed, "sample grid")
        self.reals: Pixels = np.stack([to_bytes(each) for each in reals])
        self.z = torch.randn(self.columns * rows, recipe.generator.z_dim, generator=stream)
        self.c = torch.from_numpy(np.stack(labels))

    def fakes(self, G_ema: Generator) -> Pixels:
        """Draw images of the averaged generator: no truncation, the network's own noise."""
        device = G_ema.mapping.w_avg.device
        size = default_batch_size(G_ema.size)
        parts = zip(self.z.split(size), self.c.split(size), strict=True)
        codes = [G_ema.ws(z.to(device), c.to(device)) for z, c in parts]
        return np.concatenate([to_pixels(draw_images(G_ema, ws, "const")) for ws in codes])


def _shown(dataset: Dataset, rows: int, columns: int, seed: int) -> list[int]:
    """Choose the images of the grid, row by row; the classes take turns."""
    groups = dataset.members() if dataset.classes else [range(len(dataset))]
    stream = numpy_stream(seed, "sample grid")
    orders = [stream.permutation(np.asarray(group)) for group in groups]
    shown: list[int] = []
    for row in range(rows):
        turn, group = divmod(row, len(orders))
        places = np.arange(turn * columns, (turn + 1) * columns)
        shown += orders[group][places % len(orders[group])].tolist()
    return shown


OF_THE_IMAGES = "that of the images it was trained on"
STRENGTHS = (0.0, 0.2, 0.4, 0.6, 0.8)
"""Probabilities of each transform, a row each on the sheet of augmented images."""


class Outputs:
    """Pictures, networks, statistics and states of one run, in its folder, from a state on.

    Attributes:
        events: TensorBoard's writer, if the recipe asks for it.
    """

    def __init__(self, run: Run, state: TrainingState, grid: SampleGrid) -> None:
        events = None
        if run.recipe.report.tensorboard:
            from torch.utils.tensorboard import SummaryWriter

            # what a killed process wrote after its last state will be written again
            events = SummaryWriter(str(run.folder), purge_step=state.cur_nimg + 1)
        self.run, self.state, self.grid, self.events = run, state, grid, events

    def _tiled(self, pixels: Pixels) -> UInt8[np.ndarray, "sheet_height sheet_width _"]:
        return tile(shown(pixels, self.run.recipe.data.shown), self.grid.columns)

    def write_reals(self) -> Path:
        """Write the real images of the grid."""
        path = self.run.files.reals
        write_png(path, self._tiled(self.grid.reals))
        return path

    def write_augmented(self) -> Path:
        """Write some of the real images as D sees them, at several strengths."""
        recipe, path = self.run.recipe, self.run.files.augmented
        reals, pipe = self.grid.reals[: self.grid.columns], recipe.augment.pipe
        seeds = [stream_seed(recipe.seed, "augmented sheet", i) for i in range(len(reals))]
        write_png(path, augmented_sheet(reals, seeds, transforms_of(pipe), pipe))
        return path

    def write_fakes(self) -> Path:
        """Write images of the averaged generator, from the same latents each time."""
        fine = self._names_need_thousandths(self.run.recipe.report.image_ticks)
        path = self.run.files.fakes(self.state.cur_nimg, fine=fine)
        picture = self._tiled(self.grid.fakes(self.state.G_ema))
        write_png(path, picture)
        if self.events is not None:
            self.events.add_image("fakes", picture, self.state.cur_nimg, dataformats="HWC")
        return path

    def write_network(self) -> Path:
        """Write the averaged generator and the discriminator."""
        recipe = self.run.recipe
        fine = self._names_need_thousandths(
            recipe.report.snapshot_ticks, recipe.metrics.every_ticks
        )
        path = self.run.files.network(self.state.cur_nimg, fine=fine)
        save_network(path, self._header(), self.state.G_ema, self.state.D)
        return path

    def write_stats(self, values: Stats, alarms: Sequence[Alarm]) -> None:
        """Write a line of `stats.jsonl`; alarms, if any, after the numbers."""
        raised = [{"name": alarm.name, "message": alarm.message} for alarm in alarms]
        self.run.files.append_stats({**values, "alarms": raised} if raised else values)
        if self.events is not None:
            for name, value in values.items():
                self.events.add_scalar(name, value, int(values["cur_nimg"]))
            self.events.flush()

    def write_state(self) -> None:
        """Write everything needed to resume."""
        dataset = self.run.dataset
        images = {"data_fingerprint": dataset.fingerprint, "images": len(dataset)}
        save_state(self.run.files.state, self.state.state_dict() | images)

    def _names_need_thousandths(self, *intervals: int) -> bool:
        """Return whether files so many ticks apart would be of the same whole kimg."""
        recipe = self.run.recipe
        steps = [round(recipe.report.tick_kimg * 1000) * ticks for ticks in intervals]
        return any(step % 1000 for step in (*steps, round(recipe.train.total_kimg * 1000)))

    def _header(self) -> Header:
        dataset = self.run.dataset
        return Header(
            recipe=self.run.recipe,
            c_dim=dataset.c_dim,
            classes=dataset.classes,
            label_columns=dataset.label_columns,
            kimg=self.state.cur_nimg / 1000,
            lod=self.state.lod,
            licence=_licence(self.state.origin),
            provenance={
                "data": self.run.recipe.data.path,
                "data_fingerprint": dataset.fingerprint,
                "images": len(dataset),
                **({} if self.state.origin is None else {"init": dict(self.state.origin)}),
                "versions": versions(),
                "created_utc": datetime.now(UTC).isoformat(timespec="seconds"),
            },
        )


def check_finite(means: Mapping[str, int | float], kimg: float) -> None:
    """Raise TrainingError if any mean is NaN or infinite."""
    broken = [name for name, value in means.items() if not math.isfinite(value)]
    if broken:
        raise TrainingError(
            f"{', '.join(broken)}: NaN or infinite at {kimg:g} kimg; the last good state is kept. "
            "Try a lower learning rate (`train.lr_g=…` `train.lr_d=…`), a larger loss.r1_gamma, "
            "or `train.precision=fp32`, in another folder"
        )


def check_tensorboard(recipe: Settled) -> None:
    """Raise UsageError if the recipe asks for TensorBoard and it is not installed."""
    if recipe.report.tensorboard and find_spec("tensorboard") is None:
        raise UsageError(
            "report.tensorboard: TensorBoard is not installed; pip install '.[tensorboard]'"
        )


def _licence(origin: Mapping[str, Any] | None) -> str:
    """Return the licence of the weights: that of their origin, if any, and that of the images."""
    if origin is None or origin["licence"] == OF_THE_IMAGES:
        return OF_THE_IMAGES
    inherited = str(origin["licence"]).removesuffix(f"; and {OF_THE_IMAGES}")
    return f"{inherited}; and {OF_THE_IMAGES}"


def augmented_sheet(
    reals: Pixels, seeds: Sequence[int], transforms: Collection[str], name: str
) -> UInt8[np.ndarray, "sheet_height sheet_width 3"]:
    """Draw a row of reals for each strength p, with the same random numbers in all rows."""
    images = to_images(torch.from_numpy(reals))
    randoms = draw_randoms(seeds)
    rows = {f"{p:g}": to_pixels(augment(images, randoms, transforms, p)) for p in STRENGTHS}
    content = Content(
        title=f'training images as D sees them · "{name}", each transform with probability p',
        images={
            (row, column): partial(shown.__getitem__, column)
            for row, shown in enumerate(rows.values())
            for column in range(len(reals))
        },
        row_names={row: f"p = {p}" for row, p in enumerate(rows)},
    )
    return paint(content, Size(*reals.shape[1:3]))
