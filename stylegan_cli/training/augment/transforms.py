"""The transforms of the pipeline and the sets of them that have names, [ADA] appendix B."""

from collections.abc import Mapping

BLIT = ("x_flip", "rotate90", "x_int")
GEOM = ("scale", "rotate", "aniso", "x_frac")
COLOR = ("brightness", "contrast", "luma_flip", "hue", "saturation")
FILTER = ("filter",)
NOISE = ("noise",)
CUTOUT = ("cutout",)

_PIPES: Mapping[str, tuple[str, ...]] = {
    "blit": BLIT,
    "geom": GEOM,
    "color": COLOR,
    "filter": FILTER,
    "noise": NOISE,
    "cutout": CUTOUT,
    "bg": BLIT + GEOM,
    "bgc": BLIT + GEOM + COLOR,
    "bgcf": BLIT + GEOM + COLOR + FILTER,
    "bgcfn": BLIT + GEOM + COLOR + FILTER + NOISE,
    "bgcfnc": BLIT + GEOM + COLOR + FILTER + NOISE + CUTOUT,
}


def transforms_of(pipe: str) -> frozenset[str]:
    """The transforms of a pipe by its name in recipes, such as "bgc"."""
    return frozenset(_PIPES[pipe])
