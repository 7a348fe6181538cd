"""Network pickles of the TensorFlow releases: Progressive GAN, StyleGAN, StyleGAN2, [ADA]."""

from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path

import torch

from stylegan_cli.errors import ForeignFileError
from stylegan_cli.interop.foreign import (
    Foreign,
    Loaded,
    NoGeneratorError,
    Taken,
    assemble,
    foreign_recipe,
    left_out,
    shapes_of,
)
from stylegan_cli.interop.pickles.limits import shown
from stylegan_cli.interop.shapes_of_networks import (
    discriminator_values,
    generator_values,
    label_length,
)
from stylegan_cli.interop.tensorflow_networks import (
    Naming,
    PickledNetwork,
    discriminator_name,
    generator_form,
    generator_name,
    kernel_form,
)
from stylegan_cli.interop.tensorflow_options import (
    Kind,
    discriminator_options,
    fused_from,
    generator_options,
    kind_of,
    number,
    truncation_of,
)

_OF_THE_WHOLE = ("lod", "dlatent_avg")


def tensorflow_networks(root: object) -> tuple[PickledNetwork, ...]:
    """Return the networks of a TensorFlow pickle, in order; none for another pickle."""
    members = root if isinstance(root, tuple | list) else (root,)
    return tuple(member for member in members if isinstance(member, PickledNetwork))


def read_tensorflow_release(networks: Sequence[PickledNetwork], source: str) -> Foreign:
    """Read the averaged generator, which is the last, and the discriminator of a pickle.

    Raises:
        ForeignFileError: Of the Theano release, or not networks that sgtool has.
    """
    if any(network.version is None for network in networks):
        raise ForeignFileError(
            f"{source}: networks of the Theano release of Progressive GAN, which sgtool does not "
            "read; use those of its TensorFlow release"
        )
    generators = [network for network in networks if _has(network, "ToRGB")]
    if not generators:
        raise NoGeneratorError(f"{source}: networks, but no generator among them")
    G = generators[-1]
    variables = _generator_variables(G)
    kind = kind_of(G, variables, source)
    generator = _generator(G, variables, kind, source)
    shapes = shapes_of(generator)
    c_dim = label_length(shapes) or _joined_labels(G, kind)
    values = generator_values(shapes, source) | generator_options(G, kind, source)
    if kind.family == "progan":
        values["generator.z_dim"] = values["generator.w_dim"] = shapes["mapping.w_avg"][0] - c_dim
    discriminator, d_values, notes = _discriminator(networks, kind, source)
    return assemble(
        source,
        foreign_recipe({"title": Path(source).stem, **values, **d_values}, source),
        c_dim,
        generator=generator,
        discriminator=discriminator,
        kind=kind.name,
        lod=_lod(variables, kind, source),
        unused=("G",) if len(generators) > 1 else (),
        licence=kind.licence,
        provenance=truncation_of(G, kind),
        notes=notes,
    )


def _has(network: PickledNetwork, part: str) -> bool:
    return any(part in name for name in network.variables)


def _generator_variables(G: PickledNetwork) -> dict[str, Taken]:
    """Return variables by name; Progressive GAN's as those of the synthesis network it is."""
    of_parts = ("mapping/", "synthesis/")
    return {
        name if name in _OF_THE_WHOLE or name.startswith(of_parts) else f"synthesis/{name}": Taken(
            f"Gs.{name}", array
        )
        for name, array in G.variables.items()
    }


def _generator(
    G: PickledNetwork, variables: Mapping[str, Taken], kind: Kind, source: str
) -> dict[str, Taken]:
    resolution = _resolution(variables, source)
    naming = Naming(
        resolution=resolution,
        layers="modulated" if kind.family == "stylegan2" else "tails",
        fused_from=fused_from(G, variables, kind),
    )
    found = {}
    for name, taken in variables.items():
        if name in ("lod", "synthesis/lod"):
            continue
        ours = generator_name(name, naming)
        if ours is None:
            raise ForeignFileError(f"{source}: a variable of an unknown layer: {shown(name)}")
        found[ours] = Taken(taken.theirs, taken.stored, generator_form(name, naming))
    if kind.family == "progan" and "synthesis.b4.input.weight" in found:
        # without a mapping network, w is z and there is no mean to truncate towards
        zeros = torch.zeros(found["synthesis.b4.input.weight"].shape[-1])
        found["mapping.w_avg"] = Taken("none: zeros", Loaded(zeros))
    return found


def _resolution(variables: Iterable[str], source: str) -> int:
    names = list(variables)
    sides = (4 << i for i in range(9))
    there = [side for side in sides if any(f"/{side}x{side}/" in name for name in names)]
    if not there:
        raise ForeignFileError(f"{source}: no layers that sgtool knows")
    return there[-1]


def _discriminator(
    networks: Sequence[PickledNetwork], kind: Kind, source: str
) -> tuple[dict[str, Taken] | None, dict[str, object], tuple[str, ...]]:
    """Return tensors, values of the recipe, and notes; no tensors if ours cannot hold it."""
    critics = [network for network in networks if _has(network, "FromRGB")]
    if not critics:
        return None, {}, ()
    try:
        found = discriminator_tensors(critics[0], source)
        values = discriminator_values(shapes_of(found), source)
        return found, values | discriminator_options(critics[0], found, kind, source), ()
    except ForeignFileError as error:
        return None, {}, (left_out(error, source),)


def discriminator_tensors(D: PickledNetwork, source: str) -> dict[str, Taken]:
    """Return the tensor found for each name in the state dict of a discriminator of ours.

    Raises:
        ForeignFileError: There is a variable of an unknown layer.
    """
    resolution = _resolution((f"/{name}" for name in D.variables), source)
    found = {}
    for name, array in D.variables.items():
        if name == "lod":
            continue
        ours = discriminator_name(name, resolution)
        if ours is None:
            raise ForeignFileError(f"{source}: a variable of an unknown layer: {shown(name)}")
        found[ours] = Taken(f"D.{name}", array, kernel_form)
    return found


def _joined_labels(G: PickledNetwork, kind: Kind) -> int:
    size = number(G.options.get("label_size", 0)) if kind.family == "progan" else 0
    return size if isinstance(size, int) else 0


def _lod(variables: Mapping[str, Taken], kind: Kind, source: str) -> float:
    """Return the number of levels a growing network still lacks; 0 for other networks."""
    stored = variables.get("synthesis/lod", variables.get("lod"))
    if stored is None or not kind.grows:
        return 0.0
    lod = float(stored.tensor())
    levels = _resolution(variables, source).bit_length() - 3
    if not 0 <= lod <= levels:
        raise ForeignFileError(
            f"{source}: lod is {lod:g}, but there are only {levels} levels above 4×4"
        )
    return lod
