import io
from collections import defaultdict
from contextlib import closing
from functools import cache

import numpy as np
import pytest
from PIL import Image, ImageOps

from stylegan_cli.data.account import labelling
from stylegan_cli.data.decoding import decoded, reasons
from stylegan_cli.data.formats import UnusableImageError
from stylegan_cli.data.pictures import Target, flatten
from stylegan_cli.data.prepare import Preparation, account, prepare
from stylegan_cli.data.sources import open_source
from tests.data.forms import forms
from tests.data.pictures import blocks, encoded, folder_of

UNREAD = {"EPS", "PALM", "PDF"}


@cache
def forms_by_kind():
    found = defaultdict(list)
    for form in forms():
        found[form.kind].append(form)
    return found


def read(form):
    """Our reading in RGB on white, from bands as all work on images is."""
    with reasons(), decoded(io.BytesIO(form.content), form.name) as image:
        levels = (0.0, 1.0) if image.mode == "F" else None
        parts = [np.asarray(flatten(band, 3, "white", levels)) for band in image.bands()]
    return np.concatenate(parts).astype(int)


def pillows_reading(content):
    image = Image.open(io.BytesIO(content))
    image.load()
    image = ImageOps.exif_transpose(image)
    if image.mode[0] in "IF":
        values = np.asarray(image).astype(float)
        scaled = np.rint(values * 255 / (1 if image.mode == "F" else 65_535)).clip(0, 255)
        image = Image.fromarray(scaled.astype(np.uint8))
    white = Image.new("RGBA", image.size, "white")
    return np.asarray(Image.alpha_composite(white, image.convert("RGBA")).convert("RGB")).astype(
        int
    )


@pytest.mark.parametrize("kind", sorted(set(Image.SAVE) - UNREAD))
def test_every_form_pillow_writes_is_read_as_pillow_reads_it(kind):
    for form in forms_by_kind()[kind]:
        try:
            expected = pillows_reading(form.content)
        except Exception:  # what Pillow cannot read back must be named
            with pytest.raises(UnusableImageError):
                read(form)
            continue
        np.testing.assert_allclose(read(form), expected, atol=1, err_msg=form.name)


@pytest.mark.parametrize("kind", sorted(UNREAD))
def test_forms_that_are_not_read_have_a_reason(kind):
    for form in forms_by_kind()[kind]:
        with pytest.raises(UnusableImageError, match=r"not read|format that is read"):
            read(form)


def test_no_form_is_lost_in_silence(tmp_path):
    files = {form.name: form.content for found in forms_by_kind().values() for form in found}
    root = folder_of(tmp_path / "forms", files)
    target = Target(resolution=8)
    with closing(open_source(root)) as source:
        for _ in prepare([source], Preparation(destination=tmp_path / "x.zip", target=target)):
            pass
        with closing(open_source(tmp_path / "x.zip")) as made:
            found = account([source], made)
    left_out = sum(group.count for group in found.left_out.values())
    passed = sum(group.count for group in found.passed.values())
    assert found.taken + left_out + passed == len(files)
    assert found.taken > 450 and passed == 0
    known = ("not read here", "no agreed range", "not an image", "damaged")
    assert all(any(words in reason for words in known) for reason in found.left_out)


def problems(folder):
    with closing(open_source(folder)) as source:
        passed = source.tally().passed
        return {entry.name: entry.problem for entry in source.entries()}, passed


def test_a_picture_is_known_by_its_bytes_where_its_name_says_nothing(tmp_path):
    png = encoded(blocks(0, 8, 8))
    folder_of(tmp_path, {"a": png, "b.jpg_large": png, "c.dat": b"text", "d.png.part": png})
    found, passed = problems(tmp_path)
    assert found == {"a": None, "b.jpg_large": None, "d.png.part": None}
    assert [(reason, group.example) for reason, group in passed.items()] == [
        ("not images (.dat)", "c.dat")
    ]


@pytest.mark.parametrize(
    ("name", "words"),
    [
        ("IMG_1.HEIC", "HEIC is not read here; save it as PNG or JPEG"),
        ("a.jxl", "JPEG XL is not read"),
        ("a.cr2", "a camera's raw file is not read"),
        ("a.mp4", "a video is not read here; export its frames"),
        ("a.svg", "SVG is not read"),
        ("a.eps", "EPS is not read"),
    ],
)
def test_pictures_of_other_kinds_are_left_out_by_name(tmp_path, name, words):
    found, _ = problems(folder_of(tmp_path, {name: b"content"}))
    assert words in found[name]


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (b"\0\0\0\x18ftypheic" + bytes(40), "HEIC is not read"),
        (b"<!DOCTYPE html><html>", "a web page"),
        (b"version https://git-lfs.github.com/spec/v1\n", "git lfs pull"),
        (b"%PDF-1.7", "PDF is not read"),
    ],
)
def test_content_of_other_kinds_is_named_whatever_the_suffix(content, words):
    with pytest.raises(UnusableImageError, match=words), decoded(io.BytesIO(content), "a.jpg"):
        pass


def test_hidden_files_and_others_are_counted_apart(tmp_path):
    folder_of(tmp_path, {".DS_Store": b"", "a.txt": b"", "b.txt": b"", "c.png": blocks(0, 8, 8)})
    _, passed = problems(tmp_path)
    assert {reason: group.count for reason, group in passed.items()} == {
        "hidden": 1,
        "not images (.txt)": 2,
    }


def test_further_frames_are_noticed():
    frames = [Image.new("RGB", (8, 8), colour) for colour in ("red", "blue")]
    for kind in ("gif", "webp", "png", "tiff", "avif"):
        many = encoded(frames[0], kind, save_all=True, append_images=frames[1:])
        for content, animated in ((many, True), (encoded(frames[0], kind), False)):
            with decoded(io.BytesIO(content), f"a.{kind}") as image:
                assert image.frames is animated, kind
                assert np.asarray(image.whole().convert("RGB"))[0, 0, 0] > 200


def test_an_empty_source_has_nothing_to_say(tmp_path):
    with closing(open_source(tmp_path)) as source:
        assert labelling([source]).images == 0
