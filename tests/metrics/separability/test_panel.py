import numpy as np
import pytest

from stylegan_cli.data.labels import Column
from stylegan_cli.errors import DataError, UsageError
from stylegan_cli.metrics.separability.panel import (
    attributes_of_columns,
    attributes_of_csv,
    choose_attributes,
)

IMAGES = ("00000/img00000000.png", "00000/img00000001.png", "00000/img00000002.png")


def column(*words):
    values = tuple(sorted(set(words)))
    return Column(values=values, index=[values.index(word) for word in words])


def has(attributes):
    return {
        name: attributes.has[:, i].astype(int).tolist() for i, name in enumerate(attributes.names)
    }


def table(folder, text):
    path = folder / "attributes.csv"
    path.write_text(text, encoding="utf-8")
    return path


@pytest.mark.parametrize("words", [("1", "-1", "1"), ("yes", "no", "yes"), ("True", "False", "1")])
def test_a_column_of_yes_and_no_is_one_attribute(words):
    assert has(attributes_of_columns({"hat": column(*words)})) == {"hat": [1, 0, 1]}


def test_a_column_of_two_words_is_one_attribute():
    assert has(attributes_of_columns({"class": column("cat", "dog", "dog")})) == {
        "class=dog": [0, 1, 1]
    }
    assert has(attributes_of_columns({"hat": column("none", "cap")})) == {"hat": [0, 1]}


def test_a_column_of_words_is_an_attribute_for_each():
    found = attributes_of_columns({"hair": column("bun", "spiky", "bun", "short")})
    assert has(found) == {
        "hair=bun": [1, 0, 1, 0],
        "hair=short": [0, 0, 0, 1],
        "hair=spiky": [0, 1, 0, 0],
    }


def test_none_among_words_makes_an_attribute_of_having_any():
    found = attributes_of_columns({"beard": column("none", "full", "chin")})
    assert has(found) == {"beard": [0, 1, 1], "beard=chin": [0, 0, 1], "beard=full": [0, 1, 0]}


def test_what_all_or_almost_all_images_have_is_left_out_and_named():
    rare = column(*["1"] + ["0"] * 199)
    all_alike = column(*["1"] * 200)
    half = column(*["1", "0"] * 100)
    found = attributes_of_columns({"half": half, "rare": rare, "all": all_alike})
    assert (found.names, found.flat) == (("half",), ("rare", "all"))
    with pytest.raises(UsageError, match="`only=all`: over 99 % of the images have it"):
        choose_attributes(found, "all")


def test_no_attributes_at_all_end_in_words():
    with pytest.raises(DataError, match="neither labels nor attribute columns"):
        attributes_of_columns({})
    with pytest.raises(DataError, match="no attribute varies"):
        attributes_of_columns({"hat": column("1", "1")})


def test_a_columns_name_chooses_all_its_values():
    found = attributes_of_columns({"hair": column("bun", "spiky", "short"), "hat": column(*"101")})
    assert choose_attributes(found, "hat,hair").names == (
        "hat",
        "hair=bun",
        "hair=short",
        "hair=spiky",
    )
    assert has(choose_attributes(found, "hair=bun")) == {"hair=bun": [1, 0, 0]}
    with pytest.raises(UsageError, match="`only=nose`: no such attribute; there is hair=bun"):
        choose_attributes(found, "nose")


def test_a_table_describes_the_images_it_names(tmp_path):
    path = table(
        tmp_path, "image,Male,Hair\nimg00000002.png,1,short\n00000/img00000000.png,-1,bun\n"
    )
    found = attributes_of_csv(path, IMAGES)
    assert found.images.tolist() == [0, 2]
    assert has(found) == {"Male": [0, 1], "Hair=short": [0, 1]}


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("", "empty; a line of headings"),
        ("image\nx\n", "line 1 has 1 columns"),
        ("image,a\nimg00000000.png,1,2\n", "line 2 has 3 columns; wanted .* 2 columns as above"),
        ("image,a\ncat.png,1\n", "names none of the 3 images; the first column holds 'cat.png'"),
        ("image,a\n", "the first column holds 'nothing'"),
    ],
)
def test_a_table_that_cannot_be_used_ends_in_words(tmp_path, text, words):
    with pytest.raises(DataError, match=words):
        attributes_of_csv(table(tmp_path, text), IMAGES)


def test_a_table_that_is_missing_or_no_text_ends_in_words(tmp_path):
    with pytest.raises(DataError, match="there is no such file"):
        attributes_of_csv(tmp_path / "missing.csv", IMAGES)
    (tmp_path / "binary.csv").write_bytes(b"\x89PNG\xff\x00\x81")
    with pytest.raises(DataError, match="not a text table"):
        attributes_of_csv(tmp_path / "binary.csv", IMAGES)


def test_a_data_set_tells_its_columns(image_folder, dataset):
    columns = dataset.columns()
    assert columns["class"].values == ("a", "b")
    assert np.bincount(columns["class"].index).tolist() == [6, 6]
    assert dataset.names[0] == "a/00.png"
