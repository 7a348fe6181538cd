"""Architectures derived from the shapes of tensors, and files that record nothing else.

State dicts that have our names, or those of the PyTorch releases, have no description; everything
but shapes, such as clamping, is assumed to be as in the papers.
"""

import re
from collections.abc import Iterable, Mapping

from stylegan_cli.interop.foreign import (
    Foreign,
    StoredTensor,
    Taken,
    assemble,
    foreign_recipe,
    shapes_of,
)
from stylegan_cli.interop.pickles import MOST_TENSORS, RefusedError, UnsupportedError, shown
from stylegan_cli.interop.tensor_maps import (
    NO_W_AVG,
    RESAMPLE_FILTER,
    W_AVG,
    estimated_w_avg,
    origin,
    released,
)

Shapes = Mapping[str, tuple[int, ...]]
"""Shapes by name in our layout, as in the state dict of our generator or discriminator."""


def network_values(
    generator: Mapping[str, Taken], discriminator: Mapping[str, Taken] | None
) -> dict[str, object]:
    """Return values of a recipe, by dotted key, for StyleGAN2 in a file that tells shapes only."""
    shapes = shapes_of(generator)
    # a file may lack the mean of W, so w_dim comes from the layers that make styles
    shapes.setdefault("mapping.w_avg", shapes.get("synthesis.b4.conv1.affine.weight", (0, 0))[1:])
    values = generator_values(shapes)
    if values["data.resolution"] == 4:
        # the only one of our discriminators that accepts images this small
        values["discriminator.architecture"] = "skip"
    elif discriminator is not None:
        found = shapes_of(discriminator)
        values |= discriminator_values(found)
        if "mapping.embed.weight" in found:
            values["discriminator.mapping_layers"] = count_of(r"mapping\.fc\d+\.weight", found)
    return values


def generator_values(shapes: Shapes) -> dict[str, object]:
    """Return values of a recipe, by dotted key, for a generator with these tensors."""
    features = _widths(shapes, r"synthesis\.b(\d+)\.conv1\.weight", axis=0)
    side = max(features)
    base, largest = channel_rule(features)
    all_read = "synthesis.b4.torgb.bias" in shapes
    residual = f"synthesis.b{side}.skip.weight" in shapes
    return {
        "data.resolution": side,
        "data.channels": _size(shapes, f"synthesis.b{side}.torgb.bias", 0),
        "generator.channel_base": base,
        "generator.channel_max": largest,
        "generator.architecture": "resnet" if residual else "skip" if all_read else "orig",
        **latent_values(shapes),
    }


def discriminator_values(shapes: Shapes) -> dict[str, object]:
    """Return values of a recipe, by dotted key, for a discriminator with these tensors."""
    features = _widths(shapes, r"b(\d+)\.conv0\.weight", axis=1)
    features[4] = _size(shapes, "b4.conv.weight", 0)
    base, largest = channel_rule(features)
    readers = sum(name.endswith("fromrgb.weight") for name in shapes)
    residual = any(name.endswith(".skip.weight") for name in shapes)
    return {
        "discriminator.channel_base": base,
        "discriminator.channel_max": largest,
        "discriminator.architecture": "resnet" if residual else "skip" if readers > 1 else "orig",
        "discriminator.mbstd_channels": _size(shapes, "b4.conv.weight", 1) - features[4],
    }


def count_of(pattern: str, names: Iterable[str]) -> int:
    """Return how many names match a pattern."""
    return sum(re.fullmatch(pattern, name) is not None for name in names)


def label_length(shapes: Shapes) -> int:
    """Return the length of the labels of a generator of [ADA], [SG1] or [SG2]; 0 without labels."""
    if "mapping.embed.weight" in shapes:
        return shapes["mapping.embed.weight"][1]
    return shapes["mapping.embedding"][0] if "mapping.embedding" in shapes else 0


def channel_rule(features: Mapping[int, int]) -> tuple[int, int]:
    """Return the smallest channel_base, and the channel_max, for feature maps of these widths."""
    largest = max(features.values())
    base = max(width * side for side, width in features.items())
    if any(min(base // side, largest) != width for side, width in features.items()):
        widths = ", ".join(f"{width} at {side} px" for side, width in sorted(features.items()))
        raise UnsupportedError(
            f"channel counts do not halve with each doubling of the side: {widths}; "
            "sgtool does not support such networks"
        )
    return base, largest


def _widths(shapes: Shapes, pattern: str, *, axis: int) -> dict[int, int]:
    found = {
        int(match[1]): _size(shapes, name, axis)
        for name in shapes
        if (match := re.fullmatch(pattern, name))
    }
    if not found:
        raise UnsupportedError("no layers that sgtool knows")
    return found


def _size(shapes: Shapes, name: str, axis: int) -> int:
    if name not in shapes or len(shapes[name]) <= axis:
        raise UnsupportedError(f"there is no {name}, or it has other axes")
    return shapes[name][axis]


def latent_values(shapes: Shapes) -> dict[str, object]:
    """Return values of a recipe, by dotted key, for a mapping network with these tensors."""
    layers = count_of(r"mapping\.fc\d+\.weight", shapes)
    w_dim = _size(shapes, "mapping.w_avg", 0)
    z_dim = _size(shapes, "mapping.fc0.weight", 1) if layers else w_dim
    if "mapping.embedding" in shapes:
        z_dim = _size(shapes, "mapping.embedding", 1)
    elif "mapping.embed.weight" in shapes:
        z_dim -= _size(shapes, "mapping.embed.weight", 0)
    return {"generator.z_dim": z_dim, "generator.w_dim": w_dim, "generator.mapping_layers": layers}


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
    generator = _part(tensors, at, reversed_=of_release)
    discriminator = None if d_at is None else _part(tensors, d_at, reversed_=of_release)
    recipe = foreign_recipe(network_values(generator, discriminator), source)
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


def _part(tensors: Mapping[str, StoredTensor], prefix: str, *, reversed_: bool) -> dict[str, Taken]:
    """Return the tensors of the network behind a prefix, by our names."""
    inside = (
        (theirs.removeprefix(prefix), stored)
        for theirs, stored in tensors.items()
        if theirs.startswith(prefix)
    )
    known = (each for each in inside if re.match(r"mapping\.|synthesis\.|b\d+\.", each[0]))
    return released(known, prefix, reversed_=reversed_)
