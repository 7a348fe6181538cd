"""The study of a discovery: every direction from step to step, measured, and its pictures."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from functools import partial

import numpy as np
from PIL import Image, ImageDraw

from stylegan_cli.detectors import chosen_detector
from stylegan_cli.directions.direction import Direction, Move, content_hash, moved_codes
from stylegan_cli.errors import UsageError
from stylegan_cli.figures.charts import BAR, bar_chart, diverging, full_scale, heat_map
from stylegan_cli.figures.layout import INK, PAPER, Read, font, in_rows, paint
from stylegan_cli.latents.codes import Codes, join_codes
from stylegan_cli.latents.lookup import Picked
from stylegan_cli.latents.references import Pick
from stylegan_cli.latents.sampling import Sampling, codes_of_seeds, mean_code, sampling_request
from stylegan_cli.networks.snapshot import Network
from stylegan_cli.ranges import format_ints, layer_groups
from stylegan_cli.rendering.plan import Measurement, Plan, Tables, measurement
from stylegan_cli.rendering.sheet import called
from stylegan_cli.rendering.store import StudyFile
from stylegan_cli.shapes import Picture
from stylegan_cli.studies.discovery.findings import study_name
from stylegan_cli.studies.discovery.measuring import CONTROLS, NUMBERS, STEPS, Effects
from stylegan_cli.studies.editing import STRENGTHS, pick_codes, strength_name

RANGE_STRENGTH = 2.0
"""Steps at which layers are shown apart, as the literature does."""

MEAN = "mean of W"
RANGES = "ranges"
"""The table, and the picture, of directions in some layers alone."""

MOST_COLUMNS = 24
"""Attributes in the heat map."""

CARD = 256
"""Side of a card of figures, in pixels."""


def discovery(
    effects: Effects, *, seeds: Sequence[Pick] = (0,), strengths: Sequence[float] = STRENGTHS
) -> Plan:
    """Plan every direction at every strength, a sheet for the mean of W and for each seed.

    Beside that each direction in some layers alone, and what it does to images.

    Args:
        effects: Of the directions that were found.
        seeds: Seeds, or codes in files, that get a sheet each.
    """
    network, sampling, found = effects.network, effects.sampling, effects.found
    if not found.directions:
        raise UsageError("no directions were found; use more samples or other options")
    strengths = tuple(dict.fromkeys(strengths))
    bases = _bases(network, seeds, sampling)
    table = partial(_table, network, sampling)
    groups = _groups(network, found.directions)
    shares = [each.facts.get("share", 0.0) for each in found.directions]
    judged = [] if effects.judge is None else list(effects.judge.names)

    def sheets() -> list[Codes]:
        rows = [[Move(each, step) for step in strengths] for each in found.directions]
        return [table(base(), rows) for base in bases.values()]

    def ranges() -> Codes:
        lists = [tuple(range(network.sizes.num_ws)), *groups.values()]
        rows = [
            [Move(each.at_layers(layers), RANGE_STRENGTH) for layers in lists]
            for each in found.directions
        ]
        return table(next(iter(bases.values()))(), rows)

    return Plan(
        study=study_name(found),
        request={
            **found.request,
            "directions_sha256": content_hash(found.directions),
            "seeds": list(bases),
            "strengths": list(strengths),
            "measured_on": effects.samples,
            "detector": chosen_detector(None, "distance").name,
            "found_for": [each.facts.get("attribute", "") for each in found.directions],
            "judged": judged,
            "layer_groups": list(groups),
            "shares": shares,
            **sampling_request(network, sampling),
        },
        noise_mode=sampling.noise_mode,
        axes={
            "direction": tuple(each.name for each in found.directions),
            "strength": tuple(map(strength_name, strengths)),
        },
        sheets=tuple(bases),
        make=lambda: Tables(
            codes=join_codes(sheets(), np.stack) if len(bases) > 1 else sheets()[0],
            series={RANGES: ranges()} if groups else {},
            measurements=_measurements(effects),
        ),
        pictures={"overview": paint_overview}
        | ({RANGES: paint_ranges} if groups else {})
        | ({"shares": paint_shares} if all(shares) else {})
        | ({"attributes": paint_attributes} if judged else {}),
    )


def _measurements(effects: Effects) -> dict[str, Measurement]:
    """Return what is measured, by its group in the study's file."""
    G, count = effects.network.G, len(effects.found.directions)
    arrays: dict[str, tuple[int, ...]] = {
        **dict.fromkeys(NUMBERS, ()),
        "lpips": (len(STEPS),),
        "map": G.size.shape,
        "layer_share": (G.num_ws,),
        "suggested": (2,),
    }
    found = {
        "effect": measurement(effects.effect, count, **arrays),
        "control": measurement(effects.control, CONTROLS, lpips_per_sigma=(), consistency=()),
        "noise_floor": measurement(effects.noise_floor, 1, lpips=()),
    }
    if effects.judge is not None:
        told = (len(effects.judge.names),)
        found["attributes"] = measurement(effects.attributes, count, shift=told, flips=told)
    return found


def _table(
    network: Network, sampling: Sampling, base: Codes, rows: Sequence[Sequence[Move]]
) -> Codes:
    """Move a single code as each cell says, with the same columns at every strength."""
    moved = [moved_codes(network, base, [move], sampling) for row in rows for move in row]
    return join_codes([replace(each, z=None) for each in moved]).reshape(len(rows), len(rows[0]))


