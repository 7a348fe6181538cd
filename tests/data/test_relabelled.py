import json
import unicodedata
from contextlib import closing

import pytest

from stylegan_cli.data import Entry
from stylegan_cli.data.label_files import read_labels
from stylegan_cli.data.labels import label_table
from stylegan_cli.data.relabelled import labelled, match, numbered
from stylegan_cli.data.sources import open_source
from stylegan_cli.errors import DataError
from tests.data.pictures import blocks, folder_of

NAMES = ["cat/0.png", "cat/1.png", "dog/2.png"]


def labels_of(rows, names=tuple(NAMES)):
    """Labels that a table gives to images of these names, and its remarks."""
    table = label_table(rows, "labels.json")
    found = match(table, list(names))
    entries = found.annotated(Entry(name=name) for name in names)
    return [entry.label for entry in entries], found.remarks


def spelled(change):
    return [(change(name), number) for number, name in enumerate(NAMES)]


@pytest.mark.parametrize(
    "change",
    [
        lambda name: name,
        lambda name: name.replace("/", "\\"),
        lambda name: f"./{name}",
    ],
)
def test_names_of_other_systems_are_those_of_the_images(change):
    assert labels_of(spelled(change)) == (["0", "1", "2"], [])


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (lambda name: f"/data/pets/{name}", "by their last"),
        (lambda name: f"D:\\pets\\{name}", "by their last"),
        (lambda name: name.replace(".png", ".jpg"), "without their suffixes"),
        (lambda name: name.upper(), "without regard to case"),
        (lambda name: name.rpartition("/")[2], "by their last part"),
        (lambda name: name.rpartition("/")[2].partition(".")[0], "by their last part"),
    ],
)
def test_names_that_nearly_match_are_taken_with_a_remark(change, words):
    labels, [remark] = labels_of(spelled(change))
    assert labels == ["0", "1", "2"]
    assert remark.startswith("labels.json: names matched") and words in remark


def test_composed_and_decomposed_letters_are_one_name():
    there = unicodedata.normalize("NFD", "é.png")
    assert labels_of([("é.png", 3)], [there])[0] == ["3"]


def test_ambiguous_near_matches_are_not_taken():
    labels, [remark] = labels_of([("a/0.png", 1), ("b/0.png", 2)], ["c/0.png", "d/0.png"])
    assert labels == [None, None] and "none of its 2 names" in remark


def test_names_of_no_image_are_remarked_with_an_example_of_each():
    labels, [remark] = labels_of([("x.png", 0), ("y.png", 1)])
    assert labels == [None] * 3
    assert "the first is x.png, the first image is cat/0.png" in remark
    labels, [remark] = labels_of([("cat/0.png", 0), ("gone.png", 1)])
    assert labels == ["0", None, None]
    assert "1 of its 2 names match no image here, such as gone.png" in remark


def test_a_name_that_is_only_a_dot_is_that_of_no_image():
    labels, remarks = labels_of([*spelled(lambda name: name), (".", 1), ("CAT/9.png", 1)])
    assert labels == ["0", "1", "2"]
    assert remarks


def test_null_and_empty_are_no_labels():
    assert labels_of([("cat/0.png", None), ("cat/1.png", 1), ("dog/2.png", "")])[0] == [
        None,
        "1",
        None,
    ]


def test_class_names_are_classes_in_sorted_order():
    table = label_table([("a.png", "dog"), ("b.png", "cat")], "x")
    assert table.classes == ("cat", "dog") and table.labels["a.png"] == "dog"


def test_whole_floats_are_class_numbers():
    assert label_table([("a.png", 1.0)], "x").classes == ("0", "1")


def test_among_fractions_whole_numbers_are_numbers_too():
    table = label_table([("a.png", 1), ("b.png", 0.5), ("c.png", -2.0)], "x")
    assert table.labels == {"a.png": (1.0,), "b.png": (0.5,), "c.png": (-2.0,)}
    assert (table.classes, table.label_names) == ((), ("0",))


