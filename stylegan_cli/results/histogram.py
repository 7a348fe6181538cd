"""A histogram with the part of it that counts."""

import numpy as np
from jaxtyping import Float

from stylegan_cli.results.charts import BAR, DOTS_AN_INCH, INK, pixels_of
from stylegan_cli.shapes import Picture

LEFT_OUT = "#c9c9c9"
BARS = 60


def histogram(
    values: Float[np.ndarray, " n"],
    counted: tuple[float, float],
    mean: float,
    *,
    title: str,
    x: str,
) -> Picture:
    """How often values occur; those that do not count are grey, those far out are only numbered.

    Args:
        counted: The smallest and the largest value that counts.
        mean: Of those that count.
        x: What the values are.
    """
    from matplotlib.figure import Figure

    figure = Figure(figsize=(6.4, 3.6), dpi=DOTS_AN_INCH)
    axes = figure.subplots()
    low, high = counted
    # the few far beyond would press all others into one bar
    end = high + 0.1 * (high - low) if high > low else high + 1
    edges = np.linspace(min(0.0, low), end, BARS + 1)
    inside = (low <= values) & (values <= high)
    shown = (values[inside], values[~inside & (values <= end)])
    axes.hist(shown, edges.tolist(), stacked=True, color=(BAR, LEFT_OUT))
    axes.axvline(mean, color=INK, linewidth=1)
    axes.text(mean, 0.97, f"  mean {mean:.4g}", transform=axes.get_xaxis_transform(), va="top")
    beyond = int((values > end).sum())
    note = f"; {beyond} beyond the right edge" if beyond else ""
    axes.set_xlabel(f"{x}\ngrey: below the 1st or above the 99th percentile, not counted{note}")
    axes.set_ylabel("pairs")
    axes.set_title(title, fontsize=10, loc="left")
    axes.spines[["top", "right"]].set_visible(False)
    return pixels_of(figure)