def _bases(
    network: Network, seeds: Sequence[Pick], sampling: Sampling
) -> dict[str, Callable[[], Codes]]:
    """Return what makes the codes on which directions are shown, each a table of one, by name."""
    bases: dict[str, Callable[[], Codes]] = {}
    if network.sizes.has_w and not network.c_dim:
        bases[MEAN] = lambda: mean_code(network)[None]
    for pick in seeds:
        picked = pick_codes(network, [pick], sampling)
        for i, name in enumerate(picked.names):
            bases[called("seed", name)] = partial(_one, picked, i)
    return bases or {"seed 0": lambda: codes_of_seeds(network, [0], sampling)}


def _one(picked: Picked, number: int) -> Codes:
    return picked.codes[number : number + 1]


def _groups(network: Network, directions: Sequence[Direction]) -> Mapping[str, tuple[int, ...]]:
    """Return coarse, middle and fine layers if the network has styles and directions move them."""
    if not network.sizes.has_styles or any(each.space != "w" for each in directions):
        return {}
    return layer_groups(network.sizes.layer_levels[: network.sizes.active_ws])


def paint_overview(file: StudyFile) -> Picture:
    """Paint each direction at its ends and in the middle, where it acts, and its figures."""
    names, strengths = file.header.axes["direction"], file.header.axes["strength"]
    lead = (0,) if len(file.header.sheets) > 1 else ()
    chosen = sorted({0, len(strengths) // 2, len(strengths) - 1})
    maps = [file.array("effect", "map", (i,)) for i in range(len(names))]
    full = full_scale(maps)

    rows: list[tuple[str, list[Read]]] = [
        (
            name,
            [
                *(partial(file.image, "/", (*lead, i, k)) for k in chosen),
                partial(diverging, maps[i], full),
                partial(_card, file, i),
            ],
        )
        for i, name in enumerate(names)
    ]
    title = (
        f"{file.header.study} · {file.header.sheets[0]} · changes: mean of one step either "
        f"way, full colour {full:.3g} grey levels"
    )
    columns = [*(strengths[k] for k in chosen), "changes", "per layer"]
    return paint(in_rows(title, rows, columns), file.size)


def paint_ranges(file: StudyFile) -> Picture:
    """Paint every direction in all layers, and in coarse, middle and fine ones alone."""
    names, columns = file.header.axes["direction"], file.header.request["layer_groups"]
    cols = range(1 + len(columns))
    rows = [
        (name, [partial(file.image, RANGES, (i, col)) for col in cols])
        for i, name in enumerate(names)
    ]
    title = f"{file.header.study} · {file.header.sheets[0]} · strength +2 in some layers alone"
    return paint(in_rows(title, rows, ["all layers", *columns]), file.size)


def paint_shares(file: StudyFile) -> Picture:
    """Draw a bar for each direction: its share of the variance, or of the weights' stretch."""
    names, shares = file.header.axes["direction"], file.header.request["shares"]
    what = "variance" if file.header.request["method"] == "pca" else "sum of the eigenvalues"
    return bar_chart(
        [100 * share for share in shares],
        [name.rsplit("/", 1)[-1] for name in names],
        [f"{100 * share:.2g}" for share in shares],
        x=f"{file.header.study}: direction",
        y=f"share of the {what} (%)",
    )


def paint_attributes(file: StudyFile) -> Picture:
    """Draw directions × attributes: how far a step moves each score.

    Attributes that directions were found for come first, in the order of the directions, then
    those that move the most.
    """
    request, names = file.header.request, file.header.axes["direction"]
    judged, wanted = list(request["judged"]), request["found_for"]
    shift = file.array("attributes", "shift").astype(np.float64)
    moved = np.argsort(-np.abs(shift).max(axis=0), kind="stable").tolist()
    own = [judged.index(name) for name in wanted if name in judged]
    order = list(dict.fromkeys([*own, *moved]))[:MOST_COLUMNS]
    hidden = len(judged) - len(order)
    return heat_map(
        shift[:, order],
        [name.rsplit("/", 1)[-1] for name in names],
        [judged[i] for i in order],
        x=f"attribute ({hidden} that move less are not shown)" if hidden else "attribute",
        bar="shift by one step (standard deviations)",
    )


def _card(file: StudyFile, direction: int) -> Picture:
    """Draw a bar for each layer's share of the change, above the figures."""
    card = Image.new("RGB", (CARD, CARD), PAPER)
    draw = ImageDraw.Draw(card)
    shares = file.array("effect", "layer_share", (direction,))
    floor, tall = CARD * 0.55, CARD * 0.5
    wide = CARD / len(shares)
    for layer, share in enumerate((shares / (shares.max() or 1)).tolist()):
        left = layer * wide
        draw.rectangle((left, floor - share * tall, left + max(wide - 2, 0), floor), fill=BAR)
    draw.line((0, floor, CARD, floor), fill=INK)
    changed, consistency = (
        float(file.array("effect", name, (direction,)))
        for name in ("lpips_per_sigma", "consistency")
    )
    first, last = file.array("effect", "suggested", (direction,)).astype(int)
    lines = [f"LPIPS {changed:.3f} a step", f"consistency {consistency:.2f}"]
    if first >= 0:
        lines.append(f"mostly layers {format_ints(range(first, last + 1))}")
    for i, line in enumerate(lines):
        draw.text((2, floor + 6 + i * 34), line, INK, font(26))
    return np.asarray(card)
