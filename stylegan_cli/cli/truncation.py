"""`sgtool truncation`: seeds at several truncation strengths."""

from stylegan_cli import api
from stylegan_cli.cli.options import PsiListFlag, SeedsFlag, StudyFlags, with_flags
from stylegan_cli.cli.study import run_study
from stylegan_cli.ranges import parse_floats


@with_flags
def truncation(
    seeds: SeedsFlag = "0-3",
    psi: PsiListFlag = "1,0.7,0.5,0,-0.5,-1",
    mean: bool = False,
    *,
    flags: StudyFlags,
) -> None:
    """Draw each seed at several truncation strengths.

    One row per seed, one column per psi: 1 is the image itself, 0 the mean of W, and below 0
    lie the opposites.

    Args:
        mean: Also draw the image of the mean of W.

    Examples:
        sgtool truncation --seeds 0-3
        sgtool truncation --seeds 0-3 --psi 1:-1:9 --mean --pdf
        sgtool truncation --seeds 7,projected.npz --psi 1,0.7,0 --cutoff 4
    """
    chosen, psis = api.parse_picks(seeds), parse_floats(psi)

    def make_plan(network: "api.Network", sampling: "api.Sampling") -> "api.Plan":
        return api.truncation(network, chosen, psis, mean=mean, sampling=sampling)

    run_study(make_plan, flags)
