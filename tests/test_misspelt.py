"""A misspelt path leads to the one that is there, wherever a path is taken."""

import contextlib

import pytest
from PIL import Image
from typer.testing import CliRunner

from stylegan_cli.cli.app import app
from tests.tiny import write_network


@pytest.fixture
def folder(tmp_path):
    (tmp_path / "runs" / "people").mkdir(parents=True)
    write_network(tmp_path / "runs" / "people" / "network-000012.safetensors", resolution=8)
    (tmp_path / "photos").mkdir()
    Image.new("RGB", (8, 8)).save(tmp_path / "photos" / "a.png")
    for name in ("photos.zip", "codes.npz", "mine.toml", "votes.csv", "judge.safetensors"):
        (tmp_path / name).touch()
    with contextlib.chdir(tmp_path):
        yield tmp_path


@pytest.mark.parametrize(
    ("command", "meant"),
    [
        ("grid --seeds 0 --network runs/poeple", "runs/people"),
        ("grid --seeds code.npz", "codes.npz"),
        ("mix --rows 0 --cols code.npz:0", "codes.npz"),
        ("video --seeds code.npz", "codes.npz"),
        ("eval fid --data photo.zip", "photos.zip"),
        ("eval fid --data photos --images photo.zip", "photos.zip"),
        ("eval fid --all-snapshots runs/poeple --data photos", "runs/people"),
        ("eval ppl --network runs/poeple", "runs/people"),
        ("eval separability --classifier juge.safetensors", "judge.safetensors"),
        ("eval separability --data photos --attributes vote.csv", "votes.csv"),
        ("train --data photo.zip", "photos.zip"),
        ("train --init-from runs/poeple --data photos.zip", "runs/people"),
        ("train min.toml", "mine.toml"),
        ("train stylgan2", "stylegan2"),
        ("data prepare photo.zip -o a.zip", "photos.zip"),
        ("data inspect photo.zip", "photos.zip"),
        ("recipe show min.toml", "mine.toml"),
        ("recipe check min.toml", "mine.toml"),
        ("report runs/poeple", "runs/people"),
        ("info code.npz", "codes.npz"),
        ("convert runs/poeple a.onnx", "runs/people"),
        ("convert juge.safetensors a.pt", "judge.safetensors"),
        ("weights add juge.safetensors", "judge.safetensors"),
    ],
)
def test_a_misspelt_path_leads_to_the_one_that_is_there(command, meant, folder):
    result = CliRunner().invoke(app, command.split())
    assert result.exit_code in (1, 2)
    assert f"did you mean {meant}?" in result.stderr


@pytest.mark.parametrize(
    ("command", "meant"),
    [
        ("eval fid --data photos.zip --detector inceptoin", "inception"),
        ("eval fid --data photos.zip --protocol adda", "ada"),
        ("eval ppl --protocol stylgan1", "stylegan1"),
        ("weights fetch incepton", "inception"),
        ("data sample portrait -o a.zip", "portraits"),
        ("data sample portraits --style toonhead -o a.zip", "toon-head"),
        ("video --interp lerpw", "lerp-w"),
        ("grid --seeds 0 --noise-mode randm", "random"),
        ("mix --rows 0 --cols 1 --layers coarze", "coarse"),
        ("mix --rows 0 --cols 1 --layers 0-1,finee", "fine"),
    ],
)
def test_a_misspelt_name_leads_to_the_one_there_is(command, meant, folder):
    result = CliRunner().invoke(app, command.split())
    assert result.exit_code == 2
    assert f"did you mean {meant}?" in result.stderr
