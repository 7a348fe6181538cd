"""Layers that keep their weights while the rest of a network is trained."""

from torch import nn

from stylegan_cli.networks.discriminators import Discriminator
from stylegan_cli.networks.generator import Generator
from stylegan_cli.recipe import InitSection


def frozen_parts(init: InitSection, G: Generator, D: Discriminator) -> dict[str, nn.Module]:
    """The modules that keep their weights, by the names they have in network files."""
    mapping = {"g_ema.mapping": G.mapping} if init.freeze_mapping else {}
    return mapping | dict(list(_layers(D).items())[: init.freeze_d])


def freeze(module: nn.Module) -> None:
    """Turn weights into buffers: no gradient, no optimizer, no average ever sees them.

    Their names in the state dict stay.
    """
    for part in module.modules():
        for name, weight in list(part.named_parameters(recurse=False)):
            delattr(part, name)
            part.register_buffer(name, weight.detach())


def _layers(D: Discriminator) -> dict[str, nn.Module]:
    """The layers that Freeze-D counts, in its order; all but the last block."""
    return {
        f"d.b{side}.{name}": layer
        for side in D.sides
        for name, layer in D.get_submodule(f"b{side}").named_children()
    }
