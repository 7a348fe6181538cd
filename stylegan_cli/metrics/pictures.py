"""Sets of images as metrics take them: in batches and in a fixed order."""

from collections.abc import Callable, Generator, Iterator, Mapping, Sequence
from contextlib import closing
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
from jaxtyping import Float32, Int64, UInt8

from stylegan_cli.data import Entry, Source, entry_path
from stylegan_cli.data.dataset import Dataset, open_dataset
from stylegan_cli.data.decoding import reasons
from stylegan_cli.data.formats import UnusableImageError, suffix_of
from stylegan_cli.data.levels import eight_bit, own_levels
from stylegan_cli.data.pictures import MODES, seen_planes, to_bytes
from stylegan_cli.data.samples import DRAWN, drawn_path
from stylegan_cli.data.sources import content_sha256, names_many, open_source
from stylegan_cli.errors import DataError, UsageError
from stylegan_cli.figures.png import shown
from stylegan_cli.metrics.metric import Event, Remark
from stylegan_cli.networks.header import Header, read_header
from stylegan_cli.runtime import cores, ordered_map
from stylegan_cli.shapes import Picture, Pixels
from stylegan_cli.sizes import Size
from stylegan_cli.training.settling import training_data

AnyPixels = UInt8[np.ndarray, "*shape _"]
Label = Float32[np.ndarray, " c_dim"]

MAX_THREADS = 8
JPEG_SUFFIXES = {".jpg", ".jpeg", ".jpe", ".jfif"}
BATCHES_AHEAD = 2


@dataclass(frozen=True, kw_only=True)
class StoredPictures:
    """Images of a data set or a folder in a fixed order, and their mirror images if wanted.

    Attributes:
        name: Name in messages.
        count: Images without their mirror images.
        read: Returns an image by its number, safe in several threads.
        how: The way they are brought to their size when they are read.
        classes: Name of each image's class, if all have one.
        label: Returns the label of an image, if the data set has labels.
        mirrored: Mirror images follow after all images.
        rows: Numbers of the images that count; None for all.
        left_out: Files of pictures that cannot be read, with the reason.
    """

    name: str
    size: Size
    count: int
    read: Callable[[int], Picture]
    sha256: str
    how: str
    classes: tuple[str, ...] | None = None
    label: Callable[[int], Label] | None = None
    mirrored: bool = False
    rows: Int64[np.ndarray, " rows"] | None = None
    jpegs: int = 0
    left_out: tuple[str, ...] = ()

    @property
    def counted(self) -> int:
        """Return the number of images that count."""
        return len(self) if self.rows is None else len(self.rows)

    @property
    def identity(self) -> Mapping[str, Any]:
        """Return facts, as JSON holds them, that are equal for equal images and only for those."""
        return {
            "sha256": self.sha256,
            "how": self.how,
            "count": self.count,
            "mirrored": self.mirrored,
        }

    def __len__(self) -> int:
        return self.count * (1 + self.mirrored)

    def batches(self, parts: Sequence[range]) -> Iterator[Pixels]:
        """Yield the images of each part, decoded ahead in threads."""
        workers = min(cores(), MAX_THREADS)
        loaded = ordered_map(self._batch, parts, workers=workers, ahead=workers + BATCHES_AHEAD)
        with closing(loaded):
            yield from loaded

    def _batch(self, part: range) -> Pixels:
        return np.stack([self._picture(index) for index in part])

    def _picture(self, index: int) -> Picture:
        turned, original = divmod(index, self.count)
        pixels = self.read(original)
        return pixels[:, ::-1] if turned else pixels


def stored_data(
    path: Path | str, dataset: Dataset, *, fit: str, channels: Sequence[int] | None = None
) -> StoredPictures:
    """Return all images of an open data set, with their labels.

    Args:
        channels: Those that detectors see, all for None.
        fit: Its way of giving images their shape, if it does.
    """
    first, _ = dataset.read(0)
    size = Size(*first.shape[:2])
    numbers = (dataset.label(i).argmax() for i in range(len(dataset) if dataset.c_dim else 0))
    classes = tuple(class_name(dataset.classes, int(number)) for number in numbers)
    seen = "" if channels is None else f" ({', '.join(map(str, channels))} seen)"
    return StoredPictures(
        name=str(path),
        size=size,
        count=len(dataset),
        read=lambda index: shown(to_bytes(dataset.read(index)[0]), channels),
        sha256=content_sha256(path),
        how=f"{size.value} px, {first.shape[2]} channels{seen}, {fit}",
        classes=classes if dataset.c_dim else None,
        label=dataset.label if dataset.c_dim else None,
    )


