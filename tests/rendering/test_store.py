import json

import h5py
import numpy as np
import pytest

from stylegan_cli.errors import DataError, OutputError
from stylegan_cli.rendering.header import StudyHeader
from stylegan_cli.rendering.store import Table, create_study, describe_study, open_study


def header(**changes):
    facts = {
        "study": "mix",
        "request": {"rows": "1,2", "psi": 1.0, "matrices": ["crossover 3"]},
        "axes": {"row": ("1", "2"), "col": ("3", "4", "5")},
        "sheets": ("crossover 3",),
        "recipe": 'title = "tiny"\n',
        "network_sha256": "ab" * 32,
    }
    return StudyHeader(**{**facts, **changes})


def table(*shape):
    return Table(
        shape=shape,
        arrays={"images": ((8, 8, 3), np.uint8)},
        columns={
            "ws": np.arange(np.prod(shape) * 12, dtype=np.float32).reshape(*shape, 4, 3),
            "noise_seed": np.full(shape, 2**62, np.int64),
            "labels": np.zeros((*shape, 0), np.float32),
        },
    )


TABLES = {"/": table(2, 3), "row_sources": table(2), "col_sources": table(3)}


@pytest.fixture
def path(tmp_path):
    path = tmp_path / "mix.h5"
    with create_study(path, header(), TABLES) as study:
        study.write("/", (1, 2), np.full((8, 8, 3), 7, np.uint8))
        study.write("row_sources", (0,), np.full((8, 8, 3), 9, np.uint8))
    return path


def test_h5py_alone_reads_everything(path):
    with h5py.File(path) as file:
        assert file["images"].shape == (2, 3, 8, 8, 3)
        assert file["images"].chunks == (1, 1, 8, 8, 3)
        assert (file["images"][1, 2] == 7).all()
        assert file["done"][...].tolist() == [[False] * 3, [False, False, True]]
        assert file["done"].dtype == bool
        assert np.array_equal(file["ws"], TABLES["/"].columns["ws"])
        assert file["noise_seed"][0, 0] == 2**62
        assert list(file["row_names"].asstr()) == ["1", "2"]
        assert list(file["col_names"].asstr()) == ["3", "4", "5"]
        assert (file["row_sources/images"][0] == 9).all()


def test_the_root_says_where_the_study_comes_from(path):
    with h5py.File(path) as file:
        assert file.attrs["schema"] == 1
        assert file.attrs["study"] == "mix"
        assert json.loads(file.attrs["request"]) == header().request
        assert file.attrs["recipe"] == header().recipe
        assert file.attrs["network_sha256"] == "ab" * 32
        assert json.loads(file.attrs["versions"])["numpy"] == np.__version__
        assert file.attrs["created_utc"].endswith("+00:00")


def test_an_opened_study_has_the_header_it_was_made_with(path):
    with open_study(path) as study:
        assert study.header == header()
        assert study.tables == ("/", "col_sources", "row_sources")


def test_equal_headers_do_not_differ():
    assert header().differences(header()) == []


def test_a_difference_names_what_is_there_and_what_was_asked():
    asked = header(request={**header().request, "psi": 0.7, "matrices": ["layers 0", "layers 1"]})
    assert asked.differences(header()) == [
        "matrices is crossover 3, not layers 0; layers 1",
        "psi is 1.0, not 0.7",
    ]


def test_room_for_every_image_is_taken_at_once(path):
    with h5py.File(path) as file:
        assert file["images"].id.get_num_chunks() == 6


@pytest.mark.parametrize("share", [0.0, 0.05, 0.5, 0.95])
def test_a_file_cut_short_is_refused_in_words(path, share):
    path.write_bytes(path.read_bytes()[: int(path.stat().st_size * share)])
    with pytest.raises(DataError, match=r"mix.h5: not a (readable HDF5 file|study, or damaged)"):
        open_study(path)


def test_another_hdf5_file_is_no_study(tmp_path):
    with h5py.File(tmp_path / "data.h5", "w") as file:
        file["images"] = np.zeros((1, 8, 8, 3), np.uint8)
    with pytest.raises(DataError, match=r"data.h5: not a study"):
        open_study(tmp_path / "data.h5")


def test_a_study_of_a_newer_sgtool_is_refused(path):
    with h5py.File(path, "r+") as file:
        file.attrs["schema"] = 2
    with pytest.raises(DataError, match=r"schema 2 is newer than this sgtool reads \(1\)"):
        open_study(path)


def test_a_file_whose_names_do_not_fit_its_images_is_refused(path):
    with h5py.File(path, "r+") as file:
        del file["row_names"]
        file["row_names"] = ["1"]
    with pytest.raises(DataError, match=r"images do not fit their names, \[1, 3\]"):
        open_study(path)


def test_a_place_that_cannot_be_written_is_refused_in_words(tmp_path):
    (tmp_path / "file").touch()
    with pytest.raises(OutputError, match="a file, where a folder is needed"):
        create_study(tmp_path / "file" / "mix.h5", header(), TABLES)


def test_a_description_counts_what_is_missing(path):
    facts = describe_study(path)
    assert facts["missing"] == 9
    assert facts["shapes"] == {
        "images": [2, 3],
        "col_sources/images": [3],
        "row_sources/images": [2],
    }


def external_storage(file, folder):
    secret = folder / "secret.txt"
    secret.write_bytes(b"S" * 1152)
    del file["images"]
    file.create_dataset("images", (2, 3, 8, 8, 3), np.uint8, external=[(str(secret), 0, 1152)])


def replaced(name, content):
    def spoil(file, _):
        del file[name]
        if isinstance(content, str):
            file.create_group(name)
        else:
            file[name] = content

    return spoil


def schema_text(file, _):
    file.attrs["schema"] = "one"


def attribute(name, content):
    def spoil(file, _):
        file.attrs[name] = content

    return spoil


@pytest.mark.parametrize("write", [False, True])
@pytest.mark.parametrize(
    ("spoil", "words"),
    [
        (external_storage, "refused, /images keeps its values in another file"),
        (replaced("images", "group"), "images is a group"),
        (replaced("images", np.zeros((2, 3, 8, 8, 3))), "images is float64"),
        (replaced("images", np.uint8(1)), r"images is uint8 \[\]"),
        (replaced("images", np.zeros((0, 3, 8, 8, 3), np.uint8)), "do not fit their"),
        (replaced("done", np.zeros((2, 3))), "done is float64"),
        (replaced("images", np.zeros((2, 3, 8, 8, 3), np.uint32)), "images, uint32 .* do not fit"),
        (replaced("row_names", np.zeros((2, 2))), "row_names is float64"),
        (replaced("row_sources/done", np.zeros(2)), "done is float64"),
        (schema_text, "not a study, or damaged: unknown schema 'one'"),
        (attribute("request", "[]"), "not a study, or damaged: its request is no object"),
        (attribute("axes", '{"row": 1}'), "axes is no list of texts"),
        (attribute("recipe", np.nan), "recipe is no text"),
    ],
)
def test_a_study_from_a_stranger_ends_in_words(path, tmp_path, spoil, words, write):
    with h5py.File(path, "r+") as file:
        spoil(file, tmp_path)
    with pytest.raises(DataError, match=rf"mix\.h5: .*{words}"):
        open_study(path, write=write)
    secret = tmp_path / "secret.txt"
    assert not secret.exists() or secret.read_bytes() == b"S" * 1152
