"""The two players of a run and what their phases need to know of it."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from stylegan_cli.networks.discriminators import Discriminator
from stylegan_cli.networks.generator import Generator
from stylegan_cli.recipe import LossSection
from stylegan_cli.runtime import World
from stylegan_cli.shapes import C
from stylegan_cli.training.augment import Augmentation


@dataclass(frozen=True, kw_only=True)
class Nets:
    """The two players and how they are trained.

    Attributes:
        augmentation: Of every image that D sees; None is none.
        r1_gamma: Resolved weight of R1.
        n_images: How many images there are whose labels the fakes borrow.
        labels_of: Labels of those images by index, `[n, c_dim]` on the device.
    """

    G: Generator
    D: Discriminator
    loss: LossSection
    augmentation: Augmentation | None
    r1_gamma: float
    n_images: int
    labels_of: Callable[[Sequence[int]], C]
    world: World
