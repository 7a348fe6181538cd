"""The pictures of a discovery: each direction at a glance, and in which layers it acts."""

import numpy as np
from PIL import Image, ImageDraw

from stylegan_cli.figures.charts import bar_chart, diverging, full_scale, heat_map
from stylegan_cli.figures.layout import INK, PAPER, Content, Place, font, paint
from stylegan_cli.ranges import format_ints
from stylegan_cli.rendering.store import StudyFile
from stylegan_cli.shapes import Picture

RANGES = "ranges"
"""The table, and the picture, of directions in some layers alone."""

MOST_COLUMNS = 24
"""Attributes in the heat map."""

CARD, BAR = 256, (76, 120, 168)
"""Side of a card of figures, in pixels, and colour of its bars."""


def paint_overview(file: StudyFile) -> Picture:
    """Paint each direction at its ends and in the middle, where it acts, and its figures."""
    names, strengths = file.header.axes["direction"], file.header.axes["strength"]
    lead = (0,) if len(file.header.sheets) > 1 else ()
    chosen = sorted({0, len(strengths) // 2, len(strengths) - 1})
    maps = [file.array("effect", "map", (i,)) for i in range(len(names))]
    full = full_scale(maps)

    def read(place: Place) -> Picture:
        table, index = place
        if table == "maps":
            return diverging(maps[index[0]], full)
        return _card(file, index[0]) if table == "cards" else file.image(table, index)

    images: dict[tuple[int, int], Place] = {}
    for row in range(len(names)):
        images |= {(row, col): ("/", (*lead, row, k)) for col, k in enumerate(chosen)}
        images[row, len(chosen)] = ("maps", (row,))
        images[row, len(chosen) + 1] = ("cards", (row,))
    columns = [strengths[k] for k in chosen] + ["changes", "per layer"]
    content = Content(
        title=(
            f"{file.header.study} · {file.header.sheets[0]} · changes: mean of one step either "
            f"way, full colour {full:.3g} grey levels"
        ),
        images=images,
        row_names=dict(enumerate(names)),
        col_names=dict(enumerate(columns)),
    )
    return paint(content, file.size, read)


def paint_ranges(file: StudyFile) -> Picture:
    """Paint every direction in all layers, and in coarse, middle and fine ones alone."""
    names, groups = file.header.axes["direction"], file.header.request["layer_groups"]
    columns = ["all layers", *groups]
    content = Content(
        title=f"{file.header.study} · {file.header.sheets[0]} · strength +2 in some layers alone",
        images={
            (row, col): (RANGES, (row, col))
            for row in range(len(names))
            for col in range(len(columns))
        },
        row_names=dict(enumerate(names)),
        col_names=dict(enumerate(columns)),
    )
    return paint(content, file.size, lambda place: file.image(*place))


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
