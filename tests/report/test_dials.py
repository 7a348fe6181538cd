import pytest

from stylegan_cli.directions.file import write_discovery
from stylegan_cli.directions.references import parse_direction
from stylegan_cli.rendering.recording import Recording
from stylegan_cli.rendering.store import open_study
from stylegan_cli.report.dials import show_dials
from stylegan_cli.studies.discovery.finding import find_sefa
from stylegan_cli.studies.editing.edit import EditOptions, edit
from stylegan_cli.studies.grid import grid


def recorded(network, plan, folder):
    with Recording(network, plan, folder) as recording:
        list(recording.cells())
        list(recording.measurements())
        list(recording.pictures())
    return recording.paths.hdf5


@pytest.fixture(scope="module")
def study(network, tmp_path_factory):
    folder = tmp_path_factory.mktemp("dials")
    write_discovery(folder / "directions.h5", find_sefa(network, count=1))
    pick = parse_direction(f"{folder}/directions.h5:sefa/0")
    plan = edit(network, [1, 2], [pick], EditOptions(strengths=(-1.0, 0.0, 2.0)))
    return recorded(network, plan, folder / "edit")


def test_an_edit_has_a_slider_with_every_step(study):
    with open_study(study) as file:
        markup = "".join(map(str, show_dials(file)))
    assert markup.count('data-strength="') == 3 and 'max="2"' in markup and 'value="1"' in markup
    assert markup.count("data:image/webp") == 3


def test_other_studies_have_none(network, tmp_path):
    with open_study(recorded(network, grid(network, [1]), tmp_path / "grid")) as file:
        assert list(show_dials(file)) == []
