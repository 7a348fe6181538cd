import tracemalloc

import numpy as np

from stylegan_cli.rendering.header import StudyHeader
from stylegan_cli.studies.projection.states import Record
from stylegan_cli.studies.projection.store import Planned, ProjectionFolder, read_records

HEADER = StudyHeader(
    study="projected",
    request={},
    axes={"picture": ()},
    sheets=("projected",),
    recipe="",
    network_sha256="0",
)


def written(path, batches):
    """Return the folder of a projection whose batches are found, two pictures each."""
    folder = ProjectionFolder(path, HEADER)
    folder.hidden.mkdir(parents=True)
    for number in range(batches):
        names = (f"a{number}", f"b{number}")
        batch = Planned(keys=names, names=names, class_index=None, checks=False)
        records = [
            Record(
                name=name,
                cells={
                    "/": {
                        "images": np.full((128, 128, 3), number, np.uint8),
                        "ws": np.full((2, 4), number, np.float32),
                        "key": np.asarray(np.bytes_(name)),
                    },
                    "measures": {"psnr": np.array(number, np.float32)},
                },
            )
            for name in names
        ]
        folder.keep(batch, records)
        yield folder, batch


def test_results_of_a_batch_are_read_as_written(tmp_path):
    ((folder, batch),) = written(tmp_path, 1)
    first, second = read_records(folder.results(batch))
    assert (first.name, second.name) == batch.names
    assert (first.key, second.measures) == ("a0", {"psnr": 0.0})


def test_a_batch_of_which_nothing_was_found_is_finished_too(tmp_path):
    folder = ProjectionFolder(tmp_path, HEADER)
    batch = Planned(keys=("a",), names=("a",), class_index=None, checks=False)
    folder.keep(batch, [])
    assert folder.results(batch).exists()
    assert folder.failed(batch) == ["a"]


def test_memory_does_not_grow_with_the_number_of_pictures(tmp_path):
    peaks = []
    for count in (1, 5):
        made = list(written(tmp_path / str(count), count))
        folder, batches = made[0][0], [batch for _, batch in made]
        tracemalloc.start()
        folder.write(batches)
        assert len([record.measures for record in read_records(folder.hdf5)]) == 2 * count
        peaks.append(tracemalloc.get_traced_memory()[1])
        tracemalloc.stop()
    assert peaks[1] < peaks[0] + 4 * 128 * 128 * 3


def test_a_projection_is_cleared_with_all_its_files_and_no_others(tmp_path):
    ((folder, batch),) = written(tmp_path, 1)
    folder.write([batch])
    for name in ("images/a0.png", "pasted/a0.png", "videos/b0.mp4", "w.npz"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).touch()
    ProjectionFolder.clear(tmp_path)
    assert list(tmp_path.iterdir()) == []
    ProjectionFolder(tmp_path, HEADER)

    (tmp_path / "images").mkdir()
    (tmp_path / "images" / "mine.png").touch()
    ProjectionFolder.clear(tmp_path)
    assert (tmp_path / "images" / "mine.png").exists()


def test_further_pictures_are_added_to_those_in_the_file(tmp_path):
    made = list(written(tmp_path, 3))
    folder, batches = made[0][0], [batch for _, batch in made]
    folder.write(batches[:1])
    folder.write(batches[1:])
    found = list(read_records(folder.hdf5))
    assert [record.name for record in found] == ["a0", "b0", "a1", "b1", "a2", "b2"]
    assert found[5].cells["/"]["images"].min() == 2
