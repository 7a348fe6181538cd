import sys
from pathlib import Path

import numpy as np
import pytest
import torch

from stylegan_cli import api
from stylegan_cli.errors import ExportError, UsageError
from stylegan_cli.interop.export_parts import deviations, parts_of
from tests.interop.export.networks import KINDS, opened, recipe

EXTRA = ("onnx", "onnxscript", "onnxruntime")


def needs_extra(suffix):
    if suffix == ".onnx":
        for name in EXTRA:
            pytest.importorskip(name, reason="needs pip install '.[export]'")


@pytest.fixture(scope="module")
def progan(tmp_path_factory):
    return opened(tmp_path_factory.mktemp("progan"), recipe("progan"))


def test_a_difference_of_one_image_is_seen(progan):
    part = parts_of(progan.G, "const", halves=True)[1]

    def run(inputs):
        with torch.no_grad():
            images = part.module(torch.from_numpy(inputs["ws"])).numpy()
        images[-1, 0, 0, 0] += 0.5
        return {"images": images}

    found = deviations(run, progan.G, part, "const")["images"]
    assert found.largest == pytest.approx(0.5)
    assert found.grey_levels == pytest.approx(63.75)


@pytest.mark.parametrize("count", [1, 3])
def test_images_that_are_not_numbers_are_seen_in_any_comparison(count, progan):
    part = parts_of(progan.G, "const", halves=True)[1]

    def run(inputs):
        with torch.no_grad():
            images = part.module(torch.from_numpy(inputs["ws"])).numpy()
        return {"images": np.full_like(images, np.nan) if len(images) == count else images}

    assert np.isnan(deviations(run, progan.G, part, "const")["images"].relative)


@pytest.mark.parametrize("missing", EXTRA)
def test_a_missing_package_is_told_in_words(missing, progan, tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, missing, None)
    with pytest.raises(ExportError, match=r"pip install '.\[export\]'"):
        api.export_network(progan, tmp_path / "faces.onnx")


def test_another_format_is_refused(progan, tmp_path):
    with pytest.raises(UsageError, match=r"faces\.onx: unknown format"):
        api.export_network(progan, tmp_path / "faces.onx")


def test_noise_that_a_network_does_not_have_is_refused(progan, tmp_path):
    with pytest.raises(UsageError, match="no noise inputs"):
        api.export_network(progan, tmp_path / "faces.pt2", noise_mode="none")


def test_halves_are_named_after_what_they_do():
    paths = api.export_paths(Path("runs/faces.onnx"), halves=True)
    assert paths == [Path("runs/faces-mapping.onnx"), Path("runs/faces-synthesis.onnx")]


@pytest.mark.slow
@pytest.mark.parametrize("suffix", [".onnx", ".pt2"])
@pytest.mark.parametrize("kind", KINDS)
def test_every_family_is_exported(kind, suffix, tmp_path):
    needs_extra(suffix)
    network = opened(tmp_path, recipe(kind, channels=1), classes=("cat", "dog", "owl"))
    (file,) = api.export_network(network, tmp_path / f"pets{suffix}")
    assert file.deviations["images"].relative < 1e-5
    assert [port.name for port in file.inputs] == ["z", "c", *(["psi"] if kind != "progan" else [])]


@pytest.mark.slow
@pytest.mark.parametrize("suffix", [".onnx", ".pt2"])
def test_a_network_still_growing_is_exported_at_full_size(suffix, tmp_path):
    needs_extra(suffix)
    network = opened(tmp_path, recipe("stylegan1", resolution=16))
    network.G.lod = 1.5
    (file,) = api.export_network(network, tmp_path / f"faces{suffix}")
    assert file.outputs[0].shape == ("n", 3, 16, 16)


@pytest.mark.slow
@pytest.mark.parametrize("noise_mode", ["const", "none"])
def test_halves_together_are_the_whole(noise_mode, tmp_path):
    network = opened(tmp_path, recipe("skip"))
    files = api.export_network(network, tmp_path / "a.pt2", noise_mode=noise_mode, halves=True)
    mapping, synthesis = (torch.export.load(file.path).module() for file in files)
    codes = api.grid(network, [3], api.Sampling(psi=0.5, noise_mode=noise_mode))
    (cell,) = api.render(network.G, codes)
    z = torch.from_numpy(np.random.RandomState(3).randn(1, 8)).float()
    with torch.no_grad():
        (image,) = synthesis(ws=mapping(z=z, psi=torch.tensor([0.5])))
    pixels = (image * 127.5 + 128).clamp(0, 255).byte().permute(1, 2, 0).numpy()
    assert np.abs(pixels.astype(int) - cell.pixels).max() <= 1
