import fcntl
import subprocess
import sys
from dataclasses import replace
from itertools import islice

import h5py
import numpy as np
import pytest
from PIL import Image

from stylegan_cli.errors import OutputError
from stylegan_cli.latents.sampling import Sampling
from stylegan_cli.rendering.plan import Measurement
from stylegan_cli.rendering.recording import Recording, default_folder
from stylegan_cli.studies.grid import grid
from stylegan_cli.studies.mixing import mix

DIE_AFTER_FIVE = """
import os, sys
from itertools import islice
from pathlib import Path
from stylegan_cli import hdf5
from stylegan_cli.api import Recording, load_network, mix
hdf5.SECONDS_TO_LOSE = 0
network = load_network(Path(sys.argv[1]))
recording = Recording(network, mix(network, [1, 2], [3, 4], crossover=[3]), Path(sys.argv[2]))
list(islice(recording.cells(3), 5))
os.kill(os.getpid(), 9)
"""


def record(network, plan, folder, **options):
    """Everything in one go; how many images were made."""
    with Recording(network, plan, folder, **options) as recording:
        made = len(list(recording.cells(3)))
        list(recording.measurements(3))
        list(recording.pictures())
    return made


def contents(folder):
    """Every file's bytes, of HDF5 files the arrays."""
    found = {}
    for path in sorted(folder.rglob("*")):
        if path.suffix == ".h5":
            with h5py.File(path) as file:
                file.visititems(lambda name, item: found.__setitem__(name, _value(item)))
        elif path.is_file():
            found[path.relative_to(folder)] = path.read_bytes()
    return found


def _value(item):
    return item[()].tobytes() if isinstance(item, h5py.Dataset) and item.dtype != object else None


@pytest.fixture
def plan(network):
    return mix(network, [1, 2], [3, 4], crossover=[3])


def test_the_folder_holds_the_study_a_picture_and_every_image(network, plan, tmp_path):
    assert record(network, plan, tmp_path / "out") == 8
    found = sorted(
        str(path.relative_to(tmp_path / "out")) for path in (tmp_path / "out").rglob("*.*")
    )
    singles = [f"images/{axis}000{seed}.png" for axis, seed in (("row", 1), ("row", 2))]
    singles += [f"images/col000{seed}.png" for seed in (3, 4)]
    mixed = [f"images/row000{row}-col000{col}.png" for row in (1, 2) for col in (3, 4)]
    assert found == sorted(["mix.h5", "mix.png", *singles, *mixed])


@pytest.mark.parametrize("stop_after", [0, 1, 4, 8])
def test_going_on_gives_the_same_as_one_go(network, plan, tmp_path, stop_after):
    record(network, plan, tmp_path / "whole")
    with Recording(network, plan, tmp_path / "halved") as recording:
        list(islice(recording.cells(3), stop_after))
    assert record(network, plan, tmp_path / "halved") == 8 - stop_after
    assert contents(tmp_path / "halved") == contents(tmp_path / "whole")


def test_a_killed_process_leaves_what_it_had_made(network, network_file, plan, tmp_path):
    words = [sys.executable, "-c", DIE_AFTER_FIVE, str(network_file), str(tmp_path / "killed")]
    assert subprocess.run(words, check=False).returncode == -9
    with Recording(network, plan, tmp_path / "killed") as recording:
        assert recording.damage is None
        assert recording.missing == 3
        list(recording.cells(3))
        list(recording.pictures())
    record(network, plan, tmp_path / "whole")
    assert contents(tmp_path / "killed") == contents(tmp_path / "whole")


def test_nothing_is_left_to_do_the_second_time(network, plan, tmp_path):
    record(network, plan, tmp_path / "out")
    before = contents(tmp_path / "out")
    assert record(network, plan, tmp_path / "out") == 0
    assert contents(tmp_path / "out") == before


def test_pictures_that_went_missing_come_back(network, plan, tmp_path):
    record(network, plan, tmp_path / "out")
    before = contents(tmp_path / "out")
    (tmp_path / "out" / "mix.png").unlink()
    (tmp_path / "out" / "images" / "row0001.png").unlink()
    record(network, plan, tmp_path / "out")
    assert contents(tmp_path / "out") == before


