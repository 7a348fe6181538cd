"""`sgtool grid`: one image per seed."""

from stylegan_cli.cli.options import SeedsFlag, examples
from stylegan_cli.cli.study import StudyFlags, run_study, with_study_flags
from stylegan_cli.ranges import parse_ints

EXAMPLES = examples(
    "sgtool grid --seeds 0-15",
    "sgtool grid --seeds 7,21,100-120 --psi 0.7 --network runs/people -o people",
)


@with_study_flags
def grid(seeds: SeedsFlag, *, flags: StudyFlags) -> None:
    """Draw one image per seed.

    Writes an HDF5 file, a PNG of each image, and a picture of all of them.
    """
    chosen = parse_ints(seeds)
    from stylegan_cli import api

    run_study(lambda network, sampling: api.grid(network, chosen, sampling), flags)
