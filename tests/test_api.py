import subprocess
import sys

import numpy as np
import pytest
import torch

import stylegan_cli.api as api
from stylegan_cli.errors import UsageError
from stylegan_cli.rendering.render import to_pixels


def test_public_names_are_there_once():
    assert len(set(api.__all__)) == len(api.__all__)
    assert all(hasattr(api, name) for name in api.__all__)


def test_the_names_can_be_completed():
    assert {"mix", "SgtoolError"} <= set(dir(api))


def test_importing_the_names_imports_nothing_heavy():
    code = "import sys, stylegan_cli.api; print(*{m.split('.')[0] for m in sys.modules})"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert not {"torch", "numpy", "pydantic", "h5py"} & set(done.stdout.split())


def test_another_name_is_refused():
    with pytest.raises(AttributeError, match="no attribute 'nothing'"):
        _ = api.nothing


def test_a_study_takes_four_calls(network_file, tmp_path):
    network = api.load_network(network_file)
    plan = api.mix(network, rows=[1], cols=[2], crossover=[3])
    pixels = [cell.pixels for cell in api.render(network.G, plan)]
    with api.Recording(network, plan, tmp_path / "out") as recording:
        kept = [cell.pixels for cell in recording.cells()]
    assert len(pixels) == len(kept) == 3
    assert all((a == b).all() for a, b in zip(pixels, kept, strict=True))


def test_paths_may_be_text(network_file, tmp_path):
    network = api.load_network(str(network_file))
    plan = api.grid(api.open_for_drawing(str(network_file)), [1])
    with api.Recording(network, plan, str(tmp_path / "out")) as recording:
        list(recording.cells())
        list(recording.pictures())
    with api.open_study(str(tmp_path / "out" / "grid.h5")) as study:
        assert study.array("/", "images").shape == (1, 16, 16, 3)


def test_G_draws_latents_as_grid_does(network):
    z = torch.from_numpy(np.random.RandomState(1).randn(1, network.G.z_dim).astype(np.float32))
    (cell,) = api.render(network.G, api.grid(network, [1]))
    assert (to_pixels(network.G(z))[0] == cell.pixels).all()


def test_G_needs_the_labels_of_its_network(network_with_classes):
    G = network_with_classes.G
    assert G(torch.zeros(2, G.z_dim), torch.eye(3)[:2]).shape == (2, 3, 16, 16)
    with pytest.raises(UsageError, match=r"has labels; give them as c, float32 \[n, 3\]"):
        G(torch.zeros(2, G.z_dim))
