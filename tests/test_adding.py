"""A family and a study from outside: no module of the package is edited, and commands run them.

A metric from outside is in tests/metrics/test_registry.py.
"""

import ast
from dataclasses import replace
from pathlib import Path

import h5py
import pytest
import torch
from torch import nn

from stylegan_cli.cli.app import app
from stylegan_cli.cli.options import SeedsFlag, StudyFlags, with_flags
from stylegan_cli.cli.study import run_study
from stylegan_cli.latents.codes import join_codes
from stylegan_cli.latents.lookup import codes_of_picks
from stylegan_cli.latents.references import parse_picks
from stylegan_cli.networks import family as registry
from stylegan_cli.networks.family import Family, register
from stylegan_cli.networks.generator import Synthesis
from stylegan_cli.recipe import families
from stylegan_cli.recipe.families import FamilyKeys
from stylegan_cli.rendering.plan import Plan, Tables
from tests.commands import sgtool

PACKAGE = Path(__file__).parents[1] / "stylegan_cli"
TOY = """
title = "toy"
generator = {family = "toy", z_dim = 8, w_dim = 8}
discriminator = {channel_base = 64, channel_max = 8}
data = {resolution = 8}
train = {batch_size = 4, total_kimg = 0.008, ema_kimg = 0.1}
loss = {r1_interval = 2, pl_interval = 2}
report = {tick_kimg = 0.004, snapshot_ticks = 1, state_ticks = 1}
"""


class TwoLayers(Synthesis):
    """The sum of two pictures, each a linear function of its code."""

    num_ws = 2
    noise_sizes = ()
    layer_levels = (4, 64)

    def __init__(self, w_dim: int, side: int) -> None:
        super().__init__()
        self.coarse, self.fine = (nn.Linear(w_dim, 3 * side * side) for _ in range(2))
        self.side = side

    def forward(self, ws, noise):
        image = torch.tanh(self.coarse(ws[:, 0]) + self.fine(ws[:, 1]))
        return image.reshape(-1, 3, self.side, self.side)


@pytest.fixture
def toy(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(registry, "_FAMILIES", dict(registry._FAMILIES))
    monkeypatch.setattr(families, "_FAMILIES", dict(families._FAMILIES))
    register(
        Family(
            name="toy",
            keys=FamilyKeys(
                defaults={"generator.mapping_layers": 1, "generator.noise": False},
                fixed={"generator.noise": False},
            ),
            synthesis=lambda blueprint: TwoLayers(
                blueprint.w_dim, blueprint.recipe.data.resolution
            ),
        )
    )
    (tmp_path / "toy.toml").write_text(TOY)


def test_a_family_from_outside_is_trained_drawn_and_mixed(toy, image_folder):
    for words in (
        ("train", "toy.toml", "--data", image_folder, "-o", "run"),
        ("grid", "--network", "run", "--seeds", "0-3", "--psi", "0.7", "-o", "grid"),
        ("mix", "--network", "run", "--rows", "1", "--cols", "2", "--layers", "fine", "-o", "mix"),
        ("train", "toy.toml", "--data", image_folder, "--init-from", "run", "-o", "again"),
    ):
        result = sgtool(*words)
        assert result.exit_code == 0, result.stderr


def test_the_rules_of_a_family_from_outside_hold(toy):
    result = sgtool("recipe", "show", "toy.toml", "--set", "generator.noise=true")
    assert result.exit_code == 2
    assert "true is not possible in toy; write false" in result.stderr
    result = sgtool("recipe", "show", "toy.toml", "--set", "generator.conv_clamp=1")
    assert "1.0 does nothing in the family toy; leave it out" in result.stderr


def test_no_module_asks_which_family_a_network_is_of():
    """Other programs' files have families of their own, so their readers may ask."""
    asking = [
        f"{path.relative_to(PACKAGE)}:{node.lineno}"
        for path in PACKAGE.rglob("*.py")
        if path.relative_to(PACKAGE).parts[0] != "interop"
        for node in ast.walk(ast.parse(path.read_text()))
        if isinstance(node, ast.Compare)
        and ast.unparse(node.left).endswith(".family")
        # whether it is known, and whether two are the same, anybody may ask
        and isinstance(node.comparators[0], ast.Constant)
    ]
    assert asking == []


def average(network, seeds, sampling):
    """A study of one image: the mean of the seeds' ws."""
    picked = codes_of_picks(network, seeds, sampling)
    ws = picked.codes.ws.mean(0, keepdims=True)
    codes = replace(join_codes([picked.codes], lambda values: values[0][:1]), ws=ws, z=None)
    return Plan(
        study="average",
        request={"seeds": picked.request},
        noise_mode=sampling.noise_mode,
        axes={"mean": ("mean",)},
        sheets=("average",),
        make=lambda: Tables(codes=codes),
    )


@with_flags
def average_command(seeds: SeedsFlag, *, flags: StudyFlags) -> None:
    """Draw the mean of seeds."""
    chosen = parse_picks(seeds)
    run_study(lambda network, sampling: average(network, chosen, sampling), flags)


def test_a_study_from_outside_is_drawn_from_the_command_line(network_file, tmp_path, monkeypatch):
    monkeypatch.setattr(app, "registered_commands", [*app.registered_commands])
    app.command("average")(average_command)
    words = ("average", "--seeds", "1,2", "--network", network_file, "-o", tmp_path / "mean")
    result = sgtool(*words)
    assert result.exit_code == 0, result.stderr
    with h5py.File(tmp_path / "mean" / "average.h5") as file:
        assert file["images"].shape[0] == 1
        assert file.attrs["study"] == "average"
