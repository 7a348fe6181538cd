"""Images in an HDF5 file: ours, and any other with a uint8 dataset `images`."""

import json
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import h5py
import numpy as np
from PIL import Image

from stylegan_cli.data.annotations import (
    Column,
    Numbers,
    checked_labels,
    class_names,
    labels_by_entry,
)
from stylegan_cli.data.entries import Entry, Tally
from stylegan_cli.data.pictures import UnusableImageError, check_pixels
from stylegan_cli.errors import DataError

CHANNELS = {1, 3, 4}


class Hdf5Source:
    """Rows of `images`, uint8 `[n, height, width]` or `[n, height, width, channels]`.

    Class numbers or vectors in `labels` and string columns in `attributes/` come along.
    """

    def __init__(self, path: Path) -> None:
        self.name = str(path)
        try:
            self._file = h5py.File(path, "r")
        except OSError as error:
            raise DataError(
                f"{path}: not a readable HDF5 file ({error}); a cut-off download, perhaps"
            ) from None
        try:
            self._images = self._checked_images()
            self._labels = self._read_labels()
            self._columns = self._read_columns()
            self.prepared: Mapping[str, Any] = _json_attribute(self._file, "prepared", {})
        except (OSError, KeyError, ValueError, RuntimeError) as error:
            self.close()
            raise DataError(f"{path}: damaged: {error}; make it again") from None
        except DataError:
            self.close()
            raise
        named = _json_attribute(self._file, "classes", [])
        self.classes = class_names(self._labels, named) if self._labels is not None else ()

    def tally(self) -> Tally:
        return Tally(images=len(self._images))

    def entries(self) -> Iterator[Entry]:
        none = (None for _ in range(len(self._images)))
        labels = none if self._labels is None else labels_by_entry(self._labels, self.classes)
        for row, label in enumerate(labels):
            attributes = {
                key: column.values[column.index[row]] for key, column in self._columns.items()
            }
            yield Entry(name=f"{row:08d}", position=row, label=label, attributes=attributes)

    def open(self, entry: Entry) -> Image.Image:
        _, height, width, *_ = self._images.shape
        check_pixels(width, height)
        try:
            pixels = self._images[entry.position]
        except (OSError, RuntimeError) as error:
            raise UnusableImageError(f"damaged: {error}") from None
        return Image.fromarray(pixels[:, :, 0] if pixels.shape[2:] == (1,) else pixels)

    def close(self) -> None:
        self._file.close()

    def _checked_images(self) -> "h5py.Dataset":
        images = self._file.get("images")
        if not isinstance(images, h5py.Dataset):
            raise DataError(f"{self.name}: no dataset `images`; found {sorted(self._file)}")
        grey = images.ndim == 3
        colour = images.ndim == 4 and images.shape[3] in CHANNELS
        if images.dtype != np.uint8 or not (grey or colour):
            raise DataError(
                f"{self.name}: `images` is {images.dtype} {list(images.shape)}; "
                "needed is uint8 [n, height, width] or [n, height, width, 1, 3 or 4]"
            )
        return images

    def _read_labels(self) -> Numbers | None:
        stored = self._file.get("labels")
        if not isinstance(stored, h5py.Dataset) or not stored.size:
            return None
        if len(stored) != len(self._images):
            raise DataError(
                f"{self.name}: {len(stored)} labels for {len(self._images)} images; make it again"
            )
        return checked_labels(stored[()], self.name)

    def _read_columns(self) -> dict[str, Column]:
        group = self._file.get("attributes")
        if not isinstance(group, h5py.Group):
            return {}
        return {key: self._read_column(key, group[key]) for key in group}

    def _read_column(self, key: str, stored: "h5py.Dataset") -> Column:
        values = tuple(_json_attribute(stored, "values", []))
        index = stored[()].astype(np.int64)
        inside = not index.size or 0 <= index.min() <= index.max() < len(values)
        if index.shape != (len(self._images),) or not inside:
            raise DataError(f"{self.name}: attributes/{key} does not fit the images; make it again")
        return Column(values=values, index=index)


def _json_attribute(item: "h5py.HLObject", key: str, otherwise: Any) -> Any:
    try:
        return json.loads(item.attrs[key])
    except (KeyError, ValueError, TypeError):
        return otherwise
