"""State dicts that have our names, or those of the PyTorch releases, and no description.

A state dict records shapes; everything else, such as clamping, is assumed to be as in the papers.
"""

import re
from collections.abc import Mapping

from stylegan_cli.interop.foreign import (
    Foreign,
    StoredTensor,
    Taken,
    assemble,
    foreign_recipe,
    shapes_of,
)
from stylegan_cli.interop.pickles.limits import MOST_TENSORS, RefusedError, shown
from stylegan_cli.interop.shapes_of_networks import label_length, network_values
from stylegan_cli.interop.tensor_maps import (
    NO_W_AVG,
    RESAMPLE_FILTER,
    W_AVG,
    estimated_w_avg,
    origin,
    released,
)

_GENERATOR_MARK = "synthesis.b4.conv1.affine.weight"
_DISCRIMINATOR_MARK = "b4.out.weight"

_UNTOLD = (
    "records shapes only: layers are assumed to be unclamped, deviation over groups of 4, and "
    "mapping layers to learn at 0.01"
)


def tensors_in(root: object, prefix: str = "") -> dict[str, StoredTensor]:
    """Return all tensors in nested dicts, by dotted name."""
    if isinstance(root, StoredTensor):
        return {prefix.rstrip("."): root}
    found: dict[str, StoredTensor] = {}
    for name, value in root.items() if isinstance(root, dict) else ():
        found |= tensors_in(value, f"{prefix}{name}.")
        if len(found) > MOST_TENSORS:
            raise RefusedError(f"more than {MOST_TENSORS:,} tensors")
    return found


def is_bare_network(tensors: Mapping[str, StoredTensor]) -> bool:
    """Return whether the tensors contain a StyleGAN2 generator with our names."""
    return _prefix(tensors, _GENERATOR_MARK) is not None


def read_bare_network(
    root: Mapping[str, object], tensors: Mapping[str, StoredTensor], source: str
) -> Foreign:
    """Read the networks of a state dict; of several generators, the average."""
    at, d_at = _prefix(tensors, _GENERATOR_MARK), _prefix(tensors, _DISCRIMINATOR_MARK)
    assert at is not None
    of_release = any(name.endswith(RESAMPLE_FILTER) for name in tensors)
    generator = _part(tensors, at, source, reversed_=of_release)
    discriminator = None if d_at is None else _part(tensors, d_at, source, reversed_=of_release)
    recipe = foreign_recipe(network_values(generator, discriminator, source), source)
    c_dim = label_length(shapes_of(generator))
    notes = [_UNTOLD]
    if W_AVG not in generator and not c_dim:
        generator[W_AVG] = estimated_w_avg(recipe, generator)
        notes.append(NO_W_AVG)
    used = {taken.theirs for part in (generator, discriminator or {}) for taken in part.values()}
    rest = [name for name in tensors if name not in used and not name.endswith(RESAMPLE_FILTER)]
    return assemble(
        source,
        recipe,
        c_dim,
        generator=generator,
        discriminator=discriminator,
        kind="stylegan2-ada-pytorch state dict" if of_release else "state dict",
        unused=tuple(map(shown, rest)),
        notes=tuple(notes),
        **origin(root),
    )


def _prefix(tensors: Mapping[str, StoredTensor], mark: str) -> str | None:
    """Return the prefix of our names in the file; of several, the one of an average."""
    found = [
        name.removesuffix(mark) for name in tensors if name == mark or name.endswith(f".{mark}")
    ]
    return min(found, key=lambda prefix: ("ema" not in prefix.lower(), prefix), default=None)


def _part(
    tensors: Mapping[str, StoredTensor], prefix: str, source: str, *, reversed_: bool
) -> dict[str, Taken]:
    """Return the tensors of the network behind a prefix, by our names."""
    inside = (
        (theirs.removeprefix(prefix), stored)
        for theirs, stored in tensors.items()
        if theirs.startswith(prefix)
    )
    known = (each for each in inside if re.match(r"mapping\.|synthesis\.|b\d+\.", each[0]))
    return released(known, prefix, source, reversed_=reversed_)
