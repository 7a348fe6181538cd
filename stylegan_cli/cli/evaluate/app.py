"""`sgtool eval`: numbers that tell how good a network's images are."""

import typer

from stylegan_cli.cli.evaluate.command import evaluate
from stylegan_cli.cli.evaluate.every import EXAMPLES as ALL_EXAMPLES
from stylegan_cli.cli.evaluate.every import every
from stylegan_cli.cli.evaluate.flags import SubjectFlags, WayFlags
from stylegan_cli.cli.evaluate.nearest import EXAMPLES as NEAREST_EXAMPLES
from stylegan_cli.cli.evaluate.nearest import nearest
from stylegan_cli.cli.evaluate.ppl import EXAMPLES as PPL_EXAMPLES
from stylegan_cli.cli.evaluate.ppl import ppl
from stylegan_cli.cli.evaluate.separability import EXAMPLES as SEPARABILITY_EXAMPLES
from stylegan_cli.cli.evaluate.separability import separability
from stylegan_cli.cli.options import examples, with_flags

eval_app = typer.Typer(
    help="Measure how good and how varied a network's images are.",
    epilog=examples(
        "sgtool eval fid --network runs/people --num 5000",
        "sgtool eval all --num 5000 --repeat 5",
    ),
    no_args_is_help=True,
)


@eval_app.command(
    epilog=examples(
        "sgtool eval fid --network runs/people",
        "sgtool eval fid --num 2000 --repeat 5 --data people.zip",
        "sgtool eval fid --all-snapshots runs/people --num 5000",
        "sgtool eval fid --images drawn.zip --data people.zip",
        "sgtool eval fid --protocol ada --detector inception",
        "torchrun --nproc-per-node 8 -m -- stylegan_cli eval fid --network runs/people",
    )
)
@with_flags
def fid(*, flags: SubjectFlags, ways: WayFlags) -> None:
    """Measure the Fréchet distance to real images (FID).

    How far the features of generated images are distributed from those of real ones; 0 is equal.
    Called FID with the Inception detector and 50,000 images; otherwise the number carries the
    detector's name, such as fd_alex.
    """
    evaluate(("fid",), flags, ways)


@eval_app.command(
    epilog=examples(
        "sgtool eval kid --network runs/people --num 2000",
        "sgtool eval kid --num 2000 --repeat 5 --json",
    )
)
@with_flags
def kid(*, flags: SubjectFlags, ways: WayFlags) -> None:
    """Measure the kernel distance to real images (KID).

    Needs fewer images than FID. The mean over 100 subsets of 1,000 images, unbiased; kid_sd is
    their deviation.
    """
    evaluate(("kid",), flags, ways)


@eval_app.command(
    "is",
    epilog=examples("sgtool eval is --network runs/people --detector inception"),
)
@with_flags
def inception_score(*, flags: SubjectFlags, ways: WayFlags) -> None:
    """Measure the Inception Score; needs the Inception detector.

    It counts classes of ImageNet, which the detector that ships does not tell.
    """
    evaluate(("is",), flags, ways)


@eval_app.command(
    epilog=examples(
        "sgtool eval pr --network runs/people --num 5000",
        "sgtool eval pr --num 2000 --psi-curve 0.5:1:6",
    )
)
@with_flags
def pr(*, flags: SubjectFlags, ways: WayFlags) -> None:
    """Measure precision, recall, density and coverage.

    Precision is the share of generated images among the real ones, recall the share of real images
    among the generated ones.
    """
    evaluate(("pr",), flags, ways)


eval_app.command("all", epilog=ALL_EXAMPLES)(every)
eval_app.command(epilog=NEAREST_EXAMPLES)(nearest)
eval_app.command(epilog=PPL_EXAMPLES)(ppl)
eval_app.command(epilog=SEPARABILITY_EXAMPLES)(separability)
