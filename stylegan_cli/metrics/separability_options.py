"""What separability is measured of, and whether network, data and classifiers go together."""

from dataclasses import dataclass

from stylegan_cli.checkpoint import Network
from stylegan_cli.errors import DataError, UsageError
from stylegan_cli.metrics.attribute_classifier import Panel
from stylegan_cli.metrics.fakes import seeds_of
from stylegan_cli.metrics.judged import Faces
from stylegan_cli.metrics.path_length import Space

PROTOCOLS = ("stylegan1", "stylegan2")


@dataclass(frozen=True, kw_only=True)
class SeparabilityOptions:
    """What is measured.

    Attributes:
        protocol: "stylegan1" and "stylegan2" fit planes to unscaled codes and call the numbers
            ls_z and ls_w; None scales the codes.
    """

    spaces: tuple[Space, ...]
    protocol: str | None = None

    @property
    def name(self) -> str:
        """Of the numbers: a classifier that was trained here is not the published ones."""
        return "separability_trained" if self.protocol is None else "ls_trained"


def spaces_of(network: Network) -> tuple[Space, ...]:
    """The spaces that a network has."""
    return ("w", "z") if network.G.has_w else ("z",)


def check_network(network: Network, options: SeparabilityOptions) -> None:
    """Refuse what the network has no means for, or the protocol does not define.

    Raises:
        UsageError: It has no such space, or there is no such protocol.
    """
    if options.protocol not in (None, *PROTOCOLS):
        raise UsageError(
            f"--protocol {options.protocol}: does not define separability; "
            f"use {' or '.join(PROTOCOLS)}"
        )
    if "w" in options.spaces and not network.G.has_w:
        raise UsageError(
            "--space w: this network makes images straight from z and has no w; take --space z"
        )


def check_faces(faces: Faces, panel: Panel) -> None:
    """Refuse images that cannot be made, or that classifiers cannot look at.

    Raises:
        UsageError: There are no such seeds, or the images are not what a classifier learned from.
        DataError: The network takes other labels than the data set has.
    """
    seeds_of(faces.seed, range(faces.num))
    G, wanted = faces.network.G, faces.network.c_dim
    found = faces.dataset.c_dim if faces.dataset else 0
    if wanted and found != wanted:
        raise DataError(
            f"the images have labels of {found} numbers, {faces.network.path} takes {wanted}; "
            "take the data that the network was trained on"
        )
    for described in (each.description for each in panel.classifiers):
        if described.channels != G.channels or G.resolution % described.side:
            raise UsageError(
                f"--classifier: that of {described.names[0]} looks at images of {described.side} "
                f"px and {described.channels} channels, {faces.network.path} makes "
                f"{G.resolution} px and {G.channels}; take classifiers for such images"
            )
