"""Style channels that move a single place, told by what one step changes."""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import torch
from jaxtyping import Float32

from stylegan_cli.directions.channels import Channels, all_styles, channels_of
from stylegan_cli.directions.file import Discovery
from stylegan_cli.directions.population import layers_of, population
from stylegan_cli.latents.sampling import PLAIN, codes_of_seeds
from stylegan_cli.networks.execution import default_batch_size
from stylegan_cli.networks.snapshot import Network
from stylegan_cli.rendering.render import draw_images
from stylegan_cli.studies.discovery.attributes import channel_direction, check_styles

SEEDS = 4
STEP = 3.0
"""Steps to one side, as single channels change little."""

STRONGEST = 0.1
"""Share of the pixels whose part of the change tells how local it is."""

VISIBLE = 0.5
"""Mean change, in grey levels, below which a channel is not listed."""


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
    """Return the channels of a network, and the numbers of those that vary.

    Raises:
        UsageError: The network has no styles.
    """
    check_styles(network)
    drawn = population(network, 5000)
    channels = channels_of(network.G, all_styles(network.G, layers_of(network, drawn.w)))
    live = np.flatnonzero(~channels.is_dead & (rgb | ~channels.is_rgb))
    return channels, tuple(live.tolist())


def channel_maps(
    network: Network,
    channels: Channels,
    numbers: tuple[int, ...],
    batch_size: int | None = None,
) -> Iterator[ChannelMap]:
    """Yield what each of these channels changes, by finite differences."""
    G = network.G
    codes = codes_of_seeds(network, range(SEEDS), PLAIN)
    ws = torch.from_numpy(codes.ws).to(G.mapping.w_avg.device)
    still = _greys(draw_images(G, ws, "const"))
    at_once = max(1, (batch_size or default_batch_size(G.size)) // SEEDS)
    for start in range(0, len(numbers), at_once):
        chosen = numbers[start : start + at_once]
        offsets = torch.zeros(len(chosen), SEEDS, len(channels.std))
        for i, channel in enumerate(chosen):
            offsets[i, :, channel] = STEP * channels.std[channel]
        moved = _greys(
            draw_images(
                G, ws.repeat(len(chosen), 1, 1), "const", offsets.flatten(0, 1).to(ws.device)
            )
        )
        changed = np.abs(moved.reshape(len(chosen), *still.shape) - still).mean(axis=1)
        for channel, change in zip(chosen, changed, strict=True):
            yield ChannelMap(channel=channel, map=change)


def find_local_channels(
    network: Network,
    channels: Channels,
    maps: list[ChannelMap],
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
    best = sorted(seen, key=closeness, reverse=True)[:count]
    directions = [
        channel_direction(
            network,
            channels,
            each.channel,
            sign=1.0,
            name=f"{group}/{i}",
            facts={
                "locality": each.locality,
                **({} if mask is None else {"share_in_mask": closeness(each)}),
            },
        )
        for i, each in enumerate(best)
    ]
    return Discovery(
        group=group,
        request={"method": "channels", "local": True, "count": count, "torgb": rgb},
        network_sha256=network.sha256,
        directions=tuple(directions),
    )


def _greys(images: torch.Tensor) -> Float32[np.ndarray, "n height width"]:
    levels = (images.float() * 127.5 + 127.5).clamp(0, 255)
    greys: np.ndarray = levels.mean(dim=1).cpu().numpy()
    return greys
