"""Codes: a table of everything that decides each image to draw."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, fields
from typing import Any

import numpy as np
from jaxtyping import Float32, Int8, Int64


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
        style_offsets: What is added to the styles that ws lead to, channel by channel.
    """

    ws: Float32[np.ndarray, "*shape num_ws w_dim"]
    noise_seed: Int64[np.ndarray, "*shape"]
    labels: Float32[np.ndarray, "*shape c_dim"]
    z: Float32[np.ndarray, "*shape z_dim"] | None = None
    noise_modes: Int8[np.ndarray, "*shape noise_inputs"] | None = None
    style_offsets: Float32[np.ndarray, "*shape style_channels"] | None = None

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
