"""The array types of the package, with dtype, range and shape.

Tests check them at every call (jaxtyping + beartype); otherwise they cost nothing.
"""

from typing import TYPE_CHECKING, Any

import numpy as np
from jaxtyping import Float, Float16, Float32, UInt8

if TYPE_CHECKING:
    from torch import Tensor
else:
    Tensor = Any  # importing torch costs 1.3 s; jaxtyping still checks dtype and shape

Z = Float[Tensor, "n z_dim"]
C = Float[Tensor, "n c_dim"]
W = Float[Tensor, "n w_dim"]
W1 = Float[Tensor, " w_dim"]
Ws = Float[Tensor, "n num_ws w_dim"]
Images = Float[Tensor, "n channels height width"]
"""Float images in [−1, 1]."""
Rgb = Float[Tensor, "n 3 height width"] | UInt8[Tensor, "n 3 height width"]
"""Bytes, or floats in [0, 255], as detectors take them."""
Motions = Float[Tensor, "#n 3 3"]
"""Maps of positions `(x, y, 1)` in a picture: image widths from its centre, x right, y down."""
Logits = Float[Tensor, "n 1"]
Verdict = Float[Tensor, "n outputs"]
"""Realness of each image; after it, for AC-GAN, the logits of the classes."""
Scores = Float[Tensor, "n attributes"]
Scalar = Float[Tensor, ""]

Pixels = UInt8[np.ndarray, "n height width channels"]
"""Bytes in [0, 255]."""
Picture = UInt8[np.ndarray, "height width channels"]
Stored = Picture | Float16[np.ndarray, "height width channels"]
"""A picture as data sets hold it: bytes, or numbers of the same scale with fractions."""
StoredBatch = Pixels | Float16[np.ndarray, "n height width channels"]
Labels = Float32[np.ndarray, "n c_dim"]
