"""A grid: one image per seed."""

from collections.abc import Sequence

from stylegan_cli.checkpoint import Network
from stylegan_cli.latents import PLAIN, Sampling, codes_of_seeds, sampling_request
from stylegan_cli.plan import Axis, Plan
from stylegan_cli.ranges import format_ints

LONGEST_TITLE = 40
"""Longer lists of seeds are only counted above the picture; every image has its seed below."""


def grid(network: Network, seeds: Sequence[int], sampling: Sampling = PLAIN) -> Plan:
    """The images of these seeds, in this order.

    Raises:
        UsageError: A seed, the truncation or the class is not possible with this network.
    """
    written = format_ints(seeds)
    return Plan(
        study="grid",
        request={"seeds": written, **sampling_request(network, sampling)},
        noise_mode=sampling.noise_mode,
        axes=(Axis(name="seed", names=tuple(map(str, seeds))),),
        sheets=(f"seeds {written}" if len(written) <= LONGEST_TITLE else f"{len(seeds)} seeds",),
        codes=codes_of_seeds(network, seeds, sampling),
    )
