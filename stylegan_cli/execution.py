"""How the images of a network are computed: in which precision, by which operations."""

from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Literal

from stylegan_cli.checkpoint import Network, Precision, load_network, read_header
from stylegan_cli.recipe import Recipe

if TYPE_CHECKING:
    import torch

    from stylegan_cli.ops import BackendName


@dataclass(frozen=True, kw_only=True)
class Execution:
    """How images are computed; of all this, only bfloat16 changes them by more than a grey level.

    Attributes:
        precision: "auto" is float32, unless the network's recipe says bf16.
        backend: "auto" and "eager" draw with a prepared generator, the others as in training.
    """

    precision: Literal["auto", "fp32", "bf16"] = "auto"
    backend: "BackendName" = "auto"


USUAL = Execution()


def precision_of(recipe: Recipe, execution: Execution) -> Precision:
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
        UsageError: There is no such backend on this machine.
    """
    import torch

    from stylegan_cli.networks.prepared import prepare
    from stylegan_cli.ops import fast, pick_backend

    operations = pick_backend(execution.backend)
    precision = precision_of(read_header(path).recipe, execution)
    network = load_network(path, device, precision=precision, backend=execution.backend)
    if operations is not fast:
        return network
    dtype = torch.bfloat16 if precision == "bf16" else torch.float32
    return replace(network, G=prepare(network.G, dtype))


def precision_claim(precision: Precision) -> dict[str, str]:
    """What requests and records say of it; nothing of float32, as before there was a choice."""
    return {} if precision == "fp32" else {"precision": precision}
