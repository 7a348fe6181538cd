import pytest

from tests.recipe.problems import problems_of


@pytest.mark.parametrize(
    ("name", "change", "words"),
    [
        ("progan", "generator.architecture=skip", '"skip" is not possible in progan'),
        ("progan", "generator.input=const", '"const" is not possible in progan; write "latent"'),
        ("progan", "generator.styles=true", "true is not possible in progan; write false"),
        ("progan", "generator.noise=true", "true is not possible in progan; write false"),
        ("stylegan1-f", "generator.architecture=orig", '"orig" is not possible in stylegan1'),
        ("stylegan2", "generator.input=latent", '"latent" is not possible in stylegan2'),
        ("stylegan2", "generator.styles=false", "false is not possible in stylegan2; write true"),
        ("stylegan2-d", "generator.noise=false", "false is not possible in stylegan2; write true"),
    ],
)
def test_what_a_family_does_not_have_is_refused(name, change, words):
    key = change.partition("=")[0]
    assert problems_of(name, change)[0].startswith(f"{key}: {words}")


@pytest.mark.parametrize("name", ["progan", "stylegan1-f", "stylegan2-d"])
def test_d_grows_where_g_grows(name):
    (problem,) = problems_of(name, "discriminator.architecture=resnet")
    assert problem == (
        'discriminator.architecture: "resnet" does not go with "progressive" of the generator, '
        'both grow or neither; write for example "progressive"'
    )


def test_d_does_not_grow_alone():
    (problem,) = problems_of("stylegan2", "discriminator.architecture=progressive")
    assert problem.endswith('both grow or neither; write for example "resnet"')
