import json

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from stylegan_cli.data import Entry
from stylegan_cli.data.label_files import parse_json
from stylegan_cli.data.labels import AnnotationColumns, checked_labels, label_row
from stylegan_cli.data.relabelled import match
from stylegan_cli.data.writers import dump_dataset_json
from stylegan_cli.errors import DataError


def collected(labels, classes=(), attributes=None):
    columns = AnnotationColumns(classes)
    for number, label in enumerate(labels):
        extra = attributes[number] if attributes else {}
        columns.add(Entry(name=str(number), label=label, attributes=extra))
    return columns.finish()


def test_classes_are_numbered_in_sorted_order():
    found = collected(["dog", "cat", "ant", "dog"])
    assert found.classes == ("ant", "cat", "dog")
    assert found.labels.tolist() == [2, 1, 0, 2]


def test_known_classes_keep_their_numbers():
    found = collected(["10", "2", "zebra"], classes=[str(number) for number in range(11)])
    assert found.labels.tolist() == [10, 2, 11]


def test_one_unlabelled_image_leaves_all_without_labels():
    assert collected(["cat", None]).labels is None


@pytest.mark.parametrize(
    ("raw", "expected"),
    [
        (np.array([0.5, -1.5]), [[0.5], [-1.5]]),
        (np.array([2.0, 0.0]), [2, 0]),
        (np.array([[1, 0]]), [[1, 0]]),
    ],
)
def test_labels_of_a_file_are_classes_or_rows_of_numbers(raw, expected):
    assert checked_labels(raw, "x.h5").tolist() == expected


@pytest.mark.parametrize(
    "raw", [[0.5, np.nan], [np.inf, 1.0], [-1.0, 0.0], [-1, 0], [[np.nan]], [[1e39]]]
)
def test_labels_that_are_neither_are_refused(raw):
    with pytest.raises(DataError, match="neither class numbers"):
        checked_labels(np.array(raw), "x.h5")


def test_vectors_stay_vectors():
    found = collected([(0.5, 1.0), (2.0, -1.0)])
    assert found.labels.tolist() == [[0.5, 1.0], [2.0, -1.0]]
    assert found.classes == ()


@pytest.mark.parametrize("labels", [["cat", (1.0,)], [(1.0,), (1.0, 2.0)]])
def test_labels_of_two_kinds_are_refused(labels):
    with pytest.raises(DataError, match="do not mix"):
        collected(labels)


def test_an_attribute_some_image_lacks_is_left_out():
    found = collected([None, None], attributes=[{"hair": "red", "hat": "yes"}, {"hair": "blue"}])
    assert list(found.attributes) == ["hair"]
    assert found.attributes["hair"].values == ("blue", "red")
    assert list(found.attributes["hair"].index) == [1, 0]


def test_label_rows_are_one_hot_or_the_vector():
    assert label_row(np.array([2, 0]), 0, 3).tolist() == [0, 0, 1]
    assert label_row(np.array([[0.5, 2]], np.float32), 0, 2).tolist() == [0.5, 2]


@settings(deadline=None, max_examples=50)
@given(
    st.lists(
        st.tuples(st.text(min_size=1), st.text()), min_size=1, max_size=9, unique_by=lambda t: t[0]
    )
)
def test_dataset_json_gives_back_what_was_written(rows):
    names = [name for name, _ in rows]
    columns = AnnotationColumns()
    for name, word in rows:
        columns.add(Entry(name=name, label=word, attributes={"word": word}))
    text = "".join(dump_dataset_json(columns.finish(), names, {"fit": "crop"}))
    read = parse_json(text, "x", own=True)
    entries = list(match(read, names).annotated([Entry(name=name) for name in names]))
    assert [entry.label for entry in entries] == [word for _, word in rows]
    assert [entry.attributes["word"] for entry in entries] == [word for _, word in rows]
    assert read.prepared == {"fit": "crop"}


def test_labels_of_the_field_are_read():
    read = parse_json(b'{"labels": [["a.png", 1], ["b.png", 0]], "other": 5}', "x", own=True)
    assert read.labels == {"a.png": "1", "b.png": "0"}
    assert read.classes == ("0", "1")
    vectors = parse_json(b'{"labels": [["a.png", [0.5, 1]]]}', "x", own=True)
    assert vectors.labels == {"a.png": (0.5, 1.0)}
    assert parse_json(b'{"labels": null}', "x", own=True).labels == {}


@pytest.mark.parametrize(
    "content",
    [
        [],
        {"labels": 5},
        {"labels": [["a"]]},
        {"labels": [["a", -1]]},
        {"labels": [["a", 10**9]]},
        {"labels": [["a", 10**30]]},
        {"labels": [["a", float("inf")]]},
        {"labels": [["a", "word"], ["b", 1]]},
        {"labels": [["a", [1]], ["b", [1, 2]]]},
        {"labels": [["a", [[1]]]]},
        {"labels": [["a", [float("nan")]]]},
        {"attributes": 5},
        {"attributes": {"hair": {"values": ["red"], "index": [7]}}},
        {"attributes": {"hair": {"values": ["red"], "index": [float("inf")]}}},
    ],
)
def test_unusable_dataset_json_is_refused_in_words(content):
    with pytest.raises(DataError, match=r"people\.zip"):
        parse_json(json.dumps(content).encode(), "people.zip", own=True)


def test_text_that_is_no_json_is_refused_in_words():
    with pytest.raises(DataError, match="repair it or move it away"):
        parse_json(b"\xff{", "x", own=True)
