"""The header of a study's HDF5 file: which study it is, its origin, and where its files lie."""

import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path
from typing import Any

import h5py
import numpy as np

from stylegan_cli.errors import DataError
from stylegan_cli.hdf5 import note_origin, stored_array, text_attribute

SCHEMA = 1
SOURCES = "_sources"
UNFINISHED = ".{}.h5.partial"


@dataclass(frozen=True, kw_only=True)
class StudyHeader:
    """Identity of a study; equal headers mean equal images.

    Attributes:
        request: The options of the study, as JSON holds them.
        axes: Names along each axis of a sheet, by the axis' name.
        sheets: Names of the pictures the study makes; several are the first axis of the tables.
        pictures: Names of further pictures beside the sheets.
        recipe: TOML of the network's recipe.
    """

    study: str
    request: Mapping[str, Any]
    axes: Mapping[str, Sequence[str]]
    sheets: Sequence[str]
    recipe: str
    network_sha256: str
    pictures: Sequence[str] = ()

    def differences(self, other: "StudyHeader") -> list[str]:
        """Describe where another header differs: `psi is 1.0, not 0.7`."""
        return differing(json.loads(self.origin), json.loads(other.origin))

    @property
    def shape(self) -> tuple[int, ...]:
        """Return the shape of the table of images."""
        sheets = (len(self.sheets),) if len(self.sheets) > 1 else ()
        return (*sheets, *(len(names) for names in self.axes.values()))

    @property
    def origin(self) -> str:
        """Return study, request and network as JSON; equal for equal studies and networks."""
        claims = {"study": self.study, **self.request, "network_sha256": self.network_sha256}
        return json.dumps(claims, sort_keys=True)

    @property
    def fingerprint(self) -> str:
        """Return a short form of `origin`."""
        return sha256(self.origin.encode()).hexdigest()


def differing(mine: Mapping[str, Any], theirs: Mapping[str, Any]) -> list[str]:
    """Describe where another origin differs: `psi is 1.0, not 0.7`."""
    return [
        f"{key} is {_in_words(theirs.get(key))}, not {_in_words(mine.get(key))}"
        for key in {**mine, **theirs}
        if mine.get(key) != theirs.get(key)
    ]


@dataclass(frozen=True, kw_only=True)
class StudyPaths:
    """Paths of all files of one study.

        mix.h5    mix.png, or mix-crossover-4.png, …    images/row0001-col0003.png, …
        noise.h5  noise.png, further pictures: noise-maps.png, …

    While images are missing the HDF5 file is hidden: `.mix.h5.partial`.
    """

    folder: Path
    header: StudyHeader

    @property
    def hdf5(self) -> Path:
        return self.folder / f"{_slug(self.header.study)}.h5"

    @property
    def unfinished(self) -> Path:
        """Return the path of the HDF5 file while images are missing."""
        return self.folder / UNFINISHED.format(_slug(self.header.study))

    @property
    def images(self) -> Path:
        """Return the folder of single images."""
        return self.folder / "images"

    @property
    def sheets(self) -> tuple[Path, ...]:
        """Return the composed pictures."""
        names = self.header.sheets if len(self.header.sheets) > 1 else ("",)
        return tuple(map(self.composed, names))

    @property
    def pictures(self) -> tuple[Path, ...]:
        """Return the further pictures beside the sheets."""
        return tuple(map(self.composed, self.header.pictures))

    def composed(self, name: str) -> Path:
        """Return the path of a composed picture; the only sheet of a study has no name."""
        words = [self.header.study, name] if name else [self.header.study]
        return self.folder / f"{'-'.join(map(_slug, words))}.png"

    def image(self, table: str, index: tuple[int, ...]) -> Path:
        """Return the path of the PNG of one image."""
        if not index:
            return self.images / f"{_slug(table)}.png"
        axes: Mapping[str, Sequence[str]] = self.header.axes
        if table.endswith(SOURCES):
            axis = table.removesuffix(SOURCES)
            axes = {axis: axes[axis]}
        elif table != "/":
            first = next(iter(axes))
            axes = {first: axes[first], table: list(map(str, range(index[-1] + 1)))}
        sheets, position = index[: -len(axes)], index[-len(axes) :]
        name = "-".join(
            f"{_slug(axis)}{_slug(names[i])}"
            for (axis, names), i in zip(axes.items(), position, strict=True)
        )
        return self.images.joinpath(*(_slug(self.header.sheets[i]) for i in sheets), f"{name}.png")


def write_header(file: h5py.File, header: StudyHeader) -> None:
    """Write a header, versions and the time into the root of a file."""
    file.attrs["schema"] = SCHEMA
    file.attrs["study"] = header.study
    file.attrs["request"] = json.dumps(header.request)
    file.attrs["axes"] = json.dumps(list(header.axes))
    file.attrs["pictures"] = json.dumps(list(header.pictures))
    file.attrs["recipe"] = header.recipe
    file.attrs["network_sha256"] = header.network_sha256
    note_origin(file)
    for name, values in {**header.axes, "sheet": header.sheets}.items():
        file[f"{name}_names"] = np.array(values, h5py.string_dtype())


def read_header(file: h5py.File) -> StudyHeader:
    """Return the header in the root of a file.

    Raises:
        DataError, KeyError, ValueError: It is missing, damaged or newer than this sgtool.
    """
    schema = file.attrs["schema"]
    if not isinstance(schema, np.integer):
        raise ValueError(f"unknown schema {schema!r}")
    if schema > SCHEMA:
        raise ValueError(
            f"schema {schema} is newer than this sgtool reads ({SCHEMA}); upgrade sgtool"
        )
    request = json.loads(text_attribute(file, "request"))
    if not isinstance(request, dict):
        raise ValueError("its request is no object")
    return StudyHeader(
        study=text_attribute(file, "study"),
        request=request,
        axes={axis: _names(file, axis) for axis in _texts(file, "axes")},
        sheets=_names(file, "sheet"),
        recipe=text_attribute(file, "recipe"),
        network_sha256=text_attribute(file, "network_sha256"),
        pictures=_texts(file, "pictures") if "pictures" in file.attrs else (),
    )


def _names(file: h5py.File, axis: str) -> tuple[str, ...]:
    return tuple(stored_array(file, f"{axis}_names", kinds="O", ranks=[1]).asstr()[...])


def _texts(file: h5py.File, key: str) -> tuple[str, ...]:
    found = json.loads(text_attribute(file, key))
    if not isinstance(found, list) or not all(isinstance(each, str) for each in found):
        raise DataError(f"{file.filename}: {key} is no list of texts; make or download it again")
    return tuple(found)


def _in_words(value: object) -> str:
    return "; ".join(map(str, value)) if isinstance(value, list) else str(value)


def _slug(name: str) -> str:
    """Return a name that is safe in a path and sorts numbers as numbers."""
    return name.zfill(4) if name.isdecimal() else re.sub(r"[^\w.,+-]+|^\.+", "-", name)
