"""Corruptions, [ADA] appendix B: pixel noise and cutout."""

import torch
from torch import Tensor

from stylegan_cli.runtime import upload
from stylegan_cli.shapes import Images
from stylegan_cli.training.augment.draws import Draws, Probabilities


def add_noise(images: Images, draws: Draws, chances: Probabilities) -> Images:
    """Add normal noise of one strength an image; alpha, a fourth channel, stays as it is."""
    strength = draws.choose("noise", chances["noise"], 0.1 * draws.normals["noise"].abs(), 0.0)
    noise = torch.stack([_noise(images[0, :3], seed) for seed in draws.noise_seeds])
    noise = noise * upload(strength.to(images.dtype), images.device)[:, None, None, None]
    if images.shape[1] < 4:
        return images + noise
    return torch.cat([images[:, :3] + noise, images[:, 3:]], dim=1)


def cut_out(images: Images, draws: Draws, chances: Probabilities) -> Images:
    """Make a rectangle of half the height and width zero, in all channels."""
    height, width = images.shape[2:]
    hit = upload(draws.happens("cutout", chances["cutout"]), images.device)
    x, y = (
        _covered(upload(draws.uniforms[name].to(images.dtype), images.device), side)
        for name, side in (("cutout_x", width), ("cutout_y", height))
    )
    covered = hit[:, None, None] & y[:, :, None] & x[:, None]
    return images * ~covered[:, None]


def _noise(image: Tensor, seed: int) -> Tensor:
    generator = torch.Generator(image.device).manual_seed(seed)
    return torch.randn(image.shape, generator=generator, device=image.device, dtype=image.dtype)


def _covered(centres: Tensor, side: int) -> Tensor:
    places = (torch.arange(side, device=centres.device) + 0.5) / side
    return (places - centres[:, None]).abs() < 0.25
