import subprocess
import sys

import pytest

import stylegan_cli.api as api


def test_public_names_are_there_once():
    assert len(set(api.__all__)) == len(api.__all__)
    assert all(hasattr(api, name) for name in api.__all__)


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
