"""Our names and those of another program, with the layout of the same numbers in each."""

import re
from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from math import isfinite
from typing import Any

import numpy as np
import torch
from torch import Tensor

from stylegan_cli.interop.foreign import UNSTATED, Made, StoredTensor, Taken
from stylegan_cli.interop.pickles import MOST_TENSORS, UnsupportedError, shown
from stylegan_cli.interop.pickles.torch_files import Bag
from stylegan_cli.networks.family import build_generator
from stylegan_cli.ops.reference import FILTER
from stylegan_cli.recipe import Settled
from stylegan_cli.runtime import stream_seed

Change = Callable[[Tensor], Tensor]


def same(tensor: Tensor) -> Tensor:
    """Return the tensor, whose layout is the same in both."""
    return tensor


@dataclass(frozen=True)
class Pair:
    """A tensor by our name and by that of another program, and how to change its layout.

    Attributes:
        to_theirs: The inverse, for programs whose files sgtool also writes.
    """

    ours: str
    theirs: str
    to_ours: Change = same
    to_theirs: Change = same


Layout = tuple[Sequence[Pair], Mapping[str, Tensor]]
"""All tensors of a network in another program's files, and its filters by name there."""
RESAMPLE_FILTER = "resample_filter"
"""End of the names of filters in [ADA]'s release."""


def filter_kernel(taps: Sequence[float], gain: float = 1.0) -> Tensor:
    """Return a filter of these taps in both directions, as programs store it."""
    line = torch.tensor(taps)
    return line.outer(line) / line.sum() ** 2 * gain


def check_filter(stored: StoredTensor, kernel: Tensor, name: str) -> None:
    """Raise unless a stored filter is this one, the only one that our networks have."""
    found = stored.tensor().float()
    size = kernel.shape
    if found.shape[-2:] != size or not torch.allclose(found, kernel.expand_as(found), atol=1e-6):
        taps = ", ".join(f"{tap / kernel[0, 0]:g}" for tap in kernel[0])
        raise UnsupportedError(
            f"{shown(name)} is not the filter {taps}, the only one sgtool supports"
        )


def released(
    stored: Iterable[tuple[str, StoredTensor]], prefix: str, *, reversed_: bool = True
) -> dict[str, Taken]:
    """Return tensors of [ADA]'s release, by names that are also ours; filters are checked.

    Args:
        prefix: Before their names in messages and in the map of names, as "G_ema.".
        reversed_: Upsampling kernels are stored reversed, as the release does.
    """
    found = {}
    for name, tensor in stored:
        if name.endswith(RESAMPLE_FILTER):
            check_filter(tensor, filter_kernel(FILTER), f"{prefix}{name}")
        elif reversed_ and re.fullmatch(r"synthesis\.b\d+\.conv0\.weight", name):
            found[name] = Taken(f"{prefix}{name}", tensor, lambda weight: weight.flip((2, 3)))
        else:
            found[name] = Taken(f"{prefix}{name}", tensor)
    return found


def taken(stored: Mapping[str, StoredTensor], layout: Layout, prefix: str) -> dict[str, Taken]:
    """Return those of the pairs that are in the file, by our names.

    Args:
        prefix: Before their names in messages and in the map of names, as "g_ema.".
    """
    pairs, filters = layout
    extra = sorted(set(stored) - {pair.theirs for pair in pairs} - set(filters))
    if extra:
        raise UnsupportedError(
            f"{shown(prefix + extra[0])} is not a tensor of such a network "
            f"({len(extra)} like that); sgtool does not know its purpose"
        )
    for name, kernel in filters.items():
        if name in stored:
            check_filter(stored[name], kernel, f"{prefix}{name}")
    return {
        pair.ours: Taken(f"{prefix}{pair.theirs}", stored[pair.theirs], pair.to_ours)
        for pair in pairs
        if pair.theirs in stored
    }


W_AVG = "mapping.w_avg"
SAMPLES = 10_000
NO_W_AVG = f"has no mean of W; it is estimated from {SAMPLES:,} latents of seed 0"
NO_AVERAGE = "has no averaged generator; the one in training is used"
_SEED = 0


def estimated_w_avg(recipe: Settled, generator: Mapping[str, Taken]) -> Taken:
    """Estimate the mean of W from 10,000 latents of seed 0, for a generator without labels."""

    def mean() -> Tensor:
        with torch.device("meta"):
            mapping = build_generator(recipe, c_dim=0).mapping
        state = {
            name.removeprefix("mapping."): taken.tensor()
            for name, taken in generator.items()
            if name.startswith("mapping.") and name != W_AVG
        }
        mapping.load_state_dict({**state, "w_avg": torch.zeros(mapping.w_dim)}, assign=True)
        latents = np.random.RandomState(_SEED).randn(SAMPLES, mapping.z_dim).astype(np.float32)
        with torch.no_grad():
            w: Tensor = mapping(torch.from_numpy(latents), torch.empty(SAMPLES, 0))
        return w.double().mean(0).float()

    return Taken("(estimated)", Made((recipe.generator.w_dim,), mean))


