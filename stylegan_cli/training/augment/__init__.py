"""Augmentation of what D sees, [ADA]: random transforms of images, differentiable twice."""

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

from stylegan_cli.recipe import AugmentSection, Settled
from stylegan_cli.runtime import World
from stylegan_cli.shapes import Images, Logits
from stylegan_cli.training.augment.color import add_noise, cut_out, transform_bands, transform_color
from stylegan_cli.training.augment.draws import (
    BLIT,
    COLOR,
    CUTOUT,
    FILTER,
    GEOM,
    NOISE,
    Draws,
    draw,
    transforms_of,
)
from stylegan_cli.training.augment.geometry import transform_geometry

__all__ = [
    "Augmentation",
    "Draws",
    "augment",
    "draw",
    "initial_augmentation",
    "transforms_of",
]

_STAGES = (
    (BLIT + GEOM, transform_geometry),
    (COLOR, transform_color),
    (FILTER, transform_bands),
    (NOISE, add_noise),
    (CUTOUT, cut_out),
)


def augment(images: Images, draws: Draws, transforms: Collection[str], p: float) -> Images:
    """Transform images for D, in float32 at least; differentiable twice.

    Args:
        images: Of any size. Alpha, a fourth channel, is moved and cut out with the colours and
            nothing else; other channels than grey and RGB have no colours to change.
        transforms: Names of those that take part, each with probability p.
    """
    images = images.to(torch.promote_types(images.dtype, torch.float32))
    chances = {name: p if name in transforms else 0.0 for names, _ in _STAGES for name in names}
    for names, stage in _STAGES:
        if any(name in transforms for name in names):
            images = stage(images, draws, chances)
    return images


@dataclass(kw_only=True)
class Augmentation:
    """Augmentation of every image that D sees; part of a run's state.

    Attributes:
        signs: Sum and number of the signs of D's scores of reals since p was last adjusted, in
            this process.
    """

    section: AugmentSection
    p: float
    signs: Tensor

    def __call__(self, images: Images, draws: Draws) -> Images:
        return augment(images, draws, transforms_of(self.section.pipe), self.p)

    def observe(self, real_scores: Logits) -> None:
        """Count scores of reals, without waiting for the device."""
        signs = real_scores.detach().float().sign()
        self.signs += torch.stack([signs.sum(), torch.full_like(signs.sum(), signs.numel())])

    def adjust(self, *, iteration: int, batch_size: int, world: World) -> None:
        """Move p so that r_t, the mean sign, approaches its target, [ADA] section 3; if it is due.

        The only place where training waits for the device between ticks.

        Args:
            batch_size: Images of each iteration, over all processes.
        """
        section = self.section
        if section.mode != "ada" or iteration % section.interval:
            return
        total, count = world.mean_(self.signs).tolist()
        self.signs.zero_()
        step = batch_size * section.interval / (1000 * section.ada_kimg)
        excess = total / count - section.target
        p = self.p + step * ((excess > 0) - (excess < 0))
        self.p = min(max(p, 0.0), section.p_max)

    def pool(self, world: World) -> None:
        """Average the sums over all processes."""
        world.mean_(self.signs)

    def state_dict(self) -> dict[str, Any]:
        """Return plain tensors and numbers, for `save_state`."""
        return {"p": self.p, "signs": self.signs}

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        """Take over a result of `state_dict`."""
        self.p = state["p"]
        self.signs.copy_(state["signs"])


def initial_augmentation(recipe: Settled, device: torch.device) -> Augmentation | None:
    """Return the augmentation at the start of a run; None without one."""
    section = recipe.augment
    if section.mode == "none":
        return None
    return Augmentation(
        section=section,
        p=section.p if section.mode == "fixed" else 0.0,
        signs=torch.zeros(2, device=device),
    )
