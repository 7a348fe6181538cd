"""Cost of a recipe before it runs: parameters and memory, from shapes alone."""

import math
from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import Tensor

from stylegan_cli.networks.discriminators import Discriminator
from stylegan_cli.networks.family import build_discriminator, build_generator, count_parameters
from stylegan_cli.networks.generator import Generator
from stylegan_cli.networks.layers import split_lod
from stylegan_cli.recipe import LossSection, Settled
from stylegan_cli.runtime import World
from stylegan_cli.training.inputs import Reals
from stylegan_cli.training.phases import judge
from stylegan_cli.training.schedule import Stage, share_of, stages

WEIGHT_COPIES_G = 5
"""float32 numbers for each parameter of G: weight, average, gradient, two moments of Adam."""
WEIGHT_COPIES_D = 4
Phase = Callable[[], object]
"""A forward pass, which returns what must live until its backward pass."""


@dataclass(frozen=True, kw_only=True)
class Estimate:
    """Parameters and memory of a run.

    Attributes:
        parameters: Of `mapping`, `synthesis`, `generator` and `discriminator`.
        weight_bytes: Weights, averages, gradients and optimizer moments.
        batch_per_device: Images a device processes at once where they need most memory.
        activation_bytes: Bytes that the largest phase keeps for its backward pass on one device.
    """

    parameters: dict[str, int]
    num_ws: int
    batch_per_device: int
    weight_bytes: int
    activation_bytes: int

    @property
    def total_bytes(self) -> int:
        """Sum of both, without workspaces of operations and the runtime itself."""
        return self.weight_bytes + self.activation_bytes


def estimate(recipe: Settled, *, c_dim: int = 0, dtype: torch.dtype = torch.float32) -> Estimate:
    """Estimate the cost of a recipe in one process, without weights or data."""
    with torch.device("meta"):
        G = build_generator(recipe, c_dim=c_dim, dtype=dtype)
        D = build_discriminator(recipe, c_dim=c_dim, dtype=dtype)
        parameters = {
            "mapping": count_parameters(G.mapping),
            "synthesis": count_parameters(G.synthesis),
            "generator": count_parameters(G),
            "discriminator": count_parameters(D),
        }
        weights = 4 * (
            WEIGHT_COPIES_G * parameters["generator"]
            + WEIGHT_COPIES_D * parameters["discriminator"]
        )
        activations, at_once = max(
            _hungriest_phase(G, D, stage, recipe) for stage in stages(recipe)
        )
    return Estimate(
        parameters=parameters,
        num_ws=G.num_ws,
        batch_per_device=at_once,
        weight_bytes=weights,
        activation_bytes=activations,
    )


def _hungriest_phase(
    G: Generator, D: Discriminator, stage: Stage, recipe: Settled
) -> tuple[int, int]:
    """Return the most bytes that a phase of a stage keeps, and the images at once."""
    G.lod = D.lod = stage.lod
    share = share_of(recipe, stage, World())
    n = math.ceil(len(share.samples) / share.rounds)
    return max(_saved_bytes(phase) for phase in _phases(G, D, n, recipe.loss)), n


def _phases(G: Generator, D: Discriminator, n: int, loss: LossSection) -> list[Phase]:
    """Return the phases of training, on images without values."""
    shrunk = max(1, n // loss.pl_batch_shrink)
    r1_on = loss.r1_gamma != 0
    phases: list[Phase] = [
        lambda: _score(D, _generate(G, n)[0]),
        lambda: _judge(D, n, with_r1=r1_on and not loss.lazy, with_penalty=loss.gp_weight > 0),
    ]
    if loss.pl_weight > 0:
        phases.append(lambda: _gradient(*_generate(G, shrunk)))
    if r1_on and loss.lazy:
        phases.append(lambda: _gradient_at(D, _images(D, n)))
    return phases


def _images(D: Discriminator, n: int) -> Tensor:
    size = D.size >> split_lod(D.lod)[0]
    return torch.randn(n, D.channels, *size.shape)


def _generate(G: Generator, n: int) -> tuple[Tensor, Tensor]:
    ws = G.ws(torch.randn(n, G.z_dim), torch.randn(n, G.c_dim))
    return G.synthesis(ws, "const"), ws


def _score(D: Discriminator, images: Tensor) -> Tensor:
    verdicts: Tensor = D(images, torch.randn(len(images), D.c_dim))
    return verdicts[:, :1]


def _judge(D: Discriminator, n: int, *, with_r1: bool, with_penalty: bool) -> list[Tensor]:
    c = torch.randn(n, D.c_dim)
    reals = Reals(images=_images(D, n).requires_grad_(with_r1), c=c)
    kept = list(judge(D, _images(D, n), c, reals))
    if with_r1:
        kept.append(_gradient(kept[1][:, :1], reals.images))
    if with_penalty:
        kept.append(_gradient_at(D, _images(D, n)))
    return kept


def _gradient_at(D: Discriminator, images: Tensor) -> Tensor:
    images.requires_grad_()
    return _gradient(_score(D, images), images)


def _gradient(output: Tensor, source: Tensor) -> Tensor:
    return torch.autograd.grad(output.sum(), source, create_graph=True)[0]


def _saved_bytes(phase: Phase) -> int:
    """Return the bytes of the tensors that a forward pass keeps for its backward pass."""
    sizes: dict[int, int] = {}
    alive: list[torch.UntypedStorage] = []

    def pack(tensor: Tensor) -> Tensor:
        storage = tensor.untyped_storage()
        if storage._cdata not in sizes:
            alive.append(storage)
            sizes[storage._cdata] = storage.nbytes()
        return tensor

    with torch.autograd.graph.saved_tensors_hooks(pack, lambda tensor: tensor):
        kept = phase()
        del kept
    return sum(sizes.values())
