"""StyleSpace: single style channels and what they do, Wu et al., CVPR 2021."""

from dataclasses import dataclass

import numpy as np
import torch
from jaxtyping import Bool, Float, Float64, Int64

from stylegan_cli.networks.generator import Generator
from stylegan_cli.networks.styles import style_layers, styles_of
from stylegan_cli.shapes import Ws

Rows = Float[np.ndarray, "n channels"]
DEAD = 1e-3
"""Channels that vary less than this share of their layer's median are of no effect."""


@dataclass(frozen=True, kw_only=True)
class Channels:
    """Style channels: the input each belongs to, and how much it varies.

    Attributes:
        layers: Name of each channel's layer.
        position: Of each channel in its layer.
        w_index: The w that drives it.
        is_rgb: Its layer makes colours of features.
    """

    layers: tuple[str, ...]
    position: Int64[np.ndarray, " channels"]
    w_index: Int64[np.ndarray, " channels"]
    is_rgb: Bool[np.ndarray, " channels"]
    mean: Float64[np.ndarray, " channels"]
    std: Float64[np.ndarray, " channels"]

    @property
    def is_dead(self) -> Bool[np.ndarray, " channels"]:
        """Return which channels hardly vary, so that deviations mean nothing."""
        names = np.array(self.layers)
        median = np.array([np.median(self.std[names == name]) for name in self.layers])
        dead: Bool[np.ndarray, " channels"] = self.std < DEAD * median
        return dead

    def name(self, channel: int) -> str:
        """Return a channel's name, such as `b8.conv0:12`."""
        return f"{self.layers[channel]}:{self.position[channel]}"


@dataclass(frozen=True, kw_only=True)
class Relevance:
    """Scores of how well each channel separates examples from the population.

    Attributes:
        theta: |mean of the examples' deviations| / their standard deviation.
        sign: Of the mean: the way towards the examples.
    """

    theta: Float64[np.ndarray, " channels"]
    sign: Float64[np.ndarray, " channels"]


def all_styles(G: Generator, ws: Ws, batch_size: int = 1024) -> Float64[np.ndarray, "n channels"]:
    """Return the styles of these codes."""
    with torch.no_grad():
        parts = [styles_of(G, batch).double().cpu().numpy() for batch in ws.split(batch_size)]
    return np.concatenate(parts)


def channels_of(G: Generator, population: Rows) -> Channels:
    """Return the channels of a network, with mean and standard deviation over a population."""
    layers = style_layers(G)
    sizes = [layer.channels for layer in layers]
    return Channels(
        layers=tuple(layer.name for layer in layers for _ in range(layer.channels)),
        position=np.concatenate([np.arange(size) for size in sizes]),
        w_index=np.repeat([layer.w_index for layer in layers], sizes),
        is_rgb=np.repeat([layer.is_rgb for layer in layers], sizes),
        mean=population.mean(axis=0, dtype=np.float64),
        std=population.std(axis=0, dtype=np.float64),
    )


def relevance(examples: Rows, channels: Channels) -> Relevance:
    """Measure how far examples lie from the population in each channel, and agree."""
    deviation = (examples - channels.mean) / channels.std
    mean, std = deviation.mean(axis=0), deviation.std(axis=0)
    return Relevance(theta=np.abs(mean) / std, sign=np.sign(mean))


def relevance_of_poles(have: Rows, lack: Rows, channels: Channels) -> Relevance:
    """Measure as `relevance`, with both poles: difference of means over pooled deviation."""
    a, b = ((pole - channels.mean) / channels.std for pole in (have, lack))
    apart = a.mean(axis=0) - b.mean(axis=0)
    pooled = np.sqrt((a.var(axis=0) + b.var(axis=0)) / 2)
    return Relevance(theta=np.abs(apart) / pooled, sign=np.sign(apart))


def ranking(
    found: Relevance, channels: Channels, *, rgb: bool = False
) -> Int64[np.ndarray, " ranked"]:
    """Rank channels from the most to the least relevant; dead ones are left out.

    Args:
        rgb: List the channels of toRGB layers too.
    """
    listed = ~channels.is_dead & (rgb | ~channels.is_rgb)
    order = np.argsort(-found.theta, kind="stable")
    ranked: Int64[np.ndarray, " ranked"] = order[listed[order]]
    return ranked
