"""What lies behind clear pixels where a detector looks."""

from torch import Tensor

from stylegan_cli.shapes import Images


def on_white(images: Images) -> Tensor:
    """Grey and RGB as they are; of RGBA, the colours on white, as a viewer shows them."""
    if images.shape[1] != 4:
        return images
    alpha = (images[:, 3:] + 1) / 2
    return images[:, :3] * alpha + 1 - alpha
