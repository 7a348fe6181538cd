import pytest

from tests.recipe.problems import problems_of


def test_all_that_needs_styles_is_told_at_once():
    found = problems_of("stylegan1-f", "generator.styles=false", "loss.pl_weight=2")
    assert sorted(found) == [
        'generator.input: a generator without styles starts from the latent code; write "latent"',
        "generator.noise: a generator without styles has no noise inputs in the papers; "
        "write false",
        "loss.pl_weight: a generator without styles has no paths from styles to images; write 0",
        "loss.style_mixing_prob: a generator without styles has nothing to mix; write 0",
    ]


@pytest.mark.parametrize("change", ["loss.style_mixing_prob=0.9", "loss.pl_weight=2"])
@pytest.mark.parametrize("name", ["progan", "stylegan1-b"])
def test_a_traditional_generator_takes_no_loss_of_styles(name, change):
    (problem,) = problems_of(name, change)
    assert problem.startswith(change.partition("=")[0])
