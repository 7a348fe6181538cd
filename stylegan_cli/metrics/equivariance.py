"""Equivariance as a metric: squared differences of moved pictures, then decibels."""

from collections.abc import Generator, Iterator
from functools import partial
from typing import TYPE_CHECKING

from stylegan_cli.errors import UsageError
from stylegan_cli.latents.labels import chosen_class
from stylegan_cli.metrics.metric import (
    OF_CODES,
    Columns,
    Conclusion,
    Event,
    Maker,
    Metric,
    OnCodes,
    Request,
    Series,
)
from stylegan_cli.networks.execution import default_batch_size, precision_claim

if TYPE_CHECKING:
    from stylegan_cli.metrics.features import Workplace
    from stylegan_cli.networks.snapshot import Network

NUM = 50_000
NAMES = ("eq_t", "eq_t_frac", "eq_r")
"""Integer shifts, fractional shifts, rotations; in the order of the columns."""
SMALLEST_SIDE = 32
"""Below this size no pixel of a rotated picture has all of its filter inside the image."""


def _prepare(
    network: "Network", request: Request, place: "Workplace"
) -> Generator[Event, None, Maker]:
    def series(network: "Network", seed: int) -> Iterator[Series]:
        sizes = network.sizes
        if not sizes.can_move:
            raise UsageError(
                f"{network.path}: only the input of StyleGAN3 can be moved, not that of this "
                "network; there is no equivariance to measure"
            )
        if sizes.size.shorter < SMALLEST_SIDE:
            raise UsageError(
                f"{network.path}: {sizes.size.value} px are too few for a rotated picture, which "
                f"needs {SMALLEST_SIDE} px"
            )
        # all that can be refused without torch was
        from stylegan_cli.metrics.motions import differences

        chosen = chosen_class(network, request.class_name)
        asked = {
            "metric": "equivariance",
            "num": request.num or NUM,
            "seed": seed,
            "psi": request.psi,
            "class": chosen,
            "network_sha256": network.sha256,
            **precision_claim(network.precision),
        }
        measure = partial(differences, network, seed=seed, psi=request.psi, chosen=chosen)
        yield Series(
            name="equivariance",
            request=asked,
            columns={"squares": (len(NAMES),), "counts": (len(NAMES),)},
            measure=measure,
            conclude=_conclude,
            batch_size=place.execution.batch_size or max(1, default_batch_size(sizes.size) // 4),
        )

    yield from ()
    return series


def _conclude(columns: Columns) -> Iterator[Conclusion]:
    from stylegan_cli.metrics.motions import decibels

    squares, counts = (columns[name].sum(0, dtype=float).tolist() for name in columns)
    values = {
        name: decibels(*pair)
        for name, pair in zip(NAMES, zip(squares, counts, strict=True), strict=True)
    }
    yield Conclusion(values=values)


EQUIVARIANCE = Metric(
    name="equivariance",
    about="""Measure equivariance to shifts and rotations (EQ-T, EQ-R).

    For StyleGAN3, whose input can be moved. In decibels, larger is better: eq_t shifts by whole
    pixels, eq_t_frac by fractions of them, up to an eighth of the width, and eq_r rotates.
    Published as eqt50k_int, eqt50k_frac and eqr50k, of 50000 images.
    """,
    examples=("", "`num=1000` `network=runs/people`", "`all_snapshots=runs/people` `num=500`"),
    work=OnCodes(prepare=_prepare),
    takes=OF_CODES | {"psi", "class_name"},
    num="Images to measure; 50000 if not given.",
    better="larger",
)
