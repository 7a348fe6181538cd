"""How the images of a network are computed: in which precision, by which operations."""

import copy
import os
import sys
from dataclasses import dataclass, replace
from importlib.util import find_spec
from pathlib import Path
from shutil import which
from typing import TYPE_CHECKING, Literal

import torch

from stylegan_cli.errors import UsageError
from stylegan_cli.networks.generator import CompiledSynthesis, Generator
from stylegan_cli.networks.layers import freeze_layers
from stylegan_cli.networks.snapshot import Network, Precision, load_network, read_header
from stylegan_cli.ops import fast
from stylegan_cli.recipe import Settled

if TYPE_CHECKING:
    import torch

    from stylegan_cli.networks.generator import Generator
    from stylegan_cli.ops import BackendName


def prepare(G: Generator, dtype: torch.dtype = torch.float32) -> Generator:
    """A generator that makes the same images with less work; it has no gradients.

    Gains are folded into weights, weights cast and laid out, what demodulation needs of them is
    summed, and layers work in place. The mapping network gives the same bits. Weights are copied:
    what happens to G later does not show.

    Args:
        dtype: Type of the activations from 8×8 on; in float32, images equal G's up to rounding.
    """
    operations = [module.ops for module in G.modules() if hasattr(module, "ops")]
    shared = {id(each): each for each in (*G.parameters(), *G.buffers(), *operations)}
    mapping, synthesis = copy.deepcopy((G.mapping, G.synthesis), shared)
    freeze_layers(mapping, torch.float32)
    return Generator(mapping, synthesis.frozen(dtype), resolution=G.resolution, channels=G.channels)


def compiled(G: Generator, batch_size: int) -> Generator:
    """A generator whose synthesis network is compiled, for batches of this size."""
    assert not isinstance(G.synthesis, CompiledSynthesis), "once is enough"
    synthesis = CompiledSynthesis(G.synthesis, batch_size)
    return Generator(G.mapping, synthesis, resolution=G.resolution, channels=G.channels)


@dataclass(frozen=True, kw_only=True)
class Execution:
    """How images are computed; of all this, only bfloat16 changes them by more than a grey level.

    Attributes:
        precision: "auto" is float32, unless the network's recipe says bf16.
        backend: "auto" and "eager" draw with a prepared generator, the others as in training.
        compile: Make a program of the synthesis network first, which takes a minute or more.
        batch_size: Images at once that such a program is for; None is `default_batch_size`.
    """

    precision: Literal["auto", "fp32", "bf16"] = "auto"
    backend: "BackendName" = "auto"
    compile: bool = False
    batch_size: int | None = None


USUAL = Execution()
PIXELS_A_BATCH = 2**22


def default_batch_size(resolution: int) -> int:
    """Images drawn at once where nobody chose: 32, fewer above 256 px."""
    return max(1, min(32, PIXELS_A_BATCH // resolution**2))


def precision_of(recipe: Settled, execution: Execution) -> Precision:
    """What the images of a network with this recipe are computed in."""
    if execution.precision != "auto":
        return execution.precision
    return "bf16" if recipe.train.precision == "bf16" else "fp32"


def open_for_drawing(
    path: Path, device: "torch.device | str" = "cpu", execution: Execution = USUAL
) -> Network:
    """A network for drawing alone: its generator has no gradients, and is prepared where it can be.

    Raises:
        NetworkFileError: Not a network file of ours, damaged, or tensors missing.
        UsageError: There is no such backend on this machine, or no compiler where one is needed.
    """
    precision = precision_of(read_header(path).recipe, execution)
    network = load_network(path, device, precision=precision, backend=execution.backend)
    return replace(network, G=ready_to_draw(network.G, precision, execution))


def ready_to_draw(G: "Generator", precision: Precision, execution: Execution) -> "Generator":
    """The generator as commands draw with it, built with that precision and backend.

    Raises:
        UsageError: As of `open_for_drawing`.
    """
    import torch

    from stylegan_cli.ops import pick_backend

    if pick_backend(execution.backend) is fast:
        G = prepare(G, torch.bfloat16 if precision == "bf16" else torch.float32)
    if execution.compile:
        check_compiler(G.mapping.w_avg.device)
        G = compiled(G, execution.batch_size or default_batch_size(G.resolution))
    return G


def check_compiler(device: "torch.device") -> None:
    """Refuse to compile for a device where the means are missing.

    Raises:
        UsageError: What is missing.
    """
    if device.type == "cuda":
        if find_spec("triton") is None:
            raise UsageError(
                "--compile: needs triton on a GPU, which is not installed; leave --compile out"
            )
        return
    compiler = os.environ.get("CXX", "clang++" if sys.platform == "darwin" else "g++")
    if which(compiler) is None:
        raise UsageError(
            f"--compile: needs a C++ compiler, and there is no {compiler} here; install one, name "
            "another with $CXX, or leave --compile out"
        )


def precision_claim(precision: Precision) -> dict[str, str]:
    """What requests and records say of it; nothing of float32, as before there was a choice."""
    return {} if precision == "fp32" else {"precision": precision}
