import pytest

from stylegan_cli.metrics.in_training import networks_until, prune
from stylegan_cli.training.run_folder import kimg_of

DISTANCES = {f"network-{i:06d}.safetensors": float(d) for i, d in enumerate((5, 1, 4, 2, 3))}


@pytest.fixture
def networks(tmp_path):
    paths = [tmp_path / name for name in DISTANCES]
    for path in paths:
        path.touch()
    return paths


def numbers(folder):
    return [int(path.stem[-6:]) for path in sorted(folder.glob("network-*"))]


@pytest.mark.parametrize(
    ("best", "last", "left"),
    [(1, 0, [1, 4]), (2, 0, [1, 3, 4]), (0, 1, [4]), (0, 3, [2, 3, 4]), (1, 2, [1, 3, 4])],
)
def test_the_best_and_the_newest_stay(networks, tmp_path, best, last, left):
    prune(networks[-1], DISTANCES, best=best, last=last)
    assert numbers(tmp_path) == left


def test_more_than_there_are_leave_all(networks, tmp_path):
    prune(networks[-1], DISTANCES, best=0, last=9)
    assert numbers(tmp_path) == [0, 1, 2, 3, 4]


def test_what_was_not_measured_is_not_among_the_best(networks, tmp_path):
    known = {name: value for name, value in DISTANCES.items() if value != 1}
    prune(networks[-1], known, best=1, last=1)
    assert numbers(tmp_path) == [3, 4]


def test_networks_after_the_one_measured_are_left_alone(networks, tmp_path):
    prune(networks[2], DISTANCES, best=0, last=1)
    assert numbers(tmp_path) == [2, 3, 4]


def test_what_a_link_names_stays(networks, tmp_path):
    (tmp_path / "best-precision.safetensors").symlink_to(networks[0].name)
    prune(networks[-1], DISTANCES, best=1, last=1)
    assert numbers(tmp_path) == [0, 1, 4]


def test_other_files_are_no_networks(networks, tmp_path):
    for name in ("network-000000.png", "state.pt", "mine.safetensors"):
        (tmp_path / name).touch()
    assert networks_until(networks[1].parent, kimg_of(networks[1])) == networks[:2]
