"""What a study of noise found, as charts."""

from stylegan_cli.results.charts import bar_chart
from stylegan_cli.results.noise_findings import NoiseShare, noise_findings
from stylegan_cli.results.store import StudyFile
from stylegan_cli.shapes import Picture


def paint_layers(file: StudyFile) -> Picture:
    """A bar for each noise input: how far its noise alone moves images."""
    layers = noise_findings(file).layers
    return bar_chart(
        [layer.rms for layer in layers],
        [f"{layer.input}\n{layer.side} px" for layer in layers],
        [f"{layer.rms:.3g}" for layer in layers],
        x="noise input, and side of its noise map",
        y="RMS difference (grey levels)",
    )


def paint_variance(file: StudyFile) -> Picture:
    """A bar for each list of inputs: the share of noise in the variance of images."""
    shares = [each for each in noise_findings(file).shares if each.noise != "none"]
    return bar_chart(
        [100 * (each.share or 0.0) for each in shares],
        [each.noise for each in shares],
        [_note(each) for each in shares],
        x="layers with noise (σ: noise / styles, in grey levels)",
        y="noise's share of the variance (%)",
    )


def _note(share: NoiseShare) -> str:
    if share.share is None:
        return "no variance"
    styles = max(share.style_variance or 0, 0) ** 0.5
    return f"{100 * share.share:.3g} %\nσ {share.noise_variance**0.5:.3g} / {styles:.3g}"
