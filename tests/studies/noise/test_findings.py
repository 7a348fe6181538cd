import pytest

from stylegan_cli.studies.noise.figures import NoiseFindings, NoiseShare


def findings(*shares):
    return NoiseFindings(
        layers=(),
        shares=tuple(
            NoiseShare(noise="all", style_variance=style, noise_variance=noise)
            for style, noise in shares
        ),
    )


def test_noise_below_a_percent_of_the_variance_hardly_matters():
    said = findings((1000.0, 0.0), (999.0, 1.0)).verdict
    assert said == "noise hardly matters: 0.1 % of the variance, style does the rest"


@pytest.mark.parametrize(
    "shares", [[(90.0, 10.0)], [(999.0, 1.0), (90.0, 10.0)], [(None, 1.0)], []]
)
def test_noise_that_matters_or_cannot_be_compared_has_no_verdict(shares):
    assert findings(*shares).verdict is None
