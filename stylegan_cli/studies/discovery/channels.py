"""StyleSpace: single style channels and what they do, Wu et al., CVPR 2021.

Channels are found by the scores of images, or by the single place that a step changes.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from jaxtyping import Bool, Float, Float32, Float64, Int64

from stylegan_cli.directions.direction import Direction, Fact
from stylegan_cli.directions.file import Discovery
from stylegan_cli.directions.population import layers_of, population
from stylegan_cli.errors import MetricError, UsageError
from stylegan_cli.latents.sampling import PLAIN, codes_of_seeds
from stylegan_cli.networks.execution import default_batch_size
from stylegan_cli.networks.snapshot import Network
from stylegan_cli.shapes import Images, Ws
from stylegan_cli.studies.discovery.finding import discovered
from stylegan_cli.studies.discovery.judging import Scored, Scoring, plain_name

if TYPE_CHECKING:
    from stylegan_cli.networks.generator import Generator

Rows = Float[np.ndarray, "n channels"]
DEAD = 1e-3
"""Channels that vary less than this share of their layer's median have no effect."""

EXAMPLES, FEWEST = 30, 5
"""Codes at either end whose styles are compared, and how many there must be."""

POPULATION = 5000
"""Codes whose styles are the measure of each channel."""

SEEDS = 4
STEP = 3.0
"""Steps to one side, as single channels change little."""

STRONGEST = 0.1
"""Share of the pixels that measures how local a change is: the part of it they hold."""

VISIBLE = 0.5
"""Mean change, in grey levels, below which a channel is not listed."""


@dataclass(frozen=True, kw_only=True)
class Channels:
    """Style channels: the input each belongs to, and how much it varies.

    Attributes:
        layers: Name of each channel's layer.
        is_rgb: Its layer makes colours of features.
    """

    layers: tuple[str, ...]
    position: Int64[np.ndarray, " channels"]
    is_rgb: Bool[np.ndarray, " channels"]
    mean: Float64[np.ndarray, " channels"]
    std: Float64[np.ndarray, " channels"]

    def listed(self, *, rgb: bool) -> Bool[np.ndarray, " channels"]:
        """Return which channels to look at: those that vary, of toRGB layers only if wanted."""
        names = np.array(self.layers)
        median = np.array([np.median(self.std[names == name]) for name in self.layers])
        chosen: Bool[np.ndarray, " channels"] = ~(self.std < DEAD * median) & (rgb | ~self.is_rgb)
        return chosen

    def direction(
        self, channel: int, sign: float, name: str, facts: Mapping[str, Fact]
    ) -> Direction:
        """Return the direction of a channel; a step is its standard deviation."""
        vector = np.zeros(len(self.std), np.float32)
        vector[channel] = sign
        return Direction(
            name=name,
            space="s",
            vector=vector,
            sigma=float(self.std[channel]),
            mean_coordinate=sign * float(self.mean[channel]),
            facts={**facts, "channel": f"{self.layers[channel]}:{self.position[channel]}"},
        )


def all_styles(G: "Generator", ws: Ws, batch_size: int = 1024) -> Float64[np.ndarray, "n channels"]:
    """Return the styles of these codes."""
    import torch

    from stylegan_cli.networks.styles import styles_of

    with torch.no_grad():
        parts = [styles_of(G, batch).double().cpu().numpy() for batch in ws.split(batch_size)]
    return np.concatenate(parts)


def channels_of(G: "Generator", population: Rows) -> Channels:
    """Return the channels of a network, with mean and standard deviation over a population."""
    from stylegan_cli.networks.styles import style_layers

    layers = style_layers(G)
    sizes = [layer.channels for layer in layers]
    return Channels(
        layers=tuple(layer.name for layer in layers for _ in range(layer.channels)),
        position=np.concatenate([np.arange(size) for size in sizes]),
        is_rgb=np.repeat([layer.is_rgb for layer in layers], sizes),
        mean=population.mean(axis=0, dtype=np.float64),
        std=population.std(axis=0, dtype=np.float64),
    )


def relevance(
    have: Rows, channels: Channels, lack: Rows | None = None
) -> Float64[np.ndarray, " channels"]:
    """Measure how far examples lie from the population in each channel, and agree.

    The mean of their deviations, in its standard deviations: positive where examples have more.
    With others that lack what they have, the difference of both means over the pooled deviation.
    """
    a = (have - channels.mean) / channels.std
    apart, spread = a.mean(axis=0), a.std(axis=0)
    if lack is not None:
        b = (lack - channels.mean) / channels.std
        apart = apart - b.mean(axis=0)
        spread = np.sqrt((a.var(axis=0) + b.var(axis=0)) / 2)
    return np.asarray(apart / spread)


def ranking(
    theta: Float64[np.ndarray, " channels"], listed: Bool[np.ndarray, " channels"]
) -> Int64[np.ndarray, " ranked"]:
    """Rank the listed channels from the most to the least relevant."""
    order = np.argsort(-np.abs(theta), kind="stable")
    ranked: Int64[np.ndarray, " ranked"] = order[listed[order]]
    return ranked


