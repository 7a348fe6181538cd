"""What whole networks ask of PyTorch: how many convolutions, of which size, in which layout."""

from dataclasses import dataclass, field

import pytest
import torch
from torch import Tensor
from torch.utils._python_dispatch import TorchDispatchMode

from stylegan_cli.networks.family import build_discriminator, build_generator
from stylegan_cli.sizes import square
from stylegan_cli.training.phases import path_lengths, r1_penalty
from tests.networks.families import GROWING, small
from tests.ops.derivatives import seeded
from tests.tiny import tiny

RECIPES = {
    "skip": lambda: tiny("generator.channel_max=16"),
    "resnet": lambda: tiny("generator.architecture=resnet", "discriminator.architecture=skip"),
    **{kind: lambda kind=kind: small(kind) for kind in GROWING},
}
WEIGHT_OPERAND = {
    "aten::convolution": 1,
    "aten::convolution_backward": 2,
    "mkldnn::_convolution_pointwise": 1,
}


@dataclass
class Record:
    """Height of every convolution's kernel; operations that met channels in the wrong place."""

    kernels: list[int] = field(default_factory=list)
    strays: list[str] = field(default_factory=list)


class Watch(TorchDispatchMode):
    def __init__(self) -> None:
        super().__init__()
        self.record = Record()

    def __torch_dispatch__(self, operation, types, args=(), kwargs=None):
        name = operation.name()
        if name in WEIGHT_OPERAND:
            self.record.kernels.append(args[WEIGHT_OPERAND[name]].shape[2])
        result = operation(*args, **(kwargs or {}))
        if not operation.is_view and any(map(is_stray, [*args, result])):
            self.record.strays.append(name)
        return result


def is_stray(x) -> bool:
    """Whether it is a feature map whose channels are not side by side in memory."""
    if not isinstance(x, Tensor) or x.ndim != 4 or x.shape[1] <= 4 or x.shape[2] < 8:
        return False
    return x.stride(1) != 1 and 0 not in x.stride()


def r1_of(recipe, backend, dtype):
    """Convolutions of D, and what its R1 penalty and the gradients of that ask for."""
    D = build_discriminator(recipe, c_dim=0, dtype=dtype, backend=backend)
    images = seeded(0, 4, 3, 16, 16).float().requires_grad_()
    with Watch() as forward:
        scores = D(images, images.new_empty(4, 0))
    with Watch() as penalty:
        r1_penalty(scores[:, :1], images, square(16)).mean().backward()
    return forward.record, penalty.record


def path_lengths_of(recipe, backend, dtype):
    """Convolutions of G, and what its path lengths and the gradients of those ask for."""
    G = build_generator(recipe, c_dim=0, dtype=dtype, backend=backend)
    w = seeded(0, 2, G.w_dim).float().requires_grad_()
    ws = w[:, None].expand(-1, G.num_ws, -1)
    noise = [seeded(1, 2, 1, *size.shape).float() for size in G.synthesis.noise_sizes]
    with Watch() as forward:
        images = G.synthesis(ws, noise)
    with Watch() as penalty:
        path_lengths(images, ws, seeded(2, *images.shape).float()).square().mean().backward()
    return forward.record, penalty.record


every_phase = pytest.mark.parametrize("phase", [r1_of, path_lengths_of])
every_recipe = pytest.mark.parametrize("recipe", RECIPES.values(), ids=RECIPES.keys())


@every_phase
@every_recipe
def test_a_penalty_takes_four_times_the_convolutions_of_its_network_and_no_larger_ones(
    phase, recipe
):
    forward, penalty = phase(recipe(), "eager", torch.float32)
    assert len(penalty.kernels) <= 4 * len(forward.kernels)
    assert max(forward.kernels + penalty.kernels) <= 6


@every_phase
def test_the_plain_formulation_takes_more_or_larger_ones(phase):
    forward, penalty = phase(RECIPES["skip"](), "ref", torch.float32)
    assert len(penalty.kernels) > 4 * len(forward.kernels) or max(penalty.kernels) > 6


@every_phase
@every_recipe
@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16])
def test_feature_maps_are_channels_last_throughout(phase, recipe, dtype):
    forward, penalty = phase(recipe(), "eager", dtype)
    assert forward.strays + penalty.strays == []
