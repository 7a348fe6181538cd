"""Tar files packed by gzip."""

import gzip
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing

import numpy as np
import pytest
from PIL import Image

from stylegan_cli.data.sources import open_source
from stylegan_cli.errors import DataError
from tests.data.packed_forms import PNGS, tar_of
from tests.data.pictures import encoded


@pytest.fixture
def gzipped(tmp_path):
    """A gzipped tar of random images with labels, about 1 MiB of it, and what it holds."""
    images = np.random.RandomState(0).randint(0, 256, (30, 100, 100, 3), np.uint8)
    files = {}
    for i, image in enumerate(images):
        files |= {f"{i:02d}.png": encoded(Image.fromarray(image)), f"{i:02d}.cls": b"%d" % (i % 3)}
    return tar_of(tmp_path / "x.tar.gz", files, mode="w:gz"), list(files.values())[::2]


def test_a_gzipped_tar_gives_its_images_in_any_order(gzipped, monkeypatch):
    monkeypatch.setattr("stylegan_cli.data.gzipped.SPACING", 2**16)
    path, images = gzipped
    with closing(open_source(path)) as source:
        entries = list(source.entries())
        assert [entry.label for entry in entries] == ["0", "1", "2"] * 10
        for i in np.random.RandomState(0).permutation(30):
            assert source.content(entries[i]) == images[i]
        with ThreadPoolExecutor(8) as pool:
            assert list(pool.map(source.content, entries * 3)) == images * 3


def test_gzip_files_may_follow_one_another_and_be_padded(gzipped):
    path, images = gzipped
    content = gzip.decompress(path.read_bytes())
    parts = [content[i : i + 100_000] for i in range(0, len(content), 100_000)]
    path.write_bytes(b"".join(map(gzip.compress, parts)) + bytes(700))
    with closing(open_source(path)) as source:
        assert [source.content(entry) for entry in source.entries()] == images


def test_gzipped_shards_are_known_by_their_numbers_their_folder_and_their_bytes(tmp_path):
    for name in ("a-0.tgz", "a-1.tgz"):
        tar_of(tmp_path / name, {"a.png": PNGS[0]}, mode="w:gz")
    for path in (tmp_path, tmp_path / "a-{0..1}.tgz"):
        with closing(open_source(path)) as source:
            assert [entry.name for entry in source.entries()] == ["a-0/a.png", "a-1/a.png"]
    (tmp_path / "a-0.tgz").rename(tmp_path / "a.tar")
    with closing(open_source(tmp_path / "a.tar")) as source:
        assert source.tally().images == 1


def test_a_gzipped_tar_cut_off_or_damaged_anywhere_ends_in_words(gzipped):
    path, _ = gzipped
    whole = path.read_bytes()
    for end in (1, 10, 5000, len(whole) - 4):
        path.write_bytes(whole[:end])
        with pytest.raises(DataError, match=r"x\.tar\.gz: .*fetch it again"):
            open_source(path)
    path.write_bytes(whole[:-5] + bytes([whole[-5] ^ 1]) + whole[-4:])
    with pytest.raises(DataError, match="damaged or cut off"):
        open_source(path)


def test_a_bomb_in_gzip_is_refused_without_memory(tmp_path):
    (tmp_path / "x.tgz").write_bytes(gzip.compress(bytes(2**26)))
    with pytest.raises(DataError, match="would unpack to more than 16 MiB"):
        open_source(tmp_path / "x.tgz")


def test_tars_packed_otherwise_or_far_away_are_told_what_to_do(tmp_path):
    (tmp_path / "x.tar.zst").write_bytes(b"(\xb5/\xfd")
    with pytest.raises(DataError, match=r"unpack other archives first, such as \.tar\.zst"):
        open_source(tmp_path / "x.tar.zst")
    tar_of(tmp_path / "x.tar", {"a.png": PNGS[0]}, mode="w:xz")
    with pytest.raises(DataError, match=r"packed or not a tar .*unpack it"):
        open_source(tmp_path / "x.tar")
