"""Pictures that say where: white is in, black is out."""

from pathlib import Path

import numpy as np
from jaxtyping import Float32

from stylegan_cli.data.decoding import decoded, reasons
from stylegan_cli.data.formats import UnusableImageError
from stylegan_cli.errors import DataError
from stylegan_cli.files import similar
from stylegan_cli.sizes import Size

Mask = Float32[np.ndarray, "mask_height mask_width"]


def read_mask(path: Path, size: Size) -> Mask:
    """Read a picture as shares between 0, black, and 1, white, reduced by area to a size.

    Raises:
        DataError: It is not a picture, or all black.
    """
    try:
        with path.open("rb") as file, reasons(), decoded(file, path.name) as picture:
            grey = np.asarray(picture.whole().convert("L"), np.float32)
    except FileNotFoundError:
        raise DataError(f"{path}: there is no such file{similar(path)}") from None
    except UnusableImageError as error:
        raise DataError(f"{path}: not a picture that can be read ({error})") from None
    mask = reduced(grey / 255, size)
    if not mask.any():
        raise DataError(f"{path}: is all black; white marks the region to look at")
    return mask


def reduced(mask: Mask, size: Size) -> Float32[np.ndarray, "height width"]:
    """Reduce a mask to another size, by area."""
    import torch
    import torch.nn.functional as F

    whole = torch.from_numpy(mask)[None, None]
    small: np.ndarray = F.adaptive_avg_pool2d(whole, size.shape)[0, 0].numpy()
    return small
