"""What `pip install` gets: the wheel and the source archive, built and used as a user would."""

import os
import subprocess
import sys
import tarfile
import zipfile
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]


@pytest.fixture(scope="module")
def built(tmp_path_factory):
    folder = tmp_path_factory.mktemp("dist")
    command = [sys.executable, "-m", "hatchling", "build", "-d", str(folder)]
    subprocess.run(command, cwd=ROOT, check=True, capture_output=True)
    return folder


@pytest.fixture(scope="module")
def unpacked(built, tmp_path_factory):
    """The package as the wheel has it, and nothing beside it."""
    folder = tmp_path_factory.mktemp("installed")
    with zipfile.ZipFile(next(built.glob("*.whl"))) as wheel:
        wheel.extractall(folder)
    return folder


def sgtool(unpacked, folder, *words):
    environment = {key: value for key, value in os.environ.items() if key != "SGTOOL_NETWORK"}
    return subprocess.run(
        [sys.executable, "-m", "stylegan_cli", *words],
        cwd=folder,
        env={**environment, "PYTHONPATH": str(unpacked)},
        capture_output=True,
        text=True,
        check=False,
    )


def test_the_wheel_mixes_styles_in_an_empty_folder(unpacked, tmp_path):
    done = sgtool(
        unpacked, tmp_path, "mix", *["--rows", "1,2", "--cols", "3,4", "--crossover", "8"]
    )
    assert done.returncode == 0, done.stderr
    assert "portraits-64" in done.stderr
    assert all((tmp_path / line).exists() for line in done.stdout.splitlines())


def test_the_wheel_knows_every_recipe(unpacked, tmp_path):
    done = sgtool(unpacked, tmp_path, "recipe", "list")
    names = {path.stem for path in (ROOT / "recipes").glob("*.toml")}
    assert names <= set(done.stdout.split()), done.stderr


def test_the_wheel_carries_licences_and_credits(unpacked):
    (licences,) = unpacked.glob("stylegan_cli-*.dist-info/licenses")
    assert "Apache License" in (licences / "LICENSE").read_text()
    assert "Johan Melin" in (licences / "NOTICE").read_text()


def test_the_source_archive_tests_itself(built):
    with tarfile.open(next(built.glob("*.tar.gz"))) as archive:
        inside = {name.partition("/")[2] for name in archive.getnames()}
    pages = {str(path.relative_to(ROOT)) for path in (ROOT / "docs").glob("*.md")}
    assert {"README.md", ".ci/run", "tests/test_packaging.py", *pages} <= inside
