"""Options for drawing, and networks opened with them."""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Literal

from stylegan_cli.networks.header import read_header
from stylegan_cli.networks.snapshot import Network, Precision, open_network
from stylegan_cli.ops import BackendName
from stylegan_cli.recipe import Settled
from stylegan_cli.sizes import Size

if TYPE_CHECKING:
    import torch

    from stylegan_cli.networks.generator import Generator


@dataclass(frozen=True, kw_only=True)
class Execution:
    """Options for computing images; only bfloat16 changes them by more than a grey level.

    Attributes:
        precision: "auto" is float32, unless the network's recipe says bf16.
        backend: "auto" and "eager" draw with a prepared generator, the others as in training.
        compile: Compile the synthesis network first, which takes a minute or more.
        batch_size: Images per batch of the compiled network; None is `default_batch_size`.
    """

    precision: Literal["auto", "fp32", "bf16"] = "auto"
    backend: BackendName = "auto"
    compile: bool = False
    batch_size: int | None = None


USUAL = Execution()
PIXELS_A_BATCH = 2**22


def default_batch_size(size: Size) -> int:
    """Return the images drawn at once by default: 32, fewer above 256 × 256 pixels."""
    return max(1, min(32, PIXELS_A_BATCH // size.area))


def precision_of(recipe: Settled, execution: Execution) -> Precision:
    """Return the precision in which images of a network with this recipe are computed."""
    if execution.precision != "auto":
        return execution.precision
    return "bf16" if recipe.train.precision == "bf16" else "fp32"


def open_for_drawing(
    path: Path | str,
    device: "torch.device | str | Callable[[], torch.device]" = "cpu",
    execution: Execution = USUAL,
) -> Network:
    """Open a network for drawing alone: without gradients, and prepared if the backend allows.

    The weights are read when they are first needed; errors of device and backend come then.

    Args:
        device: A device, or a function that returns it once it is needed.

    Raises:
        NetworkFileError: The file is not a network file of ours, or damaged.
        UsageError: This machine lacks the backend, or a compiler where one is needed.
    """
    path = Path(path)
    precision = precision_of(read_header(path).recipe, execution)

    def ready(G: "Generator") -> "Generator":
        from stylegan_cli.networks.drawing import ready_to_draw

        return ready_to_draw(G, precision, execution)

    return open_network(path, device, precision=precision, backend=execution.backend, ready=ready)


def precision_claim(precision: Precision) -> dict[str, str]:
    """Return the entry of requests and records: none for float32, as in the first versions."""
    return {} if precision == "fp32" else {"precision": precision}
