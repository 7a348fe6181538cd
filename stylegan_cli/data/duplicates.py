"""Duplicates among images: equal pixels, and pictures that look the same (dHash)."""

import hashlib
from collections.abc import Iterator

import numpy as np
import numpy.typing as npt
from jaxtyping import Int, UInt8, UInt64
from PIL import Image

from stylegan_cli.data.decoding import Upright
from stylegan_cli.data.levels import seen_levels
from stylegan_cli.data.pictures import flatten, resize, seen_planes

Hashes = UInt8[np.ndarray, "n 24"]
Pairs = Int[np.ndarray, "_ 2"]
"""Rows (earlier, later) of places in a column."""

NEAR_BITS = 6
"""Of 192 bits: true of 99 % of JPEG copies of another size, of 0.05 % of pairs of other emoji."""
CLEARLY_BRIGHTER = 4
ORDERS = 8
NEIGHBOURS = 4
BITS_SET = np.array([byte.bit_count() for byte in range(256)], np.uint8)


def checksum(image: Upright) -> int:
    """Return 64 bits that are equal for equal pixels."""
    digest = hashlib.blake2b(repr((image.mode, image.size)).encode(), digest_size=8)
    for plane in image.stack or (image,):
        for band in plane.bands():
            digest.update(band.tobytes())
    return int.from_bytes(digest.digest(), "little")


def difference_hash(image: Upright) -> bytes:
    """Return 192 bits that are nearly equal for pictures that look the same (dHash).

    For each of 8×8 places and each of R, G, B: clearly brighter than its left neighbour?
    """
    planes = seen_planes(image)
    small = np.dstack([_small(plane, 3 // len(planes)) for plane in planes]).astype(np.int16)
    return np.packbits(small[:, 1:] - small[:, :-1] > CLEARLY_BRIGHTER).tobytes()


def _small(image: Upright, channels: int) -> npt.NDArray[np.uint8]:
    found = image.deep_range
    # dark pictures of 16 bits would all look the same
    levels = found if found and found[0] < found[1] else seen_levels(image)
    bands = (flatten(band, channels, "white", levels) for band in image.bands())
    return np.asarray(resize(bands, image.size, (9, 8), Image.Resampling.BOX))


def exact_pairs(checksums: UInt64[np.ndarray, " n"]) -> Pairs:
    """Return each place whose checksum came before, after the first place that has it."""
    _, first, group = np.unique(checksums, return_index=True, return_inverse=True)
    earlier = first[group]
    later = np.flatnonzero(earlier != np.arange(len(checksums)))
    return np.stack([earlier[later], later], axis=1)


def near_pairs(hashes: Hashes) -> Pairs:
    """Return each place that looks like an earlier one, after one of those.

    Compares neighbours in several sorted orders, each led by another part of the hash, which is
    linear in the number of images and may miss a few.
    """
    near = np.sort(np.concatenate(list(_near_neighbours(hashes))), axis=1)
    _, first = np.unique(near[:, 1], return_index=True)
    return near[first]


def _near_neighbours(hashes: Hashes) -> Iterator[Pairs]:
    for part in range(ORDERS):
        turned = np.roll(hashes, -part * hashes.shape[1] // ORDERS, axis=1)
        order = np.ascontiguousarray(turned).view(f"S{hashes.shape[1]}").ravel().argsort()
        for step in range(1, NEIGHBOURS + 1):
            pairs = np.stack([order[:-step], order[step:]], axis=1)
            distance = BITS_SET[hashes[pairs[:, 0]] ^ hashes[pairs[:, 1]]].sum(axis=1)
            yield pairs[distance <= NEAR_BITS]
