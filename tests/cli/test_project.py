import json
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from tests.commands import sgtool

QUICK = ("--steps", "2", "--init", "mean", "--detector", "alex")


@pytest.fixture(scope="module")
def done(tmp_path_factory, network_file):
    """Two pictures and a broken one, projected, and what the command said."""
    folder = tmp_path_factory.mktemp("project")
    random = np.random.RandomState(0)
    for name in ("a", "b"):
        pixels = random.randint(0, 256, (16, 16, 3)).astype(np.uint8)
        Image.fromarray(pixels).save(folder / f"{name}.png")
    (folder / "broken.png").write_bytes(b"no picture")
    words = ("project", folder, "--network", network_file, "-o", folder / "out", *QUICK)
    return folder, sgtool(*words)


def test_stdout_is_the_paths_written(done):
    _, said = done
    paths = [Path(line) for line in said.stdout.splitlines()]
    assert [path.name for path in paths] == ["projected.png", "projected.h5", "images", "w.npz"]
    assert all(path.exists() for path in paths)


def test_a_broken_picture_is_named_and_the_exit_code_is_1(done):
    _, said = done
    assert said.exit_code == 1
    assert "broken.png: left out: not an image in a format that is read" in said.stderr
    assert "1 picture was left out" in said.stderr


def test_the_table_tells_how_near_each_picture_came(done):
    _, said = done
    assert "lpips_alex" in said.stderr
    assert "w_percentile" in said.stderr


def test_the_same_again_is_done_and_speaks_json(done, network_file):
    folder, _ = done
    words = ("project", folder, "--network", network_file, "-o", folder / "out", *QUICK)
    said = sgtool(*words, "--json")
    facts = json.loads(said.stdout)
    assert facts["made_now"] == 0
    assert [each["name"] for each in facts["pictures"]] == ["a", "b"]
    assert [each["name"] for each in facts["left_out"]] == [f"{folder}/broken.png"]


def test_a_seed_is_a_picture_and_a_list_of_seeds_is_not_one(tmp_path, network_file):
    said = sgtool(
        "project", "3", "--network", network_file, "-o", tmp_path / "out", *QUICK, "--json"
    )
    assert said.exit_code == 0
    assert json.loads(said.stdout)["pictures"][0]["w_error"] >= 0
    assert sgtool("project", "1,2", "--network", network_file).exit_code == 2


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("--init", "best-of:none"), "--init"),
        (("--init", "1,2", "--steps", "2"), "--init: 2 codes for 1 pictures"),
        (("--align", "eyes"), "--align"),
        (("--protocol", "stylegan2", "--space", "w+"), "--space w+"),
        (("--prior", "-1"), "--prior -1"),
    ],
)
def test_what_cannot_be_is_refused_by_its_flag(tmp_path, network_file, words, said):
    result = sgtool("project", "3", "--network", network_file, "-o", tmp_path / "out", *words)
    assert result.exit_code == 2
    assert said in result.stderr
    assert not (tmp_path / "out").exists()


def test_codes_that_do_not_fit_cost_no_result(tmp_path, network_file):
    words = ("project", "3", "--network", network_file, "-o", tmp_path, "--steps", "2")
    sgtool(*words, *QUICK)
    before = (tmp_path / "projected.h5").read_bytes()
    assert sgtool(*words, "--init", "1,2", "--overwrite").exit_code == 2
    assert (tmp_path / "projected.h5").read_bytes() == before


def test_a_report_shows_the_sheet_and_the_measures(done, tmp_path):
    folder, _ = done
    said = sgtool("report", folder / "out", "-o", tmp_path / "report.html")
    assert said.exit_code == 0
    page = (tmp_path / "report.html").read_text()
    assert "w percentile" in page
    assert "<figure" in page


def test_the_images_of_a_study_are_told_from_its_codes(done, network_file, tmp_path):
    folder, _ = done
    study = folder / "out" / "projected.h5"
    said = sgtool("project", study, "--network", network_file, "-o", tmp_path / "a", *QUICK)
    assert f"{study}: its images; {study}:0 is the first of its codes" in said.stderr
