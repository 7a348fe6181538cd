"""Checkpoints of lucidrains' StyleGAN2 in PyTorch: told what they hold, not converted.

Its networks differ from StyleGAN2's in every layer, so no network of ours makes its images.
"""

import math
import re
from collections.abc import Mapping
from typing import Any, TypeGuard

from stylegan_cli.errors import ForeignFileError
from stylegan_cli.interop.limits import shown_value
from stylegan_cli.interop.state_dicts import StateDict, state_dict

_MARK = re.compile(r"GE?\.blocks\.\d+\.to_rgb\.conv\.weight")
_NETWORKS: Mapping[str, str | tuple[str, ...]] = {
    "mapping": "S.",
    "generator": "G.",
    "averaged": ("SE.", "GE."),
    "discriminator": "D.",
}
REASON = (
    "a network of lucidrains' StyleGAN2, which sgtool only lists: its layers are not StyleGAN2's "
    "(no equalized weights, one style a block, bilinear doubling, other noise), so no network here "
    "makes its images"
)


def is_lucidrains(root: object) -> TypeGuard[Mapping[str, object]]:
    """Whether a file holds a checkpoint of this program."""
    state = root.get("GAN") if isinstance(root, dict) else None
    return isinstance(state, dict) and any(
        isinstance(name, str) and _MARK.fullmatch(name) for name in state
    )


def lucidrains_facts(root: Mapping[str, object], source: str) -> dict[str, Any]:
    """What a checkpoint holds, ready for JSON.

    Raises:
        ForeignFileError: Its networks are no state dict.
    """
    state = state_dict(root["GAN"], "GAN", source)
    blocks = _count(state, r"G\.blocks\.\d+\.to_rgb\.conv\.weight")
    rgb, first = state.get("G.blocks.0.to_rgb.conv.weight"), state.get("S.net.0.weight")
    return {
        "format": "lucidrains-stylegan2",
        "family": "lucidrains",
        "resolution": 2 ** (blocks + 1),
        "channels": rgb.shape[0] if rgb and rgb.shape else None,
        "z_dim": first.shape[-1] if first and first.shape else None,
        "mapping_layers": _count(state, r"S\.net\.\d+\.weight"),
        "attention_layers": _count(state, r"G\.attns\.\d+\..*weight"),
        "version": shown_value(root.get("version", "unknown")),
        "parameters": {
            name: sum(math.prod(each.shape) for key, each in state.items() if key.startswith(start))
            for name, start in _NETWORKS.items()
        },
        "notes": [REASON],
    }


def refuse_lucidrains(source: str) -> ForeignFileError:
    """The error of a conversion of such a checkpoint."""
    return ForeignFileError(f"{source}: {REASON}; `sgtool info` tells what is in the file")


def _count(state: StateDict, pattern: str) -> int:
    return sum(re.fullmatch(pattern, name) is not None for name in state)
