import pytest

from stylegan_cli.directions.file import write_discovery
from stylegan_cli.directions.references import parse_direction
from stylegan_cli.rendering.recording import Recording
from stylegan_cli.report.inputs import read_study
from stylegan_cli.report.pictures import dials
from stylegan_cli.studies.discovery.finding import find_sefa
from stylegan_cli.studies.editing.edit import edit
from stylegan_cli.studies.editing.moving import EditOptions
from stylegan_cli.studies.grid import grid
from tests.report.runs import page_of


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


def test_an_edit_has_a_slider_with_every_step(study, tmp_path):
    markup, _ = page_of(tmp_path, runs=(), studies=[read_study(study, "edit")])
    markup = markup[markup.index('<div class="dials">') : markup.index('<div class="sheets">')]
    assert markup.count('data-strength="') == 3 and 'max="2"' in markup and 'value="1"' in markup
    assert markup.count("data:image/webp") == 3


def test_other_studies_have_none(network, tmp_path):
    study = read_study(recorded(network, grid(network, [1]), tmp_path / "grid"), "grid")
    assert list(dials(study)) == []
