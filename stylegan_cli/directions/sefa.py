"""SeFa: directions from the weights alone, Shen & Zhou, CVPR 2021.

The first thing a code meets is a linear map; what this map stretches most changes images most.
"""

from collections.abc import Iterable

import numpy as np
from jaxtyping import Float
from torch import Tensor

from stylegan_cli.directions.pca import Spectrum, spectrum
from stylegan_cli.networks.generator import Generator
from stylegan_cli.networks.styles import style_layers

Matrix = Float[np.ndarray, "w_dim _"]


def first_maps(G: Generator) -> dict[int, Matrix]:
    """Return the linear map that each w meets first, up to a factor, by the number of the w.

    With styles, that of the convolution it drives; the last w, which may drive none, meets that
    of the last toRGB layer. Without styles, the dense layer at the input; labels that are part of
    the code are left out.
    """
    layers = style_layers(G)
    if not layers:
        dense = G.synthesis.get_submodule("b4.input").weight
        assert isinstance(dense, Tensor)
        return {0: _rows(dense if G.has_w else dense[:, : G.z_dim])}
    last = max(layer.w_index for layer in layers)
    own = [layer for layer in layers if not layer.is_rgb or layer.w_index == last]
    return {layer.w_index: _rows(layer.matrix) for layer in own}


def _rows(weight: Tensor) -> Matrix:
    return weight.detach().T.cpu().double().numpy()


def sefa(maps: Iterable[Matrix]) -> Spectrum:
    """Return the eigenvectors of A·Aᵀ; A holds the columns of these maps, of unit length.

    The published program takes a general solver and does not sort, so that weak directions stand
    among strong ones there; this is symmetric and sorted. The values sum up to the columns.
    """
    columns = np.concatenate(list(maps), axis=1).astype(np.float64)
    columns = columns / np.linalg.norm(columns, axis=0)
    return spectrum(columns @ columns.T)