@pytest.mark.parametrize(
    ("rows", "words"),
    [
        ([("0.png", 0), ("1.png", 0), ("0.png", 1)], r"0\.png is named twice, .* labels 0 and 1"),
        ([("a\\0.png", 0), ("a/0.png", 1)], "named twice"),
        ([("0.png", 0), ("1.png", "cat")], r"different kinds, 0 for 0\.png and 'cat' for 1\.png"),
        ([("0.png", [1.0]), ("1.png", [1.0, 0.0])], "different kinds"),
        ([("0.png", 0.5), ("1.png", "cat")], "different kinds"),
        ([("0.png", -1)], "class number from 0"),
        ([("0.png", {"class": 1})], "neither a class number"),
        ([("0.png", [])], "neither a class number"),
        ([("0.png", [float("nan")])], "neither a class number"),
        ([("0.png", 10**400)], "neither a class number"),
        ([("0.png", [1e39])], "neither a class number"),
    ],
)
def test_unclear_labels_are_refused_by_name(rows, words):
    with pytest.raises(DataError, match=words):
        label_table(rows, "x")


@pytest.fixture
def pets(tmp_path):
    return folder_of(tmp_path / "pets", {name: blocks(n, 8, 8) for n, name in enumerate(NAMES)})


def read_beside(folder, name, content):
    """Labels and attributes of a folder's images with those of a file of this content."""
    path = folder.parent / name
    path.write_bytes(content if isinstance(content, bytes) else content.encode())
    with closing(labelled(open_source(folder), read_labels(path))) as source:
        return [(entry.label, dict(entry.attributes)) for entry in source.entries()]


PLAIN = [("5", {}), ("0", {}), ("5", {})]


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("l.csv", "cat/0.png,5\ncat/1.png,0\ndog/2.png,5\n"),
        ("l.csv", "\ufefffile,label\r\ncat/0.png,5\r\ncat/1.png,0\r\ndog/2.png,5\r\n"),
        ("l.csv", "label;name\n5;cat/0.png\n0;cat/1.png\n5;dog/2.png\n"),
        ("l.csv", "cat/0.png;5;;\ncat/1.png;0\n;;\ndog/2.png;5;"),
        ("l.csv", "file,class,,\r\ncat/0.png,5,,\r\ncat/1.png,0,,\r\ndog/2.png,5,,\r\n,,,\r\n"),
        ("l.csv", "sep=;\r\ncat/0.png;5\r\ncat/1.png;0\r\ndog/2.png;5\r\n"),
        ("l.txt", "name\tlabel\r\ncat/0.png\t5\r\ncat/1.png\t0\r\ndog/2.png\t5".encode("utf-16")),
        ("l.tsv", "cat\\0.png\t5.0\ncat\\1.png\t0.0\ndog\\2.png\t5.0\n"),
        ("l.txt", "cat/0.png 5\ncat/1.png 0\ndog/2.png 5\n"),
        ("l.csv", '"cat/0.png","5"\n"cat/1.png","0"\n"dog/2.png","5"\n'),
        ("l.json", json.dumps({"cat/0.png": 5, "cat/1.png": 0, "dog/2.png": 5})),
        ("l.json", json.dumps([["cat/0.png", 5], ["cat/1.png", 0], ["dog/2.png", 5]])),
        ("l.json", json.dumps({"labels": {"cat/0.png": 5, "cat/1.png": 0, "dog/2.png": 5}})),
    ],
)
def test_labels_come_from_a_file_of_any_usual_form(pets, name, content):
    assert read_beside(pets, name, content) == PLAIN


def test_a_cell_in_quotes_may_have_several_lines(pets):
    rows = 'name,label,text\ncat/0.png,5,"a\nb"\n\ncat/1.png,0,c\ndog/2.png,5,d\n'
    assert read_beside(pets, "l.csv", rows)[0] == ("5", {"text": "a\nb"})


def test_a_line_of_json_may_hold_any_separator(pets):
    line = json.dumps(
        {"file_name": "cat/0.png", "label": 5, "text": "a\u2028b"}, ensure_ascii=False
    )
    assert read_beside(pets, "l.jsonl", line)[0] == ("5", {"text": "a\u2028b"})


def test_a_name_that_could_mean_two_lines_gets_the_attributes_of_neither(pets):
    rows = "name,hair,hat\na/0.png,red,1\nb/0.png,blue,1\nb/1.png,red,0\n"
    assert [attributes for _, attributes in read_beside(pets, "l.csv", rows)] == [{}, {}, {}]


def test_images_without_a_number_are_counted_by_column(pets):
    table = "name,a,b\ncat/0.png,1,2\ncat/1.png,nan,2\ndog/2.png,1e39,3\n"
    (pets.parent / "l.csv").write_text(table)
    with closing(labelled(open_source(pets), read_labels(pets.parent / "l.csv"))) as source:
        [remark] = numbered(source, ["a", "b"]).remarks()
    assert remark == "a: empty, NaN or infinite for 2 of 3 images, such as cat/1.png"


