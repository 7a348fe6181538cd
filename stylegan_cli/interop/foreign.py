"""Networks of another program's file in our terms, and their conversion to a file of ours.

Readers of other formats end in `assemble`; `interop.reading` finds the reader for a file. All raise
ForeignFileError for files that are damaged or refused, and for networks that sgtool does not have.
"""

import math
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Protocol, TypeVar, runtime_checkable

import torch
from torch import Tensor, nn

from stylegan_cli.errors import ForeignFileError, RecipeError
from stylegan_cli.interop.pickles import UnsupportedError, shown
from stylegan_cli.networks.family import build_discriminator, build_generator
from stylegan_cli.networks.header import Header
from stylegan_cli.networks.snapshot import save_tensors, versions
from stylegan_cli.recipe import Recipe, Settled

_WHOLE_BATCH = 32
"""Group size for groups of the whole batch in D: our default batch size."""
_NAMED = 3
_MOST_LAYERS = 100
_SLACK = 2**26


class NoGeneratorError(ForeignFileError):
    """A file of networks that holds no generator; it may hold a classifier."""


@runtime_checkable
class StoredTensor(Protocol):
    """A tensor in a foreign file that is copied only when it is asked for."""

    @property
    def shape(self) -> tuple[int, ...]: ...
    def tensor(self) -> Tensor: ...


@dataclass(frozen=True)
class Made:
    """A tensor that is made on demand, presented like one in a file; the same each time."""

    shape: tuple[int, ...]
    tensor: Callable[[], Tensor]


def loaded(tensor: Tensor) -> Made:
    """Present a tensor in memory like one in a file."""
    return Made(tuple(tensor.shape), lambda: tensor)


@dataclass(frozen=True)
class Taken:
    """A tensor of a foreign file that becomes one of ours.

    Attributes:
        theirs: Its name in the file.
        form: From the file's layout to ours: transposes, flips, offsets.
    """

    theirs: str
    stored: StoredTensor
    form: Callable[[Tensor], Tensor] = lambda tensor: tensor

    @property
    def shape(self) -> tuple[int, ...]:
        """Return the shape in our layout, without reading the numbers."""
        try:
            return tuple(self.form(torch.empty(self.stored.shape, device="meta")).shape)
        except (RuntimeError, IndexError, ValueError, ArithmeticError):
            raise UnsupportedError(
                f"{shown(self.theirs)} has the shape {sizes(self.stored.shape)}, "
                "which does not fit such a tensor"
            ) from None

    def tensor(self) -> Tensor:
        """Return the numbers in our layout, contiguous float32."""
        return self.form(self.stored.tensor().float()).contiguous()


@dataclass(frozen=True, kw_only=True)
class Foreign(Header):
    """The networks of a foreign file, in our terms.

    The recipe has the architecture of the file, elsewhere the defaults of the family.

    Attributes:
        kind: The program that writes such files, as "stylegan2-ada-pytorch" or "stylegan-tf".
        tensors: As in our network files: `g_ema.*`, and `d.*` where the file has a D that ours
            can hold.
        names: Name in the file by name of the tensor.
        unused: Names in the file, or beginnings of names, that none of ours came from.
    """

    kind: str
    tensors: Mapping[str, Tensor]
    names: Mapping[str, str]
    unused: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()

    @property
    def has_discriminator(self) -> bool:
        return any(name.startswith("d.") for name in self.tensors)


AnyD = TypeVar("AnyD")
Values = Mapping[str, object]
"""Raw values of a recipe by dotted key."""


def foreign_recipe(values: Values, source: str = "") -> Settled:
    """Return the recipe of networks found in a file, with its name as title.

    Args:
        values: Raw values by dotted key, as "generator.z_dim"; else the family's defaults hold.
    """
    try:
        return Recipe(source=source, values={"title": Path(source).stem, **values}).settle()
    except RecipeError as error:
        raise UnsupportedError(
            f"networks that sgtool does not support: {'; '.join(error.problems)}"
        ) from None


def assemble(
    source: str,
    recipe: Settled,
    c_dim: int,
    *,
    generator: Mapping[str, Taken],
    discriminator: Mapping[str, Taken] | None = None,
    **others: Any,
) -> Foreign:
    """Assemble the networks of a file after checking that every tensor is there with its shape.

    Args:
        generator: The tensor found for each name in the state dict of our generator.
        discriminator: The same for our discriminator, if there is one; left out, with a note, if
            ours cannot hold it.
    """
    layers = recipe.generator.mapping_layers, recipe.discriminator.mapping_layers
    if sum(layers) > _MOST_LAYERS:
        raise UnsupportedError(f"{max(layers)} mapping layers, more than sgtool supports")
    try:
        with torch.device("meta"):
            G = build_generator(recipe, c_dim=c_dim)
            D = build_discriminator(recipe, c_dim=c_dim) if discriminator is not None else None
    except RuntimeError as error:
        raise UnsupportedError(f"networks of an impossible size ({error})") from None
    found = fitted("g_ema.", G, generator)
    _check_amount(source, found)
    notes: tuple[str, ...] = others.pop("notes", ())
    if D is not None and discriminator is not None:
        try:
            critic = fitted("d.", D, discriminator)
            _check_amount(source, found | critic)
            found |= critic
        except UnsupportedError as error:
            notes += (_left_out(error),)
    tensors = {ours: taken.tensor() for ours, taken in found.items()}
    broken = [found[ours].theirs for ours, tensor in tensors.items() if not tensor.isfinite().all()]
    if broken:
        notes += (f"NaN or infinite numbers in {_some('', broken)}; copy or download it again",)
    return Foreign(
        recipe=recipe,
        c_dim=c_dim,
        tensors=tensors,
        names={ours: taken.theirs for ours, taken in found.items()},
        notes=notes,
        **others,
    )


