import numpy as np
import pytest
import torch

from stylegan_cli.directions import components as module
from stylegan_cli.directions.components import (
    Covariance,
    activation_components,
    principal_components,
    regress,
    unit,
)
from tests.directions.vectors import reference, reference_generator, worst_cosine

W = reference()["pca/w"]


def components(batch_size, rows=W):
    covariance = Covariance(rows.shape[1])
    for start in range(0, len(rows), batch_size):
        covariance.add(rows[start : start + batch_size])
    return principal_components(covariance)


def test_components_equal_the_reference():
    found = components(1200)
    assert worst_cosine(found.vectors, reference()["pca/components"]) >= 1 - 1e-5
    for name, values in {"std": found.std, "var_ratio": found.share, "mean": found.mean}.items():
        np.testing.assert_allclose(values, reference()[f"pca/{name}"], rtol=1e-4, atol=1e-6)


def test_components_do_not_depend_on_the_batches():
    whole, parts = components(1200), components(7)
    np.testing.assert_allclose(parts.vectors, whole.vectors, atol=1e-9)
    np.testing.assert_allclose(parts.std, whole.std, rtol=1e-9)


def test_components_are_orthonormal():
    vectors = components(100).vectors
    np.testing.assert_allclose(vectors @ vectors.T, np.eye(len(vectors)), atol=1e-12)


def activations():
    """Output of the 4×4 layer, with the network's noise."""
    G = reference_generator("sg2_g_skip_64")
    z = torch.tensor(reference()["pca_activation/z"])
    w = G.mapping(z, torch.zeros(len(z), 0))
    layer, taken = G.synthesis.b4.conv1, []
    hook = layer.register_forward_hook(lambda *call: taken.append(call[-1].flatten(1)))
    G.synthesis(w[:, None].expand(-1, G.num_ws, -1), "const")
    hook.remove()
    return w.numpy(), taken[0].numpy()


@pytest.mark.parametrize("largest", [4096, 100])
def test_regressed_directions_equal_the_reference(largest, monkeypatch):
    monkeypatch.setattr(module, "LARGEST_COVARIANCE", largest)
    w, rows = activations()
    found = activation_components([rows], count=8)
    expected = {
        key: reference()[f"pca_activation/{key}"]
        for key in (
            "components",
            "activation_std",
            "activation_var_ratio",
            "regressed",
            "directions",
        )
    }
    assert worst_cosine(found.vectors, expected["components"]) >= 1 - 1e-5
    np.testing.assert_allclose(found.std, expected["activation_std"], rtol=1e-3)
    np.testing.assert_allclose(found.share, expected["activation_var_ratio"], rtol=1e-3)
    rows_of_m = regress(found.coordinates(rows), w)
    assert worst_cosine(unit(rows_of_m), expected["directions"]) >= 1 - 1e-5
    lengths = np.linalg.norm(expected["regressed"], axis=1)
    np.testing.assert_allclose(np.linalg.norm(rows_of_m, axis=1), lengths, rtol=1e-3)