@pytest.mark.parametrize("end", ["", "\n", "\n\n"])
def test_blank_lines_name_no_image(pets, end):
    lines = "\n\n".join(json.dumps({"file_name": name, "label": 1}) for name in NAMES)
    (pets.parent / "l.jsonl").write_text(lines + end)
    assert list(read_labels(pets.parent / "l.jsonl").attributes) == NAMES


def test_the_list_of_celeba_is_read_as_it_is(pets):
    rows = "3\nSmiling Wearing_Hat \n" + "".join(f"{name}  1 -1\n" for name in NAMES)
    assert read_beside(pets, "l.txt", rows)[0] == ("cat", {"Smiling": "1", "Wearing_Hat": "-1"})


def test_among_numbers_nan_and_infinity_are_no_classes(pets):
    rows = "name,age\ncat/0.png,1.5\ncat/1.png,NaN\ndog/2.png,-inf\n"
    assert [label for label, _ in read_beside(pets, "l.csv", rows)] == [(1.5,), None, None]
    words = "name,label\ncat/0.png,nan\ncat/1.png,nan\ndog/2.png,inf\n"
    assert [label for label, _ in read_beside(pets, "l.csv", words)] == ["nan", "nan", "inf"]


def test_titles_keep_their_case(pets):
    rows = "File,Label,Hair\ncat/0.png,a,red\ncat/1.png,b,blue\ndog/2.png,a,red\n"
    assert read_beside(pets, "l.csv", rows)[0] == ("a", {"Hair": "red"})


def test_further_columns_are_attributes(pets):
    rows = "name,hair,label\ncat/0.png,red,a\ncat/1.png,blue,b\ndog/2.png,red,a\n"
    assert read_beside(pets, "l.csv", rows) == [
        ("a", {"hair": "red"}),
        ("b", {"hair": "blue"}),
        ("a", {"hair": "red"}),
    ]


def test_columns_without_a_label_leave_the_classes_of_sub_folders(pets):
    rows = "name,hair,hat\ncat/0.png,red,0\ncat/1.png,blue,1\ndog/2.png,red,1\n"
    assert read_beside(pets, "l.csv", rows)[2] == ("dog", {"hair": "red", "hat": "1"})


@pytest.mark.parametrize(
    ("name", "content", "words"),
    [
        ("l.csv", "", "holds no labels"),
        ("l.csv", "cat/0.png\n", "write NAME,LABEL a line"),
        ("l.csv", "cat/0.png,1\n\ncat/1.png\n", "of cat/1.png has 1, the first 2"),
        ("l.csv", "cat/0.png,1,2\ncat/1.png,3,4\n", "columns without titles"),
        ("l.csv", "a\xe9".encode("latin-1"), "UTF-8"),
        ("l.csv", b"cat/0.png,a\0\n", "UTF-8"),
        ("l.xlsx", b"PK\x03\x04\xff", "a spreadsheet as CSV"),
        ("l.csv", "cat/0.png,1\ncat/1.png,1,2\n", "of cat/1.png has 3, the first 2"),
        ("l.csv", "name,label\n", "holds no labels"),
        ("l.csv", "name,age,age\ncat/0.png,1,2\n", "two columns 'age'; rename"),
        ("l.jsonl", "\n", "holds no labels"),
        ("l.csv", '"cat/0.png,1\ncat/1.png,2\n', "columns: 1"),
        ("l.json", '{"labels": null}', "holds no labels"),
        ("l.jsonl", '{"file_name": "a.png"}\nx\n', "line 2: "),
        ("l.jsonl", '["file_name"]', "line 1: a line without file_name"),
        ("l.json", "{", "not a usable list of labels"),
        ("l.json", "5", "is a list of lines such as"),
        ("l.json", '{"labels": [["a.png"]]}', r'such as \["cat/0.png", 0\]; found \["a.png"\]'),
        ("l.json", "[" * 100_000, "not a usable list"),
    ],
)
def test_files_of_no_such_form_are_refused_in_words(pets, name, content, words):
    with pytest.raises(DataError, match=words):
        read_beside(pets, name, content)


def test_a_list_that_is_not_there_is_an_error(tmp_path):
    with pytest.raises(DataError, match="no such file"):
        read_labels(tmp_path / "no.csv")
