import numpy as np
import pytest

from stylegan_cli.errors import UsageError
from stylegan_cli.interop.foreign import save_foreign
from stylegan_cli.interop.reading import read_foreign
from stylegan_cli.metrics.equivariance import EQUIVARIANCE
from stylegan_cli.metrics.metric import Found, Request, Steps
from stylegan_cli.metrics.motions import differences
from stylegan_cli.metrics.run import evaluate, workplace
from stylegan_cli.networks.snapshot import load_network
from tests.networks.vectors import FOLDER


@pytest.fixture(scope="module")
def converted_file(tmp_path_factory):
    path = tmp_path_factory.mktemp("network") / "network.safetensors"
    save_foreign(read_foreign(FOLDER / "sg3_r_cond_32.pkl"), path)
    return path


def measured(network, folder, **options):
    request = Request(network=network, output=folder, **options)
    with workplace("cpu") as place:
        for event in evaluate(EQUIVARIANCE, request, place):
            if isinstance(event, Steps):
                list(event.counts)
            if isinstance(event, Found):
                found = event
    return found


def test_a_sample_does_not_depend_on_its_neighbours(converted_file):
    network = load_network(converted_file)
    both = differences(network, range(2, 4), seed=0, psi=1.0, chosen=None)
    alone = differences(network, range(3, 4), seed=0, psi=1.0, chosen=None)
    np.testing.assert_allclose(both["squares"][1], alone["squares"][0], rtol=1e-4)
    np.testing.assert_array_equal(both["counts"][1], alone["counts"][0])


def test_a_network_of_configuration_r_moves_and_turns(converted_file, tmp_path):
    found = measured(converted_file, tmp_path, num=3)
    assert list(found.values) == ["eq_t", "eq_t_frac", "eq_r"]
    assert min(found.values.values()) > 40
    again = measured(converted_file, tmp_path, num=3)
    assert again.values == found.values


def test_a_network_whose_input_cannot_move_is_refused(network, tmp_path):
    with pytest.raises(UsageError, match="can be moved, not that of this network"):
        measured(network.path, tmp_path, num=2)
