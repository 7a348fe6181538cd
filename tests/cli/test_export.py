import json
from zipfile import ZipFile

import numpy as np
import pytest
import torch
from typer.testing import CliRunner

from stylegan_cli.cli.app import app
from stylegan_cli.networks.snapshot import load_network
from tests.interop.export.networks import recipe, shapes_unchecked
from tests.networks.vectors import FOLDER, Vectors
from tests.tiny import write_untrained


def sgtool(*words):
    with shapes_unchecked():
        return CliRunner().invoke(app, [str(word) for word in words])


@pytest.fixture(scope="module")
def run(tmp_path_factory):
    folder = tmp_path_factory.mktemp("run")
    write_untrained(folder / "network-000012.safetensors", recipe("progan"))
    return folder


@pytest.fixture(scope="module")
def converted(run, tmp_path_factory):
    path = tmp_path_factory.mktemp("converted") / "faces.pt2"
    return path, sgtool("convert", run, path, "--json")


def test_a_run_becomes_a_program_that_needs_no_sgtool(run, converted):
    path, done = converted
    told = {"metadata.json": ""}
    program = torch.export.load(path, extra_files=told).module()
    network = load_network(run / "network-000012.safetensors")
    z = torch.randn(4, network.G.z_dim, generator=torch.Generator().manual_seed(1))
    with torch.no_grad():
        images, _ = program(z=z)
        w = network.G.mapping(z, z.new_zeros(4, 0))
        expected = network.G.synthesis(w[:, None], "const")
    assert done.exit_code == 0, done.stderr
    assert (images - expected).abs().max() < 1e-4
    assert json.loads(told["metadata.json"])["network_sha256"] == network.sha256


def test_the_difference_is_told(converted):
    path, done = converted
    (file,) = json.loads(done.stdout)["files"]
    assert file["path"] == str(path)
    assert file["deviations"]["images"]["relative"] < 1e-5
    assert file["grey_levels"] < 0.01
    assert "of 255 grey levels" in done.stderr
    assert "licence: made up" in done.stderr


def test_a_file_that_is_not_right_is_not_left(tmp_path):
    path = write_untrained(tmp_path / "network-000012.safetensors", recipe("progan"))
    content = path.read_bytes()
    path.write_bytes(content[:-4] + np.float32("nan").tobytes())
    done = sgtool("convert", path, tmp_path / "faces.pt2")
    assert done.exit_code == 1
    assert "faces.pt2: its images differ from those of PyTorch by nan" in done.stderr
    assert list(tmp_path.iterdir()) == [path]


def test_the_same_export_again_is_done_already(run, converted):
    path, _ = converted
    before = path.stat().st_mtime_ns
    again = sgtool("convert", run, path, "--json")
    assert again.exit_code == 0, again.stderr
    assert "exists already, converted from the same network" in again.stderr
    assert json.loads(again.stdout)["files"][0]["path"] == str(path)
    assert path.stat().st_mtime_ns == before


def test_a_file_tells_no_path_of_the_machine_that_wrote_it(converted):
    path, _ = converted
    with ZipFile(path) as parts:
        assert b"generator.py" not in b"".join(map(parts.read, parts.namelist()))


def test_no_file_is_replaced_unasked(run, tmp_path):
    (tmp_path / "faces-synthesis.onnx").touch()
    done = sgtool("convert", run, tmp_path / "faces.onnx", "--halves")
    assert done.exit_code == 1
    assert "faces-synthesis.onnx: exists already; add --overwrite" in done.stderr


@pytest.mark.parametrize("flag", ["--halves", "--noise-mode=const"])
def test_flags_of_these_formats_are_refused_for_others(flag, tmp_path):
    done = sgtool("convert", "net.pkl", tmp_path / "net.safetensors", flag)
    assert done.exit_code == 2
    assert f"{flag.split('=')[0]}: only for .onnx and .pt2" in done.stderr


@pytest.mark.slow
def test_a_pickle_of_the_originals_becomes_onnx(tmp_path):
    onnxruntime = pytest.importorskip("onnxruntime", reason="needs stylegan_cli[export]")
    path = tmp_path / "net.onnx"
    done = sgtool("convert", FOLDER / "sg2_g_cond_32_ada.pkl", path)
    assert done.exit_code == 0, done.stderr
    vectors = Vectors("sg2_g_cond_32")
    z, c, expected = (vectors[name].numpy() for name in ("z", "c", "img_const"))
    psi = np.ones(1, np.float32)
    (images,) = onnxruntime.InferenceSession(path).run(["images"], {"z": z, "c": c, "psi": psi})
    assert np.abs(images - expected).max() < 1e-3
