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
    assert path.name == "portraits-personas-grain0.07-8px-3ch-3-0.zip"
    assert kept("portraits", resolution=8, count=3) != path
    with pytest.raises(UsageError, match="did you mean personas"):
        kept("portraits/personnas", resolution=8)


def test_portraits_are_pictures():
    path = kept("portraits", resolution=32, count=4)
    with closing(open_dataset(path, resolution=32)) as dataset:
        pictures = np.stack([dataset.read(n)[0] for n in range(4)])
    assert (pictures[:, 0, 0] == 255).all()
    assert (pictures.std((1, 2, 3)) > 30).all()


def pixels(**options):
    source = drawn("portraits", 2, resolution=64, **options)
    for entry in source.entries():
        with source.open(entry) as portrait:
            yield np.asarray(portrait.whole().convert("RGB")).astype(float)


def test_grain_varies_the_density_of_the_paint_only():
    for flat, grained in zip(pixels(grain=0.0), pixels(grain=0.05), strict=True):
        assert (grained[flat == 255] == 255).all()
        paint = (flat > 100) & (flat < 200)
        density = (255 - grained[paint]) / (255 - flat[paint])
        assert density.mean() == pytest.approx(1.0, abs=0.01)
        assert density.std() == pytest.approx(0.05, abs=0.01)


def test_every_portrait_has_a_grain_of_its_own():
    (a, b), (flat_a, flat_b) = pixels(), pixels(grain=0.0)
    paint = (np.maximum(flat_a, flat_b) < 200) & (np.minimum(flat_a, flat_b) > 100)
    first, second = ((255 - x)[paint] / (255 - y)[paint] for x, y in ((a, flat_a), (b, flat_b)))
    assert abs(np.corrcoef(first, second)[0, 1]) < 0.2
    np.testing.assert_array_equal(a, next(pixels()))


@pytest.mark.parametrize("grain", [-0.1, 1.5, float("nan")])
def test_a_grain_that_is_no_share_is_refused(grain):
    with pytest.raises(UsageError, match="from 0"):
        drawn("portraits", 1, resolution=8, grain=grain)


def test_an_unknown_style_is_refused_with_the_known_ones():
    with pytest.raises(UsageError, match=r"it has .*avataaars, "):
        drawn("portraits", 1, resolution=8, style="zzz")


def test_an_unknown_kind_is_refused_with_the_known_ones():
    with pytest.raises(UsageError, match="portraits"):
        kept("landscapes", resolution=8)
