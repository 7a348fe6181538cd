import os

import numpy as np
import pytest
import torch

from stylegan_cli.errors import OutputError
from stylegan_cli.metrics.features import Extraction, Workplace
from stylegan_cli.metrics.pictures import stored_folder
from stylegan_cli.networks.execution import Execution

CPU = torch.device("cpu")


@pytest.fixture
def extraction(image_folder, alex, tmp_path):
    def make(folder=tmp_path):
        pictures = stored_folder(image_folder)
        place = Workplace(folder=folder, execution=Execution(batch_size=5))
        return Extraction(pictures=pictures, detector=alex, place=place)

    return make


def test_features_are_the_detectors(extraction, alex):
    job = extraction()
    assert [list(part) for part in job.missing] == [
        [0, 1, 2, 3, 4], [5, 6, 7, 8, 9], [10, 11],
    ]  # fmt: skip
    assert list(job.run()) == [5, 5, 2]
    pixels = np.concatenate(list(job.pictures.batches([range(12)])))
    direct = alex.features(torch.from_numpy(pixels).permute(0, 3, 1, 2))
    np.testing.assert_allclose(job.features(), direct, rtol=1e-4, atol=1e-5)


def test_an_interrupted_run_goes_on_and_gives_the_same_bits(extraction, tmp_path):
    whole = extraction(tmp_path / "whole")
    list(whole.run())
    begun = extraction(tmp_path / "begun").run()
    next(begun)
    begun.close()
    rest = extraction(tmp_path / "begun")
    assert sum(len(part) for part in rest.missing) == 7
    assert list(rest.run()) == [5, 2]
    assert np.array_equal(rest.features(), whole.features())


def test_what_is_there_is_not_computed_again(extraction):
    list(extraction().run())
    again = extraction()
    assert again.missing == ()
    assert list(again.run()) == []


def test_a_run_killed_before_its_last_step_ends_well(extraction):
    job = extraction()
    list(job.run())
    job.file.path.rename(job.file.unfinished)
    again = extraction()
    assert list(again.run()) == [2]
    assert len(again.features()) == 12


def test_a_link_planted_in_a_shared_cache_is_not_followed(extraction, tmp_path):
    precious = tmp_path / "precious"
    precious.write_text("mine")
    job = extraction(tmp_path / "cache")
    (tmp_path / "cache").mkdir()
    job.file.unfinished.symlink_to(precious)
    with pytest.raises(OutputError):
        list(job.run())
    assert precious.read_text() == "mine"


def test_a_pipe_planted_in_a_shared_cache_is_refused(extraction, tmp_path):
    job = extraction()
    os.mkfifo(job.file.path)
    with pytest.raises(OutputError, match="a pipe or device"):
        list(job.run())
