from typing import get_args

import pytest

from stylegan_cli.recipe import Settled, dumps, loads
from stylegan_cli.recipe.families import keys_of, names
from stylegan_cli.recipe.validation import key_types
from tests.recipe.problems import problems

PROGAN = 'generator.family = "progan"\n'


def test_a_family_changes_the_defaults_of_the_sections():
    recipe = loads(PROGAN)
    assert (recipe.loss.adversarial, recipe.loss.gp_weight) == ("wgan", 10)
    assert recipe.train.batch_size == Settled().train.batch_size


def test_the_text_comes_after_its_family_and_set_after_the_text():
    text = PROGAN + "train.total_kimg = 1\n"
    assert loads(PROGAN).train.total_kimg == 12_000
    assert loads(text).train.total_kimg == 1
    assert loads(text, overrides=["train.total_kimg=2"]).train.total_kimg == 2


def test_set_chooses_the_family_too():
    assert loads(PROGAN, overrides=["generator.family=stylegan2"]) == Settled()


def test_a_table_of_the_text_replaces_that_of_the_family():
    assert loads(PROGAN + "growing.batch_size = {8 = 3}").growing.batch_size == {"8": 3}


def test_a_recipe_written_before_there_were_families_reads_as_ever():
    new = ("input", "styles", "noise", "fused_scale", "adversarial", "wgan_drift", "gp_weight")
    new += ("lazy", "# ema_decay", "order")
    old = dumps(Settled()).splitlines()
    lines = [line for line in old if not line.startswith(new)]
    assert len(lines) == len(old) - len(new)
    assert loads("\n".join(lines)) == Settled()


def test_an_unknown_family_is_the_only_problem_and_leads_to_the_nearest():
    (problem,) = problems('generator.family = "stylegan9"\ndiscriminator.fused_scale = false')
    words = '"stylegan9" is no family of networks; did you mean stylegan'
    assert problem.startswith(f"generator.family: {words}")
    (problem,) = problems("generator.family = []")
    assert problem.startswith("generator.family: should be text in quotes, found []")


@pytest.mark.parametrize("family", names())
def test_the_defaults_of_a_family_go_together(family):
    recipe = loads(f'generator.family = "{family}"')
    assert recipe.generator.family == family


@pytest.mark.parametrize("family", names())
def test_a_family_says_nothing_where_none_means_something(family):
    # a written recipe can only leave such a key out, and would read back as the family's
    assert not [key for key in keys_of(family).defaults if type(None) in get_args(key_types()[key])]


@pytest.mark.parametrize("family", names())
def test_a_written_recipe_keeps_what_its_family_would_change(family):
    recipe = loads(f'generator.family = "{family}"\ngrowing.lr = {{}}\nloss.pl_interval = 7')
    assert loads(dumps(recipe)) == recipe
