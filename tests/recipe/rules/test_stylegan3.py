import pytest

from stylegan_cli.errors import RecipeError
from stylegan_cli.recipe import dumps, loads

FAMILY = "generator.family=stylegan3"


def test_the_family_has_the_defaults_of_its_paper():
    recipe = loads("", overrides=[FAMILY])
    assert (recipe.generator.mapping_layers, recipe.generator.w_avg_beta) == (2, 0.998)
    assert (recipe.loss.pl_weight, recipe.loss.style_mixing_prob) == (0, 0)
    assert (recipe.train.lr_g, recipe.train.lr_d, recipe.train.ema_rampup) == (0.0025, 0.002, 0.05)
    assert loads(dumps(recipe)) == recipe


@pytest.mark.parametrize(
    ("setting", "words"),
    [
        ("loss.pl_weight=2.0", "write for example 4"),
        ("bands.critical=14", "write at most 13"),
        ("loss.blur_fade_kimg=100.0", "without loss.blur_sigma"),
        ("generator.noise=true", "not possible in stylegan3"),
    ],
)
def test_what_cannot_be_is_refused(setting, words):
    with pytest.raises(RecipeError, match=words):
        loads("", overrides=[FAMILY, setting])


@pytest.mark.parametrize("setting", ["generator.kernel=1", "bands.layers=10"])
def test_its_keys_do_nothing_in_other_families(setting):
    with pytest.raises(RecipeError, match="does nothing in the family stylegan2"):
        loads("", overrides=[setting])
