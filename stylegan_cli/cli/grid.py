"""`sgtool grid`: one image per seed."""

from stylegan_cli.cli.options import (
    BatchFlag,
    ClassFlag,
    CutoffFlag,
    DeviceFlag,
    JsonFlag,
    NetworkFlag,
    NoiseModeFlag,
    OutputFlag,
    OverwriteFlag,
    PsiFlag,
    QuietFlag,
    SeedsFlag,
    VerboseFlag,
    examples,
)
from stylegan_cli.cli.study import StudyFlags, run_study
from stylegan_cli.ranges import parse_ints

EXAMPLES = examples(
    "sgtool grid --seeds 0-15",
    "sgtool grid --seeds 7,21,100-120 --psi 0.7 --network runs/people -o people",
)


def grid(
    seeds: SeedsFlag,
    psi: PsiFlag = 1.0,
    cutoff: CutoffFlag = None,
    noise_mode: NoiseModeFlag = "const",
    class_name: ClassFlag = None,
    network: NetworkFlag = None,
    batch: BatchFlag = None,
    device: DeviceFlag = "auto",
    output: OutputFlag = None,
    overwrite: OverwriteFlag = False,
    json: JsonFlag = False,
    quiet: QuietFlag = False,
    verbose: VerboseFlag = False,
) -> None:
    """Draw one image per seed: an HDF5 file, a PNG each, and a picture of all of them."""
    chosen = parse_ints(seeds)
    from stylegan_cli import api

    flags = StudyFlags(
        psi=psi,
        cutoff=cutoff,
        noise_mode=noise_mode,
        class_name=class_name,
        network=network,
        batch=batch,
        device=device,
        output=output,
        overwrite=overwrite,
        json=json,
    )
    run_study(lambda network, sampling: api.grid(network, chosen, sampling), flags)