def discriminator_if_possible(
    D: AnyD | None, read: Callable[[AnyD], tuple[Mapping[str, Taken], Values]]
) -> tuple[Mapping[str, Taken] | None, Values, tuple[str, ...]]:
    """Return tensors and values of the recipe; or none, and a note, if ours cannot hold that D."""
    if D is None:
        return None, {}, ()
    try:
        return *read(D), ()
    except UnsupportedError as error:
        return None, {}, (_left_out(error),)


def _left_out(error: UnsupportedError) -> str:
    # drawing images needs no discriminator
    return f"its discriminator is left out: {error}"


def deviation_groups(found: object) -> Values:
    """Return values of the recipe for groups of the minibatch deviation of this size.

    Args:
        found: As the file has it; None and 0 stand for the whole batch.
    """
    size = found or _WHOLE_BATCH
    batch = {"train.batch_size": math.lcm(size, 32)} if isinstance(size, int) else {}
    return {"discriminator.mbstd_group_size": size, **batch}


def shapes_of(found: Mapping[str, Taken]) -> dict[str, tuple[int, ...]]:
    """Return the shapes of the tensors that were found, in our layout."""
    return {name: taken.shape for name, taken in found.items()}


def save_foreign(foreign: Foreign, path: Path) -> None:
    """Write the networks as one of our network files; it appears only when whole.

    Raises:
        OutputError: The place cannot be written.
    """
    origin = {**foreign.provenance, "kind": foreign.kind, "converted_by": versions()}
    save_tensors(path, replace(foreign, provenance=origin), foreign.tensors)


def sizes(shape: Iterable[int]) -> str:
    """Return a shape in words."""
    return "×".join(map(str, shape)) or "a single number"


def fitted(prefix: str, network: nn.Module, found: Mapping[str, Taken]) -> dict[str, Taken]:
    """Return the tensor found for each tensor of a network, by its name after a prefix."""
    expected = {name: tuple(tensor.shape) for name, tensor in network.state_dict().items()}
    missing = [name for name in expected if name not in found]
    if missing:
        raise UnsupportedError(f"no weights for {_some(prefix, missing)}")
    extra = [found[name].theirs for name in found if name not in expected]
    if extra:
        raise UnsupportedError(f"weights of layers that sgtool does not have: {_some('', extra)}")
    for name, shape in expected.items():
        if found[name].shape != shape or math.prod(shape) != math.prod(found[name].stored.shape):
            raise UnsupportedError(
                f"{shown(found[name].theirs)} has the shape "
                f"{sizes(found[name].stored.shape)}; as {prefix}{name} of this network "
                f"it needs {sizes(shape)}"
            )
    return {f"{prefix}{name}": found[name] for name in expected}


def _check_amount(source: str, found: Mapping[str, Taken]) -> None:
    # a few numbers in a file may claim many layers
    most = _SLACK + 8 * Path(source).stat().st_size
    claimed = sum(4 * math.prod(taken.shape) for taken in found.values())
    if claimed > most:
        raise UnsupportedError(f"claims {claimed:,} bytes of weights, too many for its size")


def _some(prefix: str, names: list[str]) -> str:
    some = ", ".join(prefix + shown(name) for name in names[:_NAMED])
    return some if len(names) <= _NAMED else f"{some} and {len(names) - _NAMED} more"


_OWN = "networks you trained yourself are yours, within the licence of the program that made them"

NVIDIA_SOURCE_LICENCE = (
    "non-commercial: published networks of this format are under NVIDIA's Source Code License, "
    f"and so are copies in other formats; {_OWN}"
)
"""StyleGAN2, [ADA] and [SG3]."""

CC_BY_NC = (
    "non-commercial: published networks of this format are under CC BY-NC 4.0 by NVIDIA, "
    f"and so are copies in other formats; {_OWN}"
)
"""Progressive GAN and StyleGAN."""

UNSTATED = (
    "not stated in the file: what was converted from published weights keeps their licence, which "
    f"for NVIDIA's is non-commercial; {_OWN}"
)
"""Checkpoints of programs that take published weights as well as train."""
