"""What a study wants drawn, before anything is drawn."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, fields
from typing import Any

import numpy as np
from jaxtyping import Float32, Int8, Int64

from stylegan_cli.networks.noise import NoiseMode
from stylegan_cli.rendering.store import Arrays, StudyFile
from stylegan_cli.shapes import Picture


@dataclass(frozen=True, kw_only=True)
class Codes:
    """A table of images to draw: everything that decides each of them.

    Attributes:
        ws: One w per layer, truncated and mixed already.
        noise_seed: Seed of the image's noise, used where the noise mode is "random".
        noise_modes: What each noise input gets, by its position in `NOISE_MODES`; None gives all
            of them the plan's noise mode.
        labels: What the mapping network was told; `c_dim` is 0 without classes.
        z: Where the codes come from, if each comes from a single z.
    """

    ws: Float32[np.ndarray, "*shape num_ws w_dim"]
    noise_seed: Int64[np.ndarray, "*shape"]
    labels: Float32[np.ndarray, "*shape c_dim"]
    z: Float32[np.ndarray, "*shape z_dim"] | None = None
    noise_modes: Int8[np.ndarray, "*shape noise_inputs"] | None = None

    @property
    def shape(self) -> tuple[int, ...]:
        return self.noise_seed.shape


def join_codes(parts: Sequence[Codes], join: Callable[..., np.ndarray] = np.concatenate) -> Codes:
    """One table of several; what only some of them have is left out.

    Args:
        join: `np.concatenate` puts them one after another, `np.stack` along an axis of their own.
    """
    columns: dict[str, Any] = {}
    for column in (each.name for each in fields(Codes)):
        values = [getattr(part, column) for part in parts]
        columns[column] = None if any(value is None for value in values) else join(values)
    return Codes(**columns)


Take = Callable[[StudyFile, tuple[int, ...], int | None], Arrays]
"""Takes a cell of a measurement: from a study, the cell's index and the batch size, its arrays."""


@dataclass(frozen=True, kw_only=True)
class Measurement:
    """Numbers that a study takes beside its images, in a group of their own in its HDF5 file.

    Attributes:
        shape: Of the table of cells; each is taken, stored and found again on its own.
        arrays: Shape of each array that a cell holds, by its name; they are kept as float32.
        take: Gives a cell's arrays; the study's images and earlier measurements are there already.
    """

    shape: tuple[int, ...]
    arrays: Mapping[str, tuple[int, ...]]
    take: Take


@dataclass(frozen=True, kw_only=True)
class Axis:
    """One axis of a sheet: what runs along it, and each position's name."""

    name: str
    names: tuple[str, ...]


@dataclass(frozen=True, kw_only=True)
class Plan:
    """An arrangement of latents: what a study is until it is rendered.

    Attributes:
        study: "grid", "mix", …
        request: The options that led here, as JSON holds them; the same request on the same
            network is the same study.
        axes: One per axis of a sheet: one runs on like text, two are rows and columns.
        sheets: Names of the pictures the study makes; several are the first axis of `codes`.
        codes: The table itself.
        sources: The unmixed images along an axis, by the axis' name.
        series: Further images of each position of the first axis, counted along a second one; not
            on the sheets. A table of one image, without axes, stands beside a matrix.
        measurements: What is measured once the images are there, in this order.
        pictures: Further pictures beside the sheets, painted from the study's file alone.
        notes: What went into the plan that the request alone does not tell.
    """

    study: str
    request: Mapping[str, Any]
    noise_mode: NoiseMode
    axes: tuple[Axis, ...]
    sheets: tuple[str, ...]
    codes: Codes
    sources: Mapping[str, Codes] = field(default_factory=dict)
    series: Mapping[str, Codes] = field(default_factory=dict)
    measurements: Mapping[str, Measurement] = field(default_factory=dict)
    pictures: Mapping[str, Callable[[StudyFile], Picture]] = field(default_factory=dict)
    notes: tuple[str, ...] = ()

    @property
    def tables(self) -> dict[str, Codes]:
        """Every table to draw, by its group in the study's HDF5 file."""
        sources = {f"{axis}_sources": codes for axis, codes in self.sources.items()}
        return {"/": self.codes, **sources, **self.series}
