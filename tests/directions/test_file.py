import h5py
import numpy as np
import pytest

from stylegan_cli.directions.direction import Direction, in_all_layers
from stylegan_cli.directions.file import (
    Discovery,
    check_discovery,
    describe_directions,
    read_directions,
    write_discovery,
)
from stylegan_cli.errors import DataError, OutputError, UsageError


def discovery(group="sefa", count=3, network="a" * 64, **request):
    made = [
        Direction(
            name=f"{group}/{i}",
            space="w",
            vector=in_all_layers(np.full(4, 0.5), [i % 5], 5),
            sigma=1.5 + i,
            mean_coordinate=-0.5,
            method="sefa",
            network_sha256=network,
            facts={"eigenvalue": 3.0, "layers": "0-3", "lpips": (0.1, 0.2)},
        )
        for i in range(count)
    ]
    return Discovery(group=group, request=request, network_sha256=network, make=lambda: made)


def test_what_is_written_is_read(tmp_path):
    path, found = tmp_path / "directions.h5", discovery(count=12)
    write_discovery(path, found)
    again = read_directions(path, "sefa")
    assert [each.name for each in again] == [f"sefa/{i}" for i in range(12)]
    for a, b in zip(found.directions, again, strict=True):
        np.testing.assert_array_equal(a.vector, b.vector)
        assert (a.sigma, a.mean_coordinate, a.facts) == (b.sigma, b.mean_coordinate, b.facts)
    assert read_directions(path, "sefa/11")[0].sigma == 12.5
    assert "sefa/0" in describe_directions(path)["directions"]


def test_channels_are_kept_sparse(tmp_path):
    path, vector = tmp_path / "d.h5", np.zeros(100, np.float32)
    vector[7] = -1
    made = Direction(
        name="beard/0", space="s", vector=vector, sigma=2.0, method="theta", network_sha256=""
    )
    write_discovery(
        path, Discovery(group="beard", request={}, network_sha256="", make=lambda: (made,))
    )
    with h5py.File(path) as file:
        assert file["beard/0/channel"][...].tolist() == [7]
    np.testing.assert_array_equal(read_directions(path)[0].vector, vector)


def test_discoveries_share_a_file(tmp_path):
    path = tmp_path / "directions.h5"
    write_discovery(path, discovery("sefa"))
    write_discovery(path, discovery("pca"))
    assert {each.name.split("/")[0] for each in read_directions(path)} == {"sefa", "pca"}


def test_the_same_request_is_there_already_and_another_is_refused(tmp_path):
    path = tmp_path / "directions.h5"
    found = discovery(count=3, samples=10)
    assert not check_discovery(path, found)
    write_discovery(path, found)
    assert check_discovery(path, found)
    with pytest.raises(OutputError, match="other options"):
        write_discovery(path, discovery(count=2, samples=20))
    write_discovery(path, discovery(count=2, samples=20), overwrite=True)
    assert len(read_directions(path, "sefa")) == 2


def test_a_discovery_within_the_name_of_another_stays_when_that_is_written_or_replaced(tmp_path):
    path, inner = tmp_path / "d.h5", discovery("channels/beard", count=1)
    write_discovery(path, inner)
    write_discovery(path, discovery("channels", count=3))
    write_discovery(path, discovery("channels", count=2, samples=20), overwrite=True)
    names = [each.name for each in read_directions(path)]
    assert names == ["channels/beard/0", "channels/0", "channels/1"]
    assert check_discovery(path, inner)


def test_a_direction_is_no_place_for_a_discovery(tmp_path):
    path = tmp_path / "d.h5"
    write_discovery(path, discovery())
    with pytest.raises(OutputError, match="another `name`"):
        write_discovery(path, discovery("sefa/0"))


def test_another_network_needs_another_file(tmp_path):
    path = tmp_path / "directions.h5"
    write_discovery(path, discovery())
    with pytest.raises(OutputError, match="another network"):
        write_discovery(path, discovery("pca", network="b" * 64))


def test_names_that_are_not_there_lead_to_those_that_are(tmp_path):
    path = tmp_path / "directions.h5"
    write_discovery(path, discovery())
    with pytest.raises(UsageError, match="sefa/0-2"):
        read_directions(path, "pca/0")


@pytest.mark.parametrize("damage", ["missing", "text", "other", "nan", "space", "sigma"])
def test_files_without_directions_end_in_words(tmp_path, damage):
    path = tmp_path / "directions.h5"
    if damage == "text":
        path.write_text("no HDF5")
    elif damage == "other":
        h5py.File(path, "w").close()
    elif damage != "missing":
        write_discovery(path, discovery())
        with h5py.File(path, "a") as file:
            if damage == "nan":
                file["sefa/0/vector"][0] = np.nan
            elif damage == "sigma":
                file["sefa/0"].attrs["sigma"] = np.inf
            else:
                file["sefa/0"].attrs["space"] = "p"
    with pytest.raises(DataError, match=r"directions\.h5"):
        read_directions(path)
