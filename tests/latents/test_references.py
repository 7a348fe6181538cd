from pathlib import Path

import numpy as np
import pytest

from stylegan_cli.errors import UsageError
from stylegan_cli.latents.references import Stored, as_picks, format_picks, parse_picks


def stored(path, *names, index=()):
    return Stored(path=Path(path), names=names, index=index)


@pytest.mark.parametrize(
    ("text", "picks"),
    [
        ("0-3,20", (0, 1, 2, 3, 20)),
        ("proj.npz", (stored("proj.npz"),)),
        ("grid.h5:4", (stored("grid.h5", index=("4",)),)),
        ("grid.h5:-1", (stored("grid.h5", index=("-1",)),)),
        ("grid.h5:row_sources", (stored("grid.h5", "row_sources"),)),
        ("m.h5:row_sources/0-2", (stored("m.h5", "row_sources", index=("0-2",)),)),
        ("m.hdf5:1/all", (stored("m.hdf5", index=("1", "all")),)),
        ("a/b.npz:smiles/w/3-", (stored("a/b.npz", "smiles", "w", index=("3-",)),)),
        ("W.NPY:w", (stored("W.NPY", "w"),)),
        ("1, 2 ,w.npy,3", (1, 2, stored("w.npy"), 3)),
        (
            "0-3,proj.npz,grid.h5:4",
            (0, 1, 2, 3, stored("proj.npz"), stored("grid.h5", index=("4",))),
        ),
    ],
)
def test_seeds_and_files_are_told_apart_by_their_names(text, picks):
    assert parse_picks(text) == picks


@pytest.mark.parametrize(
    "text", ["0-3,7", "p.npz", "5,grid.h5:4,6,7", "a/b.npz:smiles/w/3-,m.h5:1/all,1-4"]
)
def test_picks_are_written_as_they_are_read(text):
    assert format_picks(parse_picks(text)) == text


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("x", r"`rows=x`: neither seeds nor a file of codes \(.h5, "),
        ("net.txt", "`rows=net.txt`: neither seeds"),
        ("1,,w.npy", "`rows`: nothing between commas"),
        ("", "`rows`: an empty list"),
        ("5-2", "`rows=5-2`: the range runs backwards"),
        ("grid.h5:", "`rows=grid.h5:`: neither"),
        ("grid.h5:1/row_sources", "1/row_sources is not names and then indexes"),
        ("grid.h5://1", "//1 is not names"),
    ],
)
def test_what_is_neither_is_refused_in_words(text, words):
    with pytest.raises(UsageError, match=words):
        parse_picks(text, parameter="rows")


def test_a_folder_in_place_of_its_file_is_answered_with_the_file(tmp_path):
    (tmp_path / "projected.h5").touch()
    with pytest.raises(
        UsageError, match=rf"a folder; name the file in it, {tmp_path}/projected.h5"
    ):
        parse_picks(str(tmp_path))


def test_integers_of_numpy_are_seeds():
    picks = as_picks([*np.arange(2), stored("w.npy")])
    assert picks == (0, 1, stored("w.npy"))
    assert type(picks[0]) is int


@pytest.mark.parametrize("given", ["0-3", 3, [1.5]])
def test_what_is_no_sequence_of_picks_is_refused_in_words(given):
    with pytest.raises(UsageError, match="parse_picks reads a text"):
        as_picks(given)
