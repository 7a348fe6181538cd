"""A grid: one image per seed."""

from collections.abc import Sequence

from stylegan_cli.checkpoint import Network
from stylegan_cli.latents import PLAIN, Sampling, codes_of_picks, sampling_request
from stylegan_cli.picks import Pick, format_picks
from stylegan_cli.plan import Axis, Plan

LONGEST_TITLE = 40
"""Longer lists of seeds are only counted above the picture; every image has its seed below."""


def grid(network: Network, seeds: Sequence[Pick], sampling: Sampling = PLAIN) -> Plan:
    """The images of these seeds, or codes in files, in this order.

    Raises:
        UsageError: A seed, the truncation or the class is not possible with this network, or a
            file holds no codes of it.
        DataError: A file is not there or damaged.
    """
    picked = codes_of_picks(network, seeds, sampling)
    written = format_picks(seeds)
    return Plan(
        study="grid",
        request={"seeds": picked.request, **sampling_request(network, sampling)},
        noise_mode=sampling.noise_mode,
        axes=(Axis(name="seed", names=picked.names),),
        sheets=(title_of_seeds(written, len(picked.names)),),
        codes=picked.codes,
        notes=picked.notes,
    )


def title_of_seeds(written: str, count: int) -> str:
    """The seeds above a picture: as they were written, or only counted where there are many."""
    return f"seeds {written}" if len(written) <= LONGEST_TITLE else f"{count} seeds"
