"""A grid: one image per seed, of one class or all, at one or several psi."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from stylegan_cli.errors import UsageError
from stylegan_cli.latents.codes import Codes, join_codes
from stylegan_cli.latents.labels import class_names, describe_label, expand_labels, parse_label
from stylegan_cli.latents.lookup import Picked, codes_of_picks
from stylegan_cli.latents.references import Pick
from stylegan_cli.latents.sampling import (
    PLAIN,
    Sampling,
    check_moves,
    check_possible,
    sampling_request,
    truncate_codes,
)
from stylegan_cli.networks.snapshot import Network
from stylegan_cli.rendering.plan import Plan, Tables
from stylegan_cli.rendering.sheet import COLLAGE, MOST_IMAGES
from stylegan_cli.studies.noise.variations import NoiseChange, check_change, varied
from stylegan_cli.studies.truncation import psi_names


@dataclass(frozen=True, kw_only=True)
class GridOptions:
    """Further options of a grid.

    Attributes:
        psis: Strengths of truncation, a sheet each, instead of the sampling's.
        per_class: A row of images for each class.
        collage: Images in several sizes without gaps, as in [SG1] figure 2.
        translate: Shift of all pictures right and down, in image widths.
        rotate: Rotation in degrees, counter-clockwise.
        noise: Other noise under the same styles, a column for each way.
    """

    psis: Sequence[float] = ()
    per_class: bool = False
    collage: bool = False
    translate: tuple[float, ...] = (0.0, 0.0)
    rotate: float = 0.0
    noise: NoiseChange | None = None

    @property
    def motion(self) -> tuple[float, ...]:
        """Return shift and turn, as in `Codes`."""
        return (*self.translate, self.rotate)


ONE_EACH = GridOptions()


def grid(
    network: Network,
    seeds: Sequence[Pick],
    sampling: Sampling = PLAIN,
    options: GridOptions = ONE_EACH,
) -> Plan:
    """Plan the images of these seeds, or codes in files, in this order."""
    psis = tuple(dict.fromkeys(options.psis)) or (sampling.psi,)
    for psi in psis:
        check_possible(network, replace(sampling, psi=psi))
    check_moves(network, options.translate != (0, 0), options.rotate != 0)
    axes, ways = _ways(network, sampling, options)
    rows = _picked(network, seeds, ways, options)
    picked, several = rows[0], bool(axes)
    axes |= {"seed": picked.names}
    if options.noise is not None:
        check_change(network, options.noise, sampling.noise_mode, images=len(picked.names))
        axes |= {"noise": tuple(options.noise.columns)}

    def make() -> Tables:
        tables = [row.codes for row in rows]
        table = join_codes(tables, np.stack) if several else tables[0]
        sheets = [_sheet(network, table, psi, sampling, options) for psi in psis]
        return Tables(codes=join_codes(sheets, np.stack) if len(psis) > 1 else sheets[0])

    return Plan(
        study="grid",
        request={"seeds": picked.request, **_request(network, ways, replace(options, psis=psis))},
        noise_mode=sampling.noise_mode if options.noise is None else "const",
        axes=axes,
        sheets=tuple(f"psi {psi}" for psi in psi_names(psis)) if psis[1:] else (picked.title,),
        make=make,
        notes=picked.notes,
    )


def _sheet(
    network: Network, table: Codes, psi: float, sampling: Sampling, options: GridOptions
) -> Codes:
    """Return the table of a sheet: truncated, moved and under other noise."""
    if any(options.motion):
        motions = np.broadcast_to(np.array(options.motion, np.float32), (*table.shape, 3))
        table = replace(table, motions=motions)
    sheet = truncate_codes(network.G, table, psi, sampling.cutoff)
    if options.noise is None:
        return sheet
    return varied(network.G, sheet, options.noise, sampling.noise_mode)


def _ways(
    network: Network, sampling: Sampling, options: GridOptions
) -> tuple[dict[str, tuple[str, ...]], tuple[Sampling, ...]]:
    """Return the axis of rows, if they are of classes or labels, and the sampling of each row."""
    untruncated = replace(sampling, psi=1.0)
    labels = expand_labels(sampling.label) if sampling.label is not None else ()
    several = "label" if len(labels) > 1 else "per_class" if options.per_class else ""
    if options.noise is not None and (several or options.collage):
        raise UsageError("classes, collages and noises have columns of their own; take one of them")
    if not several:
        return {}, (untruncated,)
    if options.collage:
        raise UsageError(f"`{several}` and `collage`: a collage has no rows; give one of them")
    if not options.per_class:
        names = tuple(describe_label(network, parse_label(network, text)) for text in labels)
        ways = tuple(replace(untruncated, label=text) for text in labels)
        return {"label": names}, ways
    if network.c_dim == 0:
        raise UsageError("the network has no classes; leave `per_class` out", parameter="per_class")
    if sampling.class_name is not None or labels:
        other = "label" if labels else "class"
        raise UsageError(f"`per_class` and `{other}`: all classes or one; give one of them")
    classes = class_names(network)
    ways = tuple(replace(untruncated, class_name=name) for name in classes)
    return {"class": classes}, ways


def _picked(
    network: Network, seeds: Sequence[Pick], ways: Sequence[Sampling], options: GridOptions
) -> tuple[Picked, ...]:
    """Return the picks of each row before truncation."""
    rows = tuple(codes_of_picks(network, seeds, way) for way in ways)
    if options.collage and len(rows[0].names) > MOST_IMAGES:
        raise UsageError(
            f"{len(rows[0].names)} images; choose at most {MOST_IMAGES}", parameter="collage"
        )
    if len(rows) > 1 and not rows[0].has_z:
        raise UsageError(
            "w and ws have a class in them already; give seeds or z",
            parameter="per_class" if options.per_class else "label",
        )
    return rows


def _request(network: Network, ways: Sequence[Sampling], options: GridOptions) -> dict[str, Any]:
    request = sampling_request(network, replace(ways[0], psi=options.psis[0]))
    if len(options.psis) > 1:
        request["psi"] = list(options.psis)
    if options.per_class:
        request["class"] = "all"
    elif len(ways) > 1:
        request["label"] = [sampling_request(network, way)["label"] for way in ways]
    if options.collage:
        request["layout"] = COLLAGE
    if any(options.motion):
        request["motion"] = list(options.motion)
    if options.noise is not None:
        request |= options.noise.request
    return request
