from contextlib import closing
from pathlib import Path

import numpy as np
import pytest

from stylegan_cli.data.dataset import open_dataset
from stylegan_cli.data.samples import drawn, drawn_path
from stylegan_cli.data.sources import open_source
from stylegan_cli.errors import UsageError


@pytest.fixture(autouse=True)
def cache(tmp_path, monkeypatch):
    monkeypatch.setenv("SGTOOL_CACHE", str(tmp_path))


def kept(kind, **options):
    return Path(drawn_path(f"sample:{kind}", **options))


def test_portrait_i_depends_on_seed_and_i_only():
    few, many = (list(drawn("portraits", count, resolution=8).entries()) for count in (3, 5))
    assert many[:3] == few
    other = list(drawn("portraits", 3, resolution=8, seed=1).entries())
    assert other != few


def test_attributes_are_stored_for_every_portrait():
    path = kept("portraits", resolution=16, count=12)
    source = drawn("portraits", 12, resolution=16)
    with closing(open_source(path)) as stored:
        attributes = [entry.attributes for entry in stored.entries()]
        assert stored.prepared["sources"][0]["prepared"]["licence"] == "CC BY 4.0"
        assert stored.prepared["sources"][0]["prepared"]["author"] == "Johan Melin"
    assert attributes == [entry.attributes for entry in source.entries()]
    assert {"hair", "hair_color", "beard", "skin_color"} <= set(attributes[0])


def test_a_sample_is_drawn_once(tmp_path):
    path = kept("portraits", resolution=8, count=3)
    assert list(tmp_path.iterdir()) == [path]
    before = path.stat().st_mtime_ns
    assert kept("portraits", resolution=8, count=3) == path
    assert path.stat().st_mtime_ns == before


def test_a_sample_in_another_style_is_another_file():
    path = kept("portraits/personas", resolution=8, count=3)
    assert path.name == "portraits-personas-8px-3ch-3-0.zip"
    assert kept("portraits", resolution=8, count=3) != path
    with pytest.raises(UsageError, match="did you mean personas"):
        kept("portraits/personnas", resolution=8)


def test_portraits_are_pictures():
    path = kept("portraits", resolution=32, count=4)
    with closing(open_dataset(path, resolution=32)) as dataset:
        pictures = np.stack([dataset.read(n)[0] for n in range(4)])
    assert (pictures[:, 0, 0] == 255).all()
    assert (pictures.std((1, 2, 3)) > 30).all()


def test_an_unknown_style_is_refused_with_the_known_ones():
    with pytest.raises(UsageError, match=r"it has .*avataaars, "):
        drawn("portraits", 1, resolution=8, style="zzz")


def test_an_unknown_kind_is_refused_with_the_known_ones():
    with pytest.raises(UsageError, match="portraits"):
        kept("landscapes", resolution=8)