def find_channels(
    network: Network,
    scored: Scored | Scoring,
    name: str,
    *,
    count: int = 10,
    rgb: bool = False,
    group: str | None = None,
) -> Discovery:
    """Find the style channels in which codes of high score differ most from low ones.

    Args:
        name: Of the score.
        rgb: List channels of toRGB layers too.

    Raises:
        MetricError: Too few codes have this score.
    """
    check_styles(network)
    group = group or f"channels/{plain_name(name)}"
    chosen = scored.chosen([name])

    def found() -> Iterator[Direction]:
        high, low, drawn = (_styles(network, codes) for codes in _examples(chosen.made))
        channels = channels_of(network.G, drawn)
        theta = relevance(high, channels, low)
        for i, channel in enumerate(ranking(theta, channels.listed(rgb=rgb))[:count]):
            facts: dict[str, Fact] = {"theta": float(abs(theta[channel])), "attribute": name}
            sign = float(np.sign(theta[channel]))
            yield channels.direction(int(channel), sign, f"{group}/{i}", facts)

    request = {
        "method": "channels",
        "attribute": name,
        "samples": scored.count,
        "count": count,
        "torgb": rgb,
    }
    return discovered(network, group, "channel", request, found)


def _examples(scored: Scored) -> tuple[Float32[np.ndarray, "n dim"], ...]:
    """Return the codes of the highest scores, of the lowest, and of all kinds."""
    (name,), (scores,) = scored.names, scored.scores.T
    valid = np.flatnonzero(np.isfinite(scores))
    order = valid[np.argsort(-scores[valid], kind="stable")]
    many = min(EXAMPLES, len(order) // 2)
    if many < FEWEST:
        raise MetricError(
            f"{name}: {len(order)} scores are too few, {2 * FEWEST} are needed; take more samples"
        )
    return tuple(scored.codes[some] for some in (order[:many], order[-many:], slice(POPULATION)))


def check_styles(network: Network) -> None:
    """Refuse a network without styles."""
    if not network.sizes.has_styles:
        raise UsageError(
            "this network has one code for all layers and no style channels; it offers "
            "`sgtool discover sefa` and `sgtool discover pca`"
        )


@dataclass(frozen=True, kw_only=True)
class ChannelMap:
    """Change caused by a step along one channel.

    Attributes:
        map: Mean change of each pixel over the seeds, in grey levels.
    """

    channel: int
    map: Float32[np.ndarray, "height width"]

    @property
    def strength(self) -> float:
        """Return mean change of all pixels."""
        return float(self.map.mean())

    @property
    def locality(self) -> float:
        """Return part of the change that lies in the strongest tenth of the pixels."""
        energy = np.sort(self.map.ravel().astype(np.float64) ** 2)[::-1]
        count = max(1, round(STRONGEST * len(energy)))
        return float(energy[:count].sum() / max(energy.sum(), 1e-12))

    def share_in(self, mask: Float32[np.ndarray, "height width"]) -> float:
        """Return the part of the change inside a mask."""
        energy = self.map.astype(np.float64) ** 2
        return float((energy * mask).sum() / max(energy.sum(), 1e-12))


def live_channels(network: Network, *, rgb: bool = False) -> tuple[Channels, tuple[int, ...]]:
    """Return the channels of a network, and the numbers of those to look at."""
    check_styles(network)
    channels = channels_of(network.G, _styles(network, population(network, POPULATION).w))
    return channels, tuple(np.flatnonzero(channels.listed(rgb=rgb)).tolist())


def channel_maps(
    network: Network,
    channels: Channels,
    numbers: tuple[int, ...],
    batch_size: int | None = None,
) -> Iterator[ChannelMap]:
    """Yield what each of these channels changes, by finite differences."""
    import torch

    from stylegan_cli.rendering.render import draw_images

    G = network.G
    codes = codes_of_seeds(network, range(SEEDS), PLAIN)
    ws = torch.from_numpy(codes.ws).to(G.mapping.w_avg.device)
    still = _greys(draw_images(G, ws, "const"))
    at_once = max(1, (batch_size or default_batch_size(G.size)) // SEEDS)
    for start in range(0, len(numbers), at_once):
        chosen = numbers[start : start + at_once]
        offsets = np.zeros((len(chosen), SEEDS, len(channels.std)), np.float32)
        for i, channel in enumerate(chosen):
            offsets[i, :, channel] = STEP * channels.std[channel]
        styles = offsets.reshape(-1, offsets.shape[-1])
        moved = _greys(draw_images(G, ws.repeat(len(chosen), 1, 1), "const", styles))
        changed = np.abs(moved.reshape(len(chosen), *still.shape) - still).mean(axis=1)
        for channel, change in zip(chosen, changed, strict=True):
            yield ChannelMap(channel=channel, map=change)


def find_local_channels(
    network: Network,
    channels: Channels,
    maps: Sequence[ChannelMap],
    *,
    count: int = 10,
    mask: Float32[np.ndarray, "height width"] | None = None,
    rgb: bool = False,
    group: str = "channels",
) -> Discovery:
    """Find the channels whose change is the most local, or lies most inside a mask."""

    def closeness(each: ChannelMap) -> float:
        return each.locality if mask is None else each.share_in(mask)

    seen = [each for each in maps if each.strength >= VISIBLE] or maps
    directions = []
    for i, each in enumerate(sorted(seen, key=closeness, reverse=True)[:count]):
        facts: dict[str, Fact] = {"locality": each.locality}
        if mask is not None:
            facts["share_in_mask"] = closeness(each)
        directions.append(channels.direction(each.channel, 1.0, f"{group}/{i}", facts))
    request = {"method": "channels", "local": True, "count": count, "torgb": rgb}
    return discovered(network, group, "channel", request, lambda: directions)


def _styles(network: Network, codes: Float32[np.ndarray, "n w_dim"]) -> Rows:
    return all_styles(network.G, layers_of(network, codes))


def _greys(images: Images) -> Float32[np.ndarray, "n height width"]:
    levels = (images.float() * 127.5 + 127.5).clamp(0, 255)
    greys: np.ndarray = levels.mean(dim=1).cpu().numpy()
    return greys