def stored_folder(path: Path) -> StoredPictures:
    """Return all images at a path as they are; they must be of one size."""
    source = open_source(path)
    found = list(source.entries())
    entries = [entry for entry in found if entry.problem is None]
    if not entries:
        source.close()
        raise DataError(f"{path}: contains no readable images (PNG, JPEG, WebP, …)")
    first = _rgb(source, entries[0])

    def read(index: int) -> Picture:
        pixels = _rgb(source, entries[index])
        if pixels.shape != first.shape:
            raise DataError(
                f"{entry_path(source, entries[index])}: {Size(*pixels.shape[:2])}, but the first "
                f"image is {Size(*first.shape[:2])}; images of one size are needed, and `sgtool "
                "data prepare` makes them"
            )
        return pixels

    names = [entry.label for entry in entries if isinstance(entry.label, str)]
    return StoredPictures(
        name=str(path),
        size=Size(*first.shape[:2]),
        count=len(entries),
        read=read,
        sha256=content_sha256(path),
        how="as they are",
        classes=tuple(names) if len(names) == len(entries) else None,
        jpegs=sum(suffix_of(entry.name) in JPEG_SUFFIXES for entry in entries),
        left_out=tuple(
            f"{entry_path(source, entry)}: {entry.problem}" for entry in found if entry.problem
        ),
    )


def real_images(chosen: str | None, network: Path) -> Generator[Event, None, StoredPictures]:
    """Open the real images for a network: of its size, and with labels where it has classes.

    Args:
        chosen: Path of the data set or `sample:KIND`; None takes those of the training.
    """
    header = read_header(network)
    section = header.recipe.data
    path = yield from _data_path(chosen, header, network)
    place = drawn_path(path, resolution=section.resolution, channels=section.channels)
    dataset = open_dataset(
        place,
        resolution=section.resolution,
        channels=section.channels,
        fit=section.fit,
        labels=header.c_dim > 0,
    )
    if dataset.c_dim != header.c_dim:
        raise DataError(
            f"{path}: labels have {dataset.c_dim} numbers, those of {network} {header.c_dim}; "
            "measure with the data that the network was trained on"
        )
    return stored_data(place, dataset, fit=section.fit, channels=section.shown)


def labelled_images(
    chosen: str | None, header: Header, network: Path
) -> Generator[Event, None, Dataset]:
    """Open the data set of a network with all it says of its images."""
    path = yield from _data_path(chosen, header, network)
    data = replace(header.recipe.data, path=path, labels=header.c_dim > 0)
    return training_data(replace(header.recipe, data=data))


def _data_path(chosen: str | None, header: Header, network: Path) -> Generator[Event, None, str]:
    """Return the chosen path of the data set, else that of the training."""
    path = chosen or header.recipe.data.path
    if path is None:
        raise UsageError(f"{network}: does not record its data set; give `data`")
    if chosen is None:
        if not (path.startswith(DRAWN) or names_many(path) or Path(path).exists()):
            there = "" if Path(path).is_absolute() else ", seen from the folder it was trained in"
            raise DataError(
                f"{path}: there is no such file or folder; {network} records it as its training "
                f"data{there}; give `data`"
            )
        yield Remark(text=f"data {path}, as in training; `data` chooses another")
    return path


def _rgb(source: Source, entry: Entry) -> Picture:
    try:
        with reasons(), source.open(entry) as image:
            levels = own_levels(source)
            if image.stack:
                # of a stack what one looks at
                planes = (eight_bit(plane.whole(), levels) for plane in seen_planes(image))
                return on_white(np.dstack([np.asarray(plane) for plane in planes]))
            whole = eight_bit(image.whole(), levels)
            return on_white(np.asarray(whole.convert(MODES[max(3, image.channels)])))
    except UnusableImageError as error:
        raise DataError(f"{entry_path(source, entry)}: {error}") from error


def on_white(pixels: AnyPixels) -> AnyPixels:
    """Return grey and RGB as they are, RGBA on white; of other images the first channels."""
    if pixels.shape[-1] != 4:
        return pixels[..., : 1 if pixels.shape[-1] == 2 else 3]
    colours, alpha = pixels[..., :3].astype(np.uint32), pixels[..., 3:].astype(np.uint32)
    return ((colours * alpha + 255 * (255 - alpha) + 127) // 255).astype(np.uint8)


def class_name(classes: Sequence[str], number: int) -> str:
    """Return the name of a class, or its number in digits where it has none."""
    return classes[number] if classes else str(number)
