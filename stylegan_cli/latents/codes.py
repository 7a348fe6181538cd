"""Codes: a table of all inputs of each image to draw."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, fields, replace
from functools import cached_property
from hashlib import sha256
from typing import Any

import numpy as np
from jaxtyping import Float32, Int8, Int64


@dataclass(frozen=True, kw_only=True, eq=False)
class OwnNoise:
    """Noise maps found together with a code, one per noise input, `[side, side]`.

    They stand in for those of the network file wherever these are asked for.
    """

    maps: tuple[np.ndarray, ...]

    @cached_property
    def sha256(self) -> bytes:
        """Return a hash that is equal for equal maps."""
        return sha256(b"".join(each.tobytes() for each in self.maps)).digest()


@dataclass(frozen=True, kw_only=True)
class Codes:
    """A table of images to draw, with all inputs of each.

    Attributes:
        ws: One w per layer, truncated and mixed already.
        noise_seed: Seed of the image's noise, used where the noise mode is "random".
        noise_modes: Mode of each noise input, by its position in `NOISE_MODES`; None gives all
            of them the plan's noise mode.
        labels: Labels given to the mapping network; `c_dim` is 0 without classes.
        z: Origin of the codes, if each comes from a single z.
        style_offsets: Offsets added to the styles of ws, channel by channel.
        motions: Shift of each picture right and down, in image widths, and the degrees by which
            it is turned counter-clockwise.
        own_noise: An `OwnNoise` for each image, or None where it has none; None if no image has.
    """

    ws: Float32[np.ndarray, "*shape num_ws w_dim"]
    noise_seed: Int64[np.ndarray, "*shape"]
    labels: Float32[np.ndarray, "*shape c_dim"]
    z: Float32[np.ndarray, "*shape z_dim"] | None = None
    noise_modes: Int8[np.ndarray, "*shape noise_inputs"] | None = None
    style_offsets: Float32[np.ndarray, "*shape style_channels"] | None = None
    motions: Float32[np.ndarray, "*shape 3"] | None = None
    own_noise: np.ndarray | None = None

    @property
    def shape(self) -> tuple[int, ...]:
        return self.noise_seed.shape

    def __getitem__(self, index: Any) -> "Codes":
        """Return the images at an index of the table, as of NumPy."""
        return self._each(lambda values: values[index])

    def reshape(self, *shape: int) -> "Codes":
        """Return the same images in a table of another shape."""
        rank = len(self.shape)
        return self._each(lambda values: values.reshape(*shape, *values.shape[rank:]))

    def _each(self, change: Callable[[np.ndarray], np.ndarray]) -> "Codes":
        given = {name: values for name, values in vars(self).items() if values is not None}
        return replace(self, **{name: change(values) for name, values in given.items()})


def join_codes(parts: Sequence[Codes], join: Callable[..., np.ndarray] = np.concatenate) -> Codes:
    """Join tables; columns that only some have are dropped, except where there is a neutral value.

    Args:
        join: `np.concatenate` puts them one after another, `np.stack` along an axis of their own.
    """
    offsets = (part.style_offsets for part in parts)
    channels = next((each.shape[-1] for each in offsets if each is not None), 0)
    blank = {
        "own_noise": np.array(None),
        "style_offsets": np.zeros(channels, np.float32),
        "motions": np.zeros(3, np.float32),
    }
    columns: dict[str, Any] = {}
    for column in (each.name for each in fields(Codes)):
        values = [getattr(part, column) for part in parts]
        if column in blank and any(value is not None for value in values):
            rest = blank[column]
            values = [
                np.broadcast_to(rest, (*part.shape, *rest.shape)) if value is None else value
                for part, value in zip(parts, values, strict=True)
            ]
        columns[column] = None if any(value is None for value in values) else join(values)
    return Codes(**columns)


def noise_columns(own_noise: np.ndarray) -> Mapping[str, np.ndarray]:
    """Return noise as files hold it: each distinct set of maps once, and an index per image.

    `noise_index` is −1 where there is none; `noise/00`, … are `[sets, side, side]`.
    """
    sets = {each.sha256: each.maps for each in own_noise.flat if each is not None}
    places = {key: number for number, key in enumerate(sets)}
    index = [-1 if each is None else places[each.sha256] for each in own_noise.flat]
    by_input = zip(*sets.values(), strict=True)
    return {
        "noise_index": np.array(index, np.int64).reshape(own_noise.shape),
        **{f"noise/{i:02}": np.stack(maps) for i, maps in enumerate(by_input)},
    }