def drawn_noise(name: str, side: int) -> Taken:
    """Draw the fixed noise map of a layer; the same name gives the same map."""

    def draw() -> Tensor:
        generator = torch.Generator().manual_seed(stream_seed(_SEED, "noise", name))
        return torch.randn(side, side, generator=generator)

    return Taken("(drawn)", Made((side, side), draw))


StateDict = Mapping[str, StoredTensor]
"""Tensors by name."""
SGTOOL = "sgtool"
"""Key of the provenance in checkpoints that sgtool wrote."""
_LONGEST = 1000


def state_dict(value: object, name: str) -> StateDict:
    """Return the value as tensors by name."""
    if not isinstance(value, dict):
        raise UnsupportedError(f"{name or 'it'} is not a state dict")
    if len(value) > MOST_TENSORS:
        raise UnsupportedError(
            f"{name or 'it'} holds {len(value):,} tensors, more than {MOST_TENSORS:,}"
        )
    for key, tensor in value.items():
        if not isinstance(key, str) or not isinstance(tensor, StoredTensor):
            raise UnsupportedError(
                f"{shown(f'{name} {key}'.strip())} is not a tensor, unlike all in a state dict"
            )
    return value


def first_state(root: Mapping[str, object], names: Iterable[str]) -> tuple[StateDict, str]:
    """Return the first state dict of these names in a checkpoint and its name; else all, and ""."""
    part = next((name for name in names if isinstance(root.get(name), dict)), "")
    return state_dict(root[part] if part else root, part), part


def origin(root: Mapping[str, object]) -> dict[str, Any]:
    """Return licence, kimg and provenance for `Foreign`, from sgtool's notes or the program's."""
    facts = _plain(root.get(SGTOOL))
    noted = facts if isinstance(facts, dict) else {}
    licence, kimg, provenance = (noted.get(key) for key in ("licence", "kimg", "provenance"))
    bag = root.get("args")
    arguments = {"args": _plain(bag.values)} if isinstance(bag, Bag) else {}
    return {
        "licence": licence if isinstance(licence, str) else UNSTATED,
        "kimg": float(kimg) if isinstance(kimg, int | float) and isfinite(kimg) else 0.0,
        "provenance": {**(provenance if isinstance(provenance, dict) else {}), **arguments},
    }


def _plain(value: object) -> Any:
    """Return the value if JSON can hold it, else None."""
    if isinstance(value, dict):
        return {name: _plain(each) for name, each in value.items() if isinstance(name, str)}
    if isinstance(value, list | tuple):
        return [_plain(each) for each in value]
    if isinstance(value, str):
        return value[:_LONGEST]
    finite = isinstance(value, int) or (isinstance(value, float) and isfinite(value))
    return value if finite else None


_PREFIXES = ("module.", "_orig_mod.")
"""Prefixes that DataParallel and torch.compile add to every name."""


def unwrapped(root: object) -> tuple[object, tuple[str, ...]]:
    """Return a checkpoint without the wrappings of other programs, and notes on what was removed.

    Takes `module.` and `_orig_mod.` off names, and the generator out of the checkpoints of encoders
    (pSp, e4e), where its names begin with `decoder.`.
    """
    if not isinstance(root, dict):
        return root, ()
    notes: dict[str, None] = {}
    bare = _without_prefix(root, notes)
    found = {key: _without_prefix(value, notes) for key, value in bare.items()}
    state = found.get("state_dict")
    decoder = {
        name.removeprefix("decoder."): value
        for name, value in (state.items() if isinstance(state, dict) else ())
        if isinstance(name, str) and name.startswith("decoder.")
    }
    if decoder:
        notes["the generator is the decoder of an encoder's checkpoint"] = None
        found = {**found, "g_ema": decoder}
    return found, tuple(notes)


def parts_of(root: object, place: str = "", depth: int = 3) -> Iterator[tuple[object, str]]:
    """Yield a checkpoint and all dicts in it, with their places, those named as averages first.

    A dict of names such as `g_ema.conv1.bias` is taken for one of dicts, too.
    """
    yield root, place
    if not isinstance(root, dict) or not depth:
        return
    grouped: dict[object, dict[str, object]] = defaultdict(dict)
    for key, value in root.items():
        part, dot, name = key.partition(".") if isinstance(key, str) else ("", "", "")
        if dot:
            grouped[part][name] = value
    parts: dict[object, object] = {**grouped, **root}
    if grouped:
        yield parts, place
    for key in sorted(parts, key=lambda key: "ema" not in str(key).lower()):
        yield from parts_of(parts[key], f"{place}.{key}".strip("."), depth - 1)


def _without_prefix(value: Any, notes: dict[str, None]) -> Any:
    for prefix in _PREFIXES:
        named = value.keys() if isinstance(value, dict) else ()
        if named and all(isinstance(name, str) and name.startswith(prefix) for name in named):
            value = {name.removeprefix(prefix): each for name, each in value.items()}
            notes[f"names of tensors began with {prefix}, which was removed"] = None
    return value
