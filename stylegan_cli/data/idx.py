"""Images in an idx file, the format of MNIST and its successors.

A header of big-endian numbers, then bytes: `0 0 8 3, n, height, width, pixels`. Class numbers lie
in a file of their own beside it (`train-labels-idx1-ubyte` for `train-images-idx3-ubyte`); both may
be gzipped.
"""

import gzip
import io
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import numpy as np
import numpy.typing as npt
from PIL import Image

from stylegan_cli.data import Entry, Source
from stylegan_cli.data.decoding import Upright
from stylegan_cli.data.gzipped import MAGIC
from stylegan_cli.data.labels import class_names, labels_by_entry
from stylegan_cli.errors import DataError

IMAGES_MAGIC, LABELS_MAGIC = b"\0\0\x08\x03", b"\0\0\x08\x01"
MAX_BYTES = 2**30
MNIST_SIDE, PADDING = 28, 2


class IdxSource(Source):
    """Grey images by number; those of 28 px get a border of 2 px, as is usual.

    Class numbers come from the file of labels beside it, where there is one.
    """

    def __init__(self, path: Path) -> None:
        self.name = str(path)
        self._images = _read_array(path, IMAGES_MAGIC)
        self._labels = _labels_beside(path, len(self._images))
        self.count, self.classes = len(self._images), class_names(self._labels)

    def entries(self) -> Iterator[Entry]:
        labels = labels_by_entry(self._labels, self.classes)
        for place, (pixels, label) in enumerate(zip(self._images, labels, strict=False)):
            mark = zlib.crc32(pixels.tobytes())
            yield Entry(name=f"{place:08d}", position=place, mark=mark, label=label)

    @contextmanager
    def open(self, entry: Entry) -> Iterator[Upright]:
        pixels = self._images[entry.position]
        height, width = pixels.shape
        padding = PADDING if height == width == MNIST_SIDE else 0
        yield Upright(Image.fromarray(np.pad(pixels, padding)))


def is_idx(path: Path) -> bool:
    """Return whether a file is an idx file of images or labels, gzipped or not."""
    try:
        with _opened(path) as file:
            return file.read(4) in (IMAGES_MAGIC, LABELS_MAGIC)
    except (OSError, EOFError, zlib.error):
        return False


def _opened(path: Path) -> gzip.GzipFile | io.BufferedReader:
    with path.open("rb") as file:
        zipped = file.read(2) == MAGIC
    return gzip.open(path, "rb") if zipped else path.open("rb")


def _read_array(path: Path, magic: bytes) -> npt.NDArray[np.uint8]:
    """Return the bytes of an idx file in the shape it declares."""
    axes = magic[3]
    try:
        with _opened(path) as file:
            if file.read(4) != magic:
                kind = "images [n, height, width]" if axes == 3 else "labels [n]"
                raise DataError(f"{path}: not an idx file of {kind} as bytes; give that one")
            sizes = [int.from_bytes(file.read(4), "big") for _ in range(axes)]
            count = int(np.prod(sizes, dtype=object))
            if count > MAX_BYTES:
                raise DataError(f"{path}: claims {count} bytes of pixels; more than is read")
            # one byte more shows whether the file is longer
            content = file.read(count + 1)
    except (OSError, EOFError, zlib.error) as error:
        raise DataError(f"{path}: damaged ({error}); fetch it again") from None
    if len(content) != count or not count:
        raise DataError(
            f"{path}: {len(content)} bytes where {count} are declared {sizes}; fetch it again"
        )
    return np.frombuffer(content, np.uint8).reshape(sizes)


def _labels_beside(path: Path, images: int) -> npt.NDArray[np.int64] | None:
    own = path.name.removesuffix(".gz")
    plain = own.replace("images", "labels").replace("idx3", "idx1")
    for name in (plain, f"{plain}.gz") if plain != own else ():
        beside = path.with_name(name)
        if not beside.is_file():
            continue
        labels = _read_array(beside, LABELS_MAGIC)
        if len(labels) != images:
            raise DataError(
                f"{beside}: {len(labels)} labels for {images} images; put the right one there"
            )
        return labels.astype(np.int64)
    return None
