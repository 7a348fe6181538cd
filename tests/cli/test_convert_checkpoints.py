import json

import pytest
import torch
from safetensors.torch import load_file

from tests.commands import sgtool
from tests.tiny import write_network


@pytest.fixture(scope="module")
def there_and_back(tmp_path_factory):
    folder = tmp_path_factory.mktemp("checkpoints")
    ours = write_network(folder / "ours.safetensors")
    written = sgtool("convert", ours, folder / "theirs.pt", "--json")
    read = sgtool("convert", folder / "theirs.pt", folder / "back.safetensors")
    assert (written.exit_code, read.exit_code) == (0, 0), written.stderr + read.stderr
    return folder, json.loads(written.stdout), read


def test_a_network_there_and_back_has_the_same_tensors(there_and_back):
    folder, _, _ = there_and_back
    ours, back = (load_file(folder / f"{name}.safetensors") for name in ("ours", "back"))
    assert ours.keys() == back.keys()
    assert all(torch.equal(ours[name], back[name]) for name in ours)


def test_the_report_tells_where_each_tensor_came_from(there_and_back):
    _, report, _ = there_and_back
    const = report["tensors"]["g_ema.input.input"]
    assert const == {"from": "g_ema.synthesis.b4.const", "shape": [1, 16, 4, 4]}
    assert report["licence"] == "made up"
    assert report["unused"] == []


def test_the_licence_is_told_and_standard_output_is_the_path(there_and_back):
    folder, _, read = there_and_back
    assert read.stdout == f"{folder / 'back.safetensors'}\n"
    assert "licence: made up" in read.stderr


def test_info_tells_what_is_in_a_checkpoint(there_and_back):
    folder, _, _ = there_and_back
    facts = json.loads(sgtool("info", folder / "theirs.pt", "--json").stdout)
    assert facts["format"] == "rosinality-stylegan2"
    assert (facts["resolution"], facts["z_dim"], facts["has_discriminator"]) == (16, 8, True)


def test_what_rosinality_lacks_is_a_wrong_call(tmp_path):
    grey = write_network(tmp_path / "grey.safetensors", channels=1)
    done = sgtool("convert", grey, tmp_path / "grey.pt")
    assert done.exit_code == 2
    assert "channels is 1, and rosinality's StyleGAN2 supports only 3" in done.stderr
    assert not (tmp_path / "grey.pt").exists()
