"""A sweep of truncation: each seed's image from full strength to the mean and beyond."""

from collections.abc import Sequence
from dataclasses import replace
from functools import partial

import numpy as np

from stylegan_cli.errors import UsageError
from stylegan_cli.latents.codes import join_codes
from stylegan_cli.latents.lookup import codes_of_picks
from stylegan_cli.latents.references import Pick
from stylegan_cli.latents.sampling import (
    PLAIN,
    Sampling,
    check_possible,
    mean_code,
    sampling_request,
    truncate_codes,
)
from stylegan_cli.networks.snapshot import Network
from stylegan_cli.rendering.plan import Plan, Tables

PSIS = (1.0, 0.7, 0.5, 0.0, -0.5, -1.0)
"""Those of [SG1] figure 8."""


def truncation(
    network: Network,
    seeds: Sequence[Pick],
    psis: Sequence[float] = PSIS,
    *,
    mean: bool = False,
    sampling: Sampling = PLAIN,
) -> Plan:
    """Plan every seed's image at every strength of truncation: seeds × psi, [SG1] figure 8.

    Psi 1 gives the seed's image as it is; psi 0 the same image for all seeds, unless a cutoff
    leaves layers alone or each seed has noise of its own.

    Args:
        seeds: Seeds, or codes in files.
        mean: Draw the image of the mean of W as well.
        sampling: Its psi is ignored.
    """
    if not network.sizes.has_w:
        raise UsageError(
            "truncation: this network makes images straight from z, so there is no w to "
            "truncate; draw single images with `sgtool grid`"
        )
    picked = codes_of_picks(network, seeds, replace(sampling, psi=1.0))
    psis = tuple(dict.fromkeys(psis))
    for psi in psis:
        check_possible(network, replace(sampling, psi=psi))

    def make() -> Tables:
        columns = [truncate_codes(network.G, picked.codes, psi, sampling.cutoff) for psi in psis]
        return Tables(
            codes=join_codes(columns, partial(np.stack, axis=1)),
            series={"mean": mean_code(network)} if mean else {},
        )

    return Plan(
        study="truncation",
        request={
            "seeds": picked.request,
            **sampling_request(network, sampling),
            "psi": list(psis),
            "mean": mean,
        },
        noise_mode=sampling.noise_mode,
        axes={"seed": picked.names, "psi": psi_names(psis)},
        sheets=(picked.title,),
        make=make,
        notes=picked.notes,
    )


def psi_names(psis: Sequence[float]) -> tuple[str, ...]:
    """Return the shortest names that distinguish the strengths."""
    return tuple(f"{psi:g}" if float(f"{psi:g}") == psi else repr(psi) for psi in psis)
