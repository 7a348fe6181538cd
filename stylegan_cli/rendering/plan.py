"""The plan of a study: everything to draw, before anything is drawn."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any, NamedTuple

import numpy as np

from stylegan_cli.latents.codes import Codes
from stylegan_cli.networks.noise import NoiseMode
from stylegan_cli.rendering.store import Arrays, StudyFile
from stylegan_cli.shapes import Picture

Take = Callable[[StudyFile, tuple[int, ...], int | None], Arrays]
"""Takes a cell of a measurement: from a study, the cell's index and the batch size, its arrays."""


@dataclass(frozen=True, kw_only=True)
class Measurement:
    """Numbers that a study measures beside its images, in their own group of the HDF5 file.

    Attributes:
        shape: Of the table of cells; each is taken, stored and found again on its own.
        arrays: Shape of each array that a cell holds, by its name; they are kept as float32.
        take: Returns a cell's arrays; images and earlier measurements exist by then.
    """

    shape: tuple[int, ...]
    arrays: Mapping[str, tuple[int, ...]]
    take: Take


def measurement(take: Take, *shape: int, **arrays: tuple[int, ...]) -> Measurement:
    """Return a measurement of this shape with these arrays."""
    return Measurement(shape=shape, arrays=arrays, take=take)


@dataclass(frozen=True, kw_only=True)
class Tables:
    """The tables of a plan, which take the network's weights to make.

    Attributes:
        codes: The table itself.
        sources: The unmixed images along an axis, by the axis' name.
        series: Further images of each position of the first axis, counted along a second one; not
            on the sheets. A table of one image, without axes, stands beside a matrix.
        measurements: Measurements made after the images, in this order.
        notes: Facts about the tables that are not in the request.
    """

    codes: Codes
    sources: Mapping[str, Codes] = field(default_factory=dict)
    series: Mapping[str, Codes] = field(default_factory=dict)
    measurements: Mapping[str, Measurement] = field(default_factory=dict)
    notes: tuple[str, ...] = ()


class Address(NamedTuple):
    """Location of an image: the table of the plan, and the position in it."""

    table: str
    position: tuple[int, ...]


@dataclass(frozen=True, kw_only=True)
class Cell:
    """One image of a plan."""

    address: Address
    pixels: Picture


@dataclass(frozen=True, kw_only=True)
class Plan:
    """An arrangement of latents: a study before it is rendered.

    Attributes:
        study: "grid", "mix", …
        request: The options that led here, as JSON holds them; the same request on the same
            network is the same study.
        axes: Names along each axis of a sheet: one runs on like text, two are rows and columns.
        sheets: Names of the pictures the study makes; several are the first axis of the codes.
        make: Makes the tables; a study that exists already is recognized without them.
        pictures: Further pictures beside the sheets, painted from the study's file alone.
        notes: Facts about the plan that are not in the request.
    """

    study: str
    request: Mapping[str, Any]
    noise_mode: NoiseMode
    axes: Mapping[str, tuple[str, ...]]
    sheets: tuple[str, ...]
    make: Callable[[], Tables]
    pictures: Mapping[str, Callable[[StudyFile], Picture]] = field(default_factory=dict)
    notes: tuple[str, ...] = ()

    @cached_property
    def made(self) -> Tables:
        """Return the tables, made when they are first needed."""
        return self.make()

    @property
    def codes(self) -> Codes:
        """Return the table of images."""
        return self.made.codes

    @property
    def tables(self) -> dict[str, Codes]:
        """Return every table to draw, by its group in the study's HDF5 file."""
        sources = {f"{axis}_sources": codes for axis, codes in self.made.sources.items()}
        return {"/": self.codes, **sources, **self.made.series}

    @property
    def addresses(self) -> list[Address]:
        """Return the address of every image."""
        return [
            Address(table, position)
            for table, codes in self.tables.items()
            for position in np.ndindex(codes.shape)
        ]
