from pathlib import Path

import pytest

from stylegan_cli.rendering.header import StudyPaths
from tests.rendering.test_store import header

FOLDER = Path("out")


def test_images_are_named_by_row_and_column():
    paths = StudyPaths(folder=FOLDER, header=header())
    assert paths.image("/", (1, 2)) == FOLDER / "images" / "row0002-col0005.png"
    assert paths.image("row_sources", (1,)) == FOLDER / "images" / "row0002.png"


def test_images_of_several_sheets_lie_in_a_folder_each():
    paths = StudyPaths(folder=FOLDER, header=header(sheets=("crossover 2", "layers 0,3")))
    assert paths.image("/", (0, 0, 0)).parent == FOLDER / "images" / "crossover-2"
    assert paths.sheets[1] == FOLDER / "mix-layers-0,3.png"


@pytest.mark.parametrize("name", ["../../x", "/etc/x", "..", "a/../../b", "."])
def test_names_in_a_file_lead_nowhere_else(name):
    evil = header(study=name, axes={name: (name,)}, sheets=(name, "b"))
    paths = StudyPaths(folder=FOLDER, header=evil)
    for path in (paths.hdf5, paths.unfinished, *paths.sheets, paths.image("/", (0, 0))):
        assert ".." not in path.parts
        assert path.is_relative_to(FOLDER)
