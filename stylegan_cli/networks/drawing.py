"""Generators ready to draw: prepared and compiled."""

import copy
import os
import sys
import warnings
from collections.abc import Callable, Iterator, Sequence
from functools import cached_property
from importlib.util import find_spec
from shutil import which

import torch
from torch import Tensor

from stylegan_cli.errors import UsageError
from stylegan_cli.networks.execution import Execution, default_batch_size
from stylegan_cli.networks.generator import Generator, Synthesis
from stylegan_cli.networks.layers import freeze_layers
from stylegan_cli.networks.noise import NoiseInput
from stylegan_cli.networks.snapshot import Precision
from stylegan_cli.ops import fast, pick_backend
from stylegan_cli.shapes import Images, Motions, Ws
from stylegan_cli.sizes import Size


def prepare(G: Generator, dtype: torch.dtype = torch.float32) -> Generator:
    """Copy a generator into one that makes the same images with less work, without gradients.

    Gains are multiplied into weights, weights cast and laid out, their energy for demodulation
    summed, and layers work in place. The mapping network gives the same bits.

    Args:
        dtype: Type of the activations from 8×8 up; in float32, images equal G's up to rounding.
    """
    operations = [module.ops for module in G.modules() if hasattr(module, "ops")]
    shared = {id(each): each for each in (*G.parameters(), *G.buffers(), *operations)}
    mapping, synthesis = copy.deepcopy((G.mapping, G.synthesis), shared)
    freeze_layers(mapping, torch.float32)
    return Generator(mapping, synthesis.frozen(dtype), size=G.size, channels=G.channels)


class CompiledSynthesis(Synthesis):
    """Synthesis network without gradients that is compiled at its first call.

    Larger batches are split and smaller ones padded to `batch_size`, so that one program serves
    them all; only another kind of noise input takes another program.
    """

    def __init__(self, synthesis: Synthesis, batch_size: int) -> None:
        super().__init__()
        self.synthesis, self.batch_size = synthesis, batch_size
        self.num_ws, self.can_move = synthesis.num_ws, synthesis.can_move

    @property
    def noise_sizes(self) -> tuple[Size, ...]:
        return self.synthesis.noise_sizes

    @property
    def layer_levels(self) -> tuple[int, ...]:
        return self.synthesis.layer_levels

    @property
    def lod(self) -> float:
        return self.synthesis.lod

    @lod.setter
    def lod(self, lod: float) -> None:
        self.synthesis.lod = lod

    @torch.no_grad()
    def forward(self, ws: Ws, noise: NoiseInput) -> Images:
        parts = [self._run(*part) for part in self._parts(ws, noise)]
        return torch.cat(parts)[: len(ws)]

    def moved(self, ws: Ws, noise: NoiseInput, motions: Motions) -> Images:
        """Make images that are shifted and turned, without the program."""
        return self.synthesis.moved(ws, noise, motions)

    def _parts(self, ws: Tensor, noise: NoiseInput) -> Iterator[tuple[Tensor, NoiseInput]]:
        size = self.batch_size
        for start in range(0, len(ws), size):
            rows = torch.arange(start, start + size, device=ws.device).clamp(max=len(ws) - 1)
            yield ws[rows], noise if isinstance(noise, str) else _chosen(noise, rows)

    @cached_property
    def _program(self) -> Callable[[Tensor, NoiseInput], Tensor]:
        return torch.compile(self.synthesis.forward, dynamic=False)

    def _run(self, ws: Tensor, noise: NoiseInput) -> Tensor:
        with warnings.catch_warnings():
            # they address the developers of the compiler
            warnings.simplefilter("ignore")
            from torch._dynamo.exc import TorchDynamoException

            try:
                return self._program(ws, noise)
            except TorchDynamoException as error:
                reason = next(iter(str(error).strip().splitlines()), type(error).__name__)
                raise UsageError(
                    f"this network cannot be compiled here ({reason}); leave `compile` out",
                    parameter="compile",
                ) from None


def _chosen(maps: Sequence[Tensor], rows: Tensor) -> list[Tensor]:
    return [each if len(each) == 1 else each[rows] for each in maps]


def compiled(G: Generator, batch_size: int) -> Generator:
    """Return a generator whose synthesis network is compiled, for batches of this size."""
    if not G.synthesis.can_compile:
        raise UsageError(
            "networks of this family cannot be compiled; leave `compile` out", parameter="compile"
        )
    assert not isinstance(G.synthesis, CompiledSynthesis), "compiled twice"
    synthesis = CompiledSynthesis(G.synthesis, batch_size)
    return Generator(G.mapping, synthesis, size=G.size, channels=G.channels)


def ready_to_draw(G: Generator, precision: Precision, execution: Execution) -> Generator:
    """Prepare and compile a generator, which was built with that precision and backend.

    Raises:
        UsageError: This machine lacks the backend, or a compiler where one is needed.
    """
    if pick_backend(execution.backend) is fast:
        G = prepare(G, torch.bfloat16 if precision == "bf16" else torch.float32)
    if execution.compile:
        check_compiler(G.mapping.w_avg.device)
        G = compiled(G, execution.batch_size or default_batch_size(G.size))
    return G


def check_compiler(device: torch.device) -> None:
    """Check that networks can be compiled for a device."""
    if device.type == "cuda":
        if find_spec("triton") is None:
            raise UsageError(
                "the package triton is not installed, which a GPU needs; leave `compile` out",
                parameter="compile",
            )
        return
    compiler = os.environ.get("CXX", "clang++" if sys.platform == "darwin" else "g++")
    if which(compiler) is None:
        raise UsageError(
            f"there is no C++ compiler {compiler} here; install one, name another in $CXX, or "
            "leave `compile` out",
            parameter="compile",
        )
