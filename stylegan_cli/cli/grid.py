"""`sgtool grid`: one image per seed, or per code in a file."""

from stylegan_cli.cli.options import SeedsFlag, examples
from stylegan_cli.cli.study import StudyFlags, run_study, with_study_flags
from stylegan_cli.picks import parse_picks

EXAMPLES = examples(
    "sgtool grid --seeds 0-15",
    "sgtool grid --seeds 7,21,100-120 --psi 0.7 --network runs/people -o people",
    "sgtool grid --seeds 7,projected.npz,styles/mix.h5:1/2",
)


@with_study_flags
def grid(seeds: SeedsFlag, *, flags: StudyFlags) -> None:
    """Draw one image per seed, or per code in a file.

    Writes an HDF5 file, a PNG of each image, and a picture of all of them.
    """
    chosen = parse_picks(seeds)
    from stylegan_cli import api

    run_study(lambda network, sampling: api.grid(network, chosen, sampling), flags)