def test_no_final_name_appears_before_all_images_are_there(network, plan, tmp_path):
    with Recording(network, plan, tmp_path / "out") as recording:
        list(islice(recording.cells(3), 7))
    assert [path.name for path in (tmp_path / "out").iterdir()] == [".mix.h5.partial"]


def test_a_damaged_start_is_started_over(network, plan, tmp_path):
    with Recording(network, plan, tmp_path / "out") as recording:
        list(islice(recording.cells(3), 7))
    partial = tmp_path / "out" / ".mix.h5.partial"
    partial.write_bytes(partial.read_bytes()[: partial.stat().st_size // 2])
    with Recording(network, plan, tmp_path / "out") as recording:
        assert ".mix.h5.partial: not a readable HDF5 file" in str(recording.damage)
        assert recording.missing == 8


def test_another_request_for_the_same_folder_is_refused(network, plan, tmp_path):
    record(network, plan, tmp_path / "out")
    before = contents(tmp_path / "out")
    other = mix(network, [1, 2], [3, 4], crossover=[3], sampling=Sampling(psi=0.5))
    with pytest.raises(OutputError, match=r"psi is 1.0, not 0.5.*add `overwrite`"):
        Recording(network, other, tmp_path / "out")
    assert contents(tmp_path / "out") == before


def test_the_same_request_with_another_network_is_refused(network, network_with_classes, tmp_path):
    record(network, grid(network, [1]), tmp_path / "out")
    with pytest.raises(OutputError, match="network_sha256 is"):
        Recording(network_with_classes, grid(network_with_classes, [1]), tmp_path / "out")


@pytest.mark.parametrize("name", ["notes.txt", "grid.h5", ".grid.h5.partial"])
def test_a_folder_of_something_else_is_refused(network, plan, tmp_path, name):
    (tmp_path / name).write_text("mine")
    with pytest.raises(OutputError, match=f"not empty, holds {name}"):
        Recording(network, plan, tmp_path)
    assert [path.name for path in tmp_path.iterdir()] == [name]


def test_overwriting_removes_the_old_study_and_nothing_else(network, plan, tmp_path):
    record(network, grid(network, [1, 2]), tmp_path)
    (tmp_path / "notes.txt").write_text("mine")
    (tmp_path / "images" / "mine.png").write_text("mine")
    record(network, plan, tmp_path, overwrite=True)
    names = {path.name for path in tmp_path.rglob("*")}
    assert {"mix.h5", "mix.png", "notes.txt", "mine.png"} <= names
    assert not {"grid.h5", "grid.png", "seed0001.png", "seed0002.png"} & names


def test_overwriting_the_same_study_makes_it_anew(network, plan, tmp_path):
    record(network, plan, tmp_path)
    assert record(network, plan, tmp_path, overwrite=True) == 8


def test_two_at_once_in_one_folder_are_refused(network, plan, tmp_path):
    with Recording(network, plan, tmp_path):
        pass
    with (tmp_path / ".mix.h5.partial").open() as file:
        fcntl.flock(file, fcntl.LOCK_EX)  # as HDF5 does it in another process
        with pytest.raises(OutputError, match="another process is writing"):
            Recording(network, plan, tmp_path)


def test_two_that_begin_at_once_leave_one_whole_study(network, plan, tmp_path):
    first: list[Recording] = []

    def make():
        # the other process is a little faster
        first.append(Recording(network, plan, tmp_path))
        return plan.made

    with pytest.raises(OutputError, match="another process began a study here"):
        Recording(network, replace(plan, make=make), tmp_path)
    with first[0] as recording:
        list(recording.cells())
        list(recording.pictures())
    with h5py.File(tmp_path / "mix.h5") as file:
        assert file["done"][:].all()


def measured(plan):
    """The plan with four images a seed beside it, their mean, a number, and a picture of both."""

    def mean(file, index, batch_size):
        images = [file.image("draws", (*index, i)) for i in range(4)]
        return {"mean": np.mean(images, axis=0), "batch": float(batch_size)}

    def highest(file, index, batch_size):
        return {"highest": float(file.array("means", "mean").max())}

    def paint(file):
        return np.full((8, 8, 3), int(file.array("highest", "highest")), np.uint8)

    shape = (4, 16, 16, 3)
    codes = replace(
        plan.codes,
        ws=np.repeat(plan.codes.ws[:, None], 4, axis=1),
        noise_seed=np.arange(8).reshape(2, 4),
        labels=np.zeros((2, 4, 0), np.float32),
        z=None,
    )
    measurements = {
        "means": Measurement(shape=(2,), arrays={"mean": shape[1:], "batch": ()}, take=mean),
        "highest": Measurement(shape=(), arrays={"highest": ()}, take=highest),
    }
    return replace(
        plan,
        make=lambda: replace(plan.made, series={"draws": codes}, measurements=measurements),
        pictures={"height": paint},
    )


@pytest.fixture
def measured_plan(network):
    return measured(grid(network, [1, 2], Sampling(noise_mode="random")))


def test_what_is_measured_is_kept_beside_the_images(network, measured_plan, tmp_path):
    record(network, measured_plan, tmp_path)
    with h5py.File(tmp_path / "grid.h5") as file:
        images, means = file["draws/images"][...], file["means/mean"][...]
        assert images.shape == (2, 4, 16, 16, 3)
        assert np.array_equal(means, images.mean(axis=1, dtype=np.float32))
        assert file["highest/highest"][()] == means.max()
        assert file["means/batch"][...].tolist() == [3, 3]
        assert file["means/done"][...].all()
        assert file["highest/done"][()]


def test_images_of_a_series_are_counted_in_their_names(network, measured_plan, tmp_path):
    record(network, measured_plan, tmp_path)
    names = {path.name for path in (tmp_path / "images").iterdir()}
    assert {"seed0001.png", "seed0001-draws0000.png", "seed0002-draws0003.png"} <= names
    assert len(names) == 10


def test_further_pictures_stand_beside_the_sheets(network, measured_plan, tmp_path):
    record(network, measured_plan, tmp_path)
    with h5py.File(tmp_path / "grid.h5") as file:
        highest = int(file["highest/highest"][()])
    picture = tmp_path / "grid-height.png"
    assert (np.asarray(Image.open(picture)) == highest).all()
    picture.unlink()
    assert record(network, measured_plan, tmp_path) == 0
    assert picture.exists()


@pytest.mark.parametrize("stop_after", [0, 1, 2, 3])
def test_measuring_goes_on_where_it_stopped(network, measured_plan, tmp_path, stop_after):
    record(network, measured_plan, tmp_path / "whole")
    with Recording(network, measured_plan, tmp_path / "halved") as recording:
        list(recording.cells(3))
        list(islice(recording.measurements(3), stop_after))
        assert recording.unmeasured == 3 - stop_after
    record(network, measured_plan, tmp_path / "halved")
    assert contents(tmp_path / "halved") == contents(tmp_path / "whole")


def test_overwriting_removes_further_pictures_and_those_of_a_series(
    network, plan, measured_plan, tmp_path
):
    record(network, measured_plan, tmp_path)
    record(network, plan, tmp_path, overwrite=True)
    names = {path.name for path in tmp_path.rglob("*")}
    assert not {"grid-height.png", "seed0001.png", "seed0001-draws0000.png"} & names


def test_the_usual_folder_is_named_by_the_request(network, plan):
    again = mix(network, [1, 2], [3, 4], crossover=[3])
    other = mix(network, [1, 2], [3, 4], crossover=[4])
    assert default_folder(network, plan) == default_folder(network, again)
    assert default_folder(network, plan) != default_folder(network, other)
    assert default_folder(network, plan).parent.name == "results"


def test_pictures_that_an_older_file_does_not_know_are_made(network, tmp_path):
    plan = mix(network, [1], [2], crossover=[2, 4])
    record(network, plan, tmp_path)
    with h5py.File(tmp_path / "mix.h5", "r+") as file:
        del file.attrs["pictures"]
    (tmp_path / "mix-bands.png").unlink()
    record(network, plan, tmp_path)
    assert (tmp_path / "mix-bands.png").exists()
