"""Network files: written whole, hashed and versioned; reading one never runs code."""

import hashlib
import json
import platform
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import cache, cached_property, partial
from math import isfinite
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal

from stylegan_cli import __version__
from stylegan_cli.errors import NetworkFileError, RecipeError
from stylegan_cli.files import similar, writing, written_whole
from stylegan_cli.networks.differences import (
    DIFFERENCE_OF,
    added,
    described,
    difference,
    find_base,
)
from stylegan_cli.networks.sizes import Sizes, sizes_of, sizes_of_built
from stylegan_cli.recipe import Settled, dumps, loads

if TYPE_CHECKING:
    import torch
    from torch import Tensor, nn

    from stylegan_cli.networks.discriminators import Discriminator
    from stylegan_cli.networks.generator import Generator
    from stylegan_cli.ops import BackendName

SCHEMA = 1
EXPORT_SUFFIXES = (".onnx", ".pt2")
"""Suffixes of networks for other programs, which are written but never read."""
Precision = Literal["fp32", "bf16"]


@dataclass(frozen=True, kw_only=True)
class Header:
    """Description of a network in its file.

    Attributes:
        c_dim: Length of a label, 0 without labels.
        classes: Names of the classes, if the data set has names.
        label_columns: Where labels are numbers, the name of each, with the least, mean and
            greatest value among the images trained on; empty for classes.
        kimg: Thousands of real images shown in training.
        lod: Levels that a growing network still lacks.
        provenance: Data set, versions and date.
    """

    recipe: Settled
    c_dim: int
    classes: tuple[str, ...]
    label_columns: Mapping[str, tuple[float, float, float]] = field(default_factory=dict)
    kimg: float
    lod: float = 0.0
    licence: str
    provenance: Mapping[str, Any]


@dataclass(frozen=True, kw_only=True)
class Network:
    """A network in a file, whose weights are read when they are first needed.

    Attributes:
        sha256: Of the file.
        shapes: Of its tensors.
        read: Returns generator and discriminator, the same ones at every call.
        precision: Of the generator's activations.
    """

    path: Path
    sha256: str
    header: Header
    shapes: Mapping[str, tuple[int, ...]]
    read: Callable[[], "tuple[Generator, Discriminator | None]"]
    precision: Precision = "fp32"

    @property
    def G(self) -> "Generator":
        """The averaged generator, without gradients."""
        return self.read()[0]

    @property
    def D(self) -> "Discriminator | None":
        """The discriminator, if it was asked for."""
        return self.read()[1]

    @cached_property
    def sizes(self) -> Sizes:
        """Sizes of G, which are known before its weights are read."""
        return sizes_in(self.header, self.shapes) or sizes_of_built(self.G)

    @property
    def recipe(self) -> Settled:
        return self.header.recipe

    @property
    def c_dim(self) -> int:
        return self.header.c_dim

    @property
    def classes(self) -> tuple[str, ...]:
        return self.header.classes

    @property
    def label_columns(self) -> Mapping[str, tuple[float, float, float]]:
        return self.header.label_columns

    @property
    def kimg(self) -> float:
        return self.header.kimg


def save_network(path: Path, header: Header, G_ema: "nn.Module", D: "nn.Module") -> None:
    """Write a network file, which appears under its name only when whole.

    Raises:
        OutputError: The file cannot be written.
    """
    tensors = {f"g_ema.{key}": tensor for key, tensor in G_ema.state_dict().items()}
    tensors |= {f"d.{key}": tensor for key, tensor in D.state_dict().items()}
    save_tensors(path, header, tensors)


def save_tensors(path: Path, header: Header, tensors: Mapping[str, "Tensor"]) -> None:
    """Write a network file from tensors that fit its header.

    Args:
        tensors: `g_ema.*` and, if there is a discriminator, `d.*`, as in their state dicts.

    Raises:
        OutputError: The file cannot be written.
    """
    _write(path, tensors, _described(header))


def save_difference(path: Path, header: Header, G: "nn.Module", base: Network) -> None:
    """Write a generator as its difference from another network, in half precision.

    Raises:
        OutputError: The file cannot be written.
    """
    own = {f"g_ema.{key}": tensor.cpu() for key, tensor in G.state_dict().items()}
    metadata = {**_described(header), DIFFERENCE_OF: described(base.path, base.sha256)}
    _write(path, difference(own, read_tensors(base.path)), metadata)


def _described(header: Header) -> dict[str, str]:
    return {
        "schema": str(SCHEMA),
        "recipe": dumps(header.recipe),
        "c_dim": str(header.c_dim),
        "classes": json.dumps(header.classes),
        "kimg": repr(header.kimg),
        "lod": repr(header.lod),
        "licence": header.licence,
        "provenance": json.dumps(dict(header.provenance)),
        **({"label_columns": json.dumps(known)} if (known := dict(header.label_columns)) else {}),
    }


def _write(path: Path, tensors: Mapping[str, "Tensor"], metadata: Mapping[str, str]) -> None:
    from safetensors import SafetensorError
    from safetensors.torch import save

    plain = {key: tensor.detach().cpu().contiguous() for key, tensor in tensors.items()}
    with (
        written_whole(path) as temporary,
        writing(path, SafetensorError),
        temporary.open("wb") as file,
    ):
        # save_file would make a file that only its owner may read
        file.writelines(_in_order(save(plain, dict(metadata))))


def _in_order(saved: bytes) -> tuple[bytes, memoryview]:
    """Return the two parts of a file of safetensors, which orders the description at random."""
    end = 8 + int.from_bytes(saved[:8], "little")
    description = json.dumps(json.loads(saved[8:end]), sort_keys=True).encode()
    description += b" " * (-len(description) % 8)
    return len(description).to_bytes(8, "little") + description, memoryview(saved)[end:]


def versions() -> dict[str, str]:
    """Return the versions of the programs that compute here, for provenance."""
    import torch

    return {
        "sgtool": __version__,
        "torch": str(torch.__version__),
        "python": platform.python_version(),
    }


def read_header(path: Path) -> Header:
    """Read the description of a network without its weights.

    Raises:
        NetworkFileError: The file is not a network file of ours, or damaged.
    """
    return _header(path, _metadata(path))


def has_discriminator(path: Path) -> bool:
    """Return whether a network file holds the discriminator too.

    Raises:
        NetworkFileError: The file is not a network file of ours, or damaged.
    """
    _metadata(path)
    return any(name.startswith("d.") for name in tensor_shapes(path))


def is_network(path: Path) -> bool:
    """Return whether this is a safetensors file of sgtool, as its description says."""
    try:
        return "recipe" in _metadata(path)
    except NetworkFileError:
        return False


def sizes_in(header: Header, shapes: Mapping[str, tuple[int, ...]]) -> Sizes | None:
    """Return the sizes of the generator in a file; None if family or tensors do not tell them.

    Args:
        shapes: Of the tensors in the file.
    """
    w_avg = shapes.get("g_ema.mapping.w_avg", (header.recipe.generator.w_dim,))
    if len(w_avg) != 1:
        return None
    return sizes_of(header.recipe, w_dim=w_avg[0], c_dim=header.c_dim, lod=header.lod)


def tensor_shapes(path: Path) -> dict[str, tuple[int, ...]]:
    """Return the shape of every tensor of a network file, by name."""
    from safetensors import safe_open

    with safe_open(path, framework="numpy") as file:
        names = file.keys()
        return {name: tuple(file.get_slice(name).get_shape()) for name in names}


def read_tensors(path: Path) -> "dict[str, Tensor]":
    """Read the tensors of a network file; those of a difference are added to its base.

    Raises:
        NetworkFileError: The base is missing, or does not fit.
    """
    from safetensors.torch import load_file

    tensors = load_file(path)
    if (entry := _metadata(path).get(DIFFERENCE_OF)) is None:
        return tensors
    base = find_base(path, entry)
    try:
        return added(read_tensors(base), tensors)
    except (KeyError, RuntimeError) as error:
        raise NetworkFileError(f"{path}: does not fit {base}: {error}") from None


def load_network(
    path: Path,
    device: "torch.device | str" = "cpu",
    *,
    discriminator: bool = False,
    precision: Precision = "fp32",
    backend: "BackendName" = "auto",
) -> Network:
    """Load the generator of a network file, and its discriminator if asked for.

    Args:
        precision: Of the generator's activations from 8×8 up.
        backend: Of its operations.

    Raises:
        NetworkFileError: The file is not a network file of ours, damaged, or lacks tensors.
    """

    def read(header: Header) -> "tuple[Generator, Discriminator | None]":
        G, D = read_networks(
            path, header, discriminator=discriminator, precision=precision, backend=backend
        )
        return G.to(device), None if D is None else D.to(device)

    network = open_network(path, read, precision)
    network.read()
    return network


def open_network(
    path: Path,
    read: "Callable[[Header], tuple[Generator, Discriminator | None]]",
    precision: Precision,
) -> Network:
    """Open a network file; its weights are read later.

    Args:
        read: Returns the networks of the file.

    Raises:
        NetworkFileError: The file is not a network file of ours, or damaged.
    """
    header = read_header(path)
    return Network(
        path=path,
        sha256=file_sha256(path),
        header=header,
        shapes=tensor_shapes(path),
        read=cache(partial(read, header)),
        precision=precision,
    )


def read_networks(
    path: Path,
    header: Header,
    *,
    discriminator: bool = False,
    precision: Precision = "fp32",
    backend: "BackendName" = "auto",
) -> "tuple[Generator, Discriminator | None]":
    """Read the weights of a network file into its generator and, if asked for, discriminator.

    Raises:
        NetworkFileError: They do not fit the header.
    """
    import torch

    from stylegan_cli.networks.build import Unfilled, build_discriminator, build_generator

    tensors = read_tensors(path)
    if discriminator and not any(name.startswith("d.") for name in tensors):
        raise NetworkFileError(f"{path}: no discriminator; the file it was made from had none")
    with Unfilled():
        dtype = torch.bfloat16 if precision == "bf16" else torch.float32
        G = build_generator(header.recipe, c_dim=header.c_dim, dtype=dtype, backend=backend)
        D = build_discriminator(header.recipe, c_dim=header.c_dim) if discriminator else None
    _fill(path, G, tensors, "g_ema.")
    G.lod = header.lod
    if D is not None:
        _fill(path, D, tensors, "d.")
        D.lod = header.lod
        D.eval().requires_grad_(False)
    G.eval().requires_grad_(False)
    return G, D


def check_schema(path: Path, schema: object) -> None:
    """Check that this version reads the schema of a file.

    Raises:
        NetworkFileError: The schema is newer, or not a number.
    """
    if not isinstance(schema, int) or schema < 1:
        raise NetworkFileError(f"{path}: unknown schema {schema!r}")
    if schema > SCHEMA:
        raise NetworkFileError(
            f"{path}: schema {schema} is newer than this sgtool reads ({SCHEMA}); upgrade sgtool"
        )


def file_sha256(path: Path) -> str:
    """Hash the bytes of a file; return hex digits."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def refuse_exports(path: Path) -> None:
    """Refuse files for other programs, which cannot be read back.

    Raises:
        NetworkFileError: The suffix is one of `EXPORT_SUFFIXES`.
    """
    if path.suffix.lower() in EXPORT_SUFFIXES:
        raise NetworkFileError(
            f"{path}: for other programs only, sgtool does not read it back; "
            "give the .safetensors or the run that it was made from"
        )


def _metadata(path: Path) -> dict[str, str]:
    from safetensors import SafetensorError, safe_open

    if not path.is_file():
        lead = similar(path) or "; give a network-*.safetensors or a run folder"
        raise NetworkFileError(f"{path}: no such file{lead}")
    refuse_exports(path)
    if _is_foreign(path):
        raise NetworkFileError(
            f"{path}: not a network file of sgtool; if another program wrote it, "
            f"convert it first: sgtool convert {path} {path.stem}.safetensors"
        )
    try:
        with safe_open(path, framework="numpy") as file:
            metadata: dict[str, str] | None = file.metadata()
    except (SafetensorError, OSError) as error:
        raise NetworkFileError(
            f"{path}: not a readable network file ({error}); if it is cut short, copy it again"
        ) from None
    if not metadata or "recipe" not in metadata:
        raise NetworkFileError(f"{path}: a safetensors file, but not a network of sgtool")
    return metadata


def _is_foreign(path: Path) -> bool:
    """Return whether a file is of another format, rather than damaged."""
    with path.open("rb") as file:
        # a safetensors file starts with the length of its description, which is JSON
        start = file.read(9)
    return path.suffix != ".safetensors" and start[8:] != b"{"


def _header(path: Path, metadata: Mapping[str, str]) -> Header:
    from pydantic import ValidationError

    try:
        stored = _stored().model_validate(metadata)
        check_schema(path, stored.schema_)
        recipe = loads(stored.recipe, source=str(path))
    except ValidationError as error:
        first = error.errors()[0]
        reason = f"{'.'.join(map(str, first['loc']))}: {first['msg']}"
    except RecipeError as error:
        reason = str(error)
    else:
        facts = stored.model_dump(exclude={"schema_", "recipe"})
        found = [number for column in stored.label_columns.values() for number in column]
        reason = ""
        if len(found) not in (0, 3 * stored.c_dim) or not all(map(isfinite, found)):
            reason = "its label_columns are not those of its labels"
        if stored.lod >= len(recipe.data.size.levels):
            reason = f"lod: {stored.lod:g} is more levels than it has"
        if not reason:
            return Header(recipe=recipe, **facts)
    raise NetworkFileError(f"{path}: damaged description of the network ({reason})")


@cache
def _stored() -> Any:
    """Return the pydantic model of a header in a file, whose values are texts or JSON."""
    from pydantic import BaseModel, Field, Json

    class StoredHeader(BaseModel):
        schema_: Annotated[int, Field(alias="schema")]
        recipe: str
        c_dim: Annotated[int, Field(ge=0, le=2**16)]
        classes: Json[tuple[str, ...]]
        label_columns: Json[dict[str, tuple[float, float, float]]] = {}
        kimg: Annotated[float, Field(ge=0, allow_inf_nan=False)]
        # files of the first versions lack it: their networks did not grow
        lod: Annotated[float, Field(ge=0, le=16)] = 0.0
        licence: str
        provenance: Json[dict[str, Any]]

    return StoredHeader


def _fill(path: Path, module: "nn.Module", tensors: Mapping[str, "Tensor"], prefix: str) -> None:
    import torch

    own = {
        key.removeprefix(prefix): tensor.float().contiguous(
            memory_format=torch.channels_last if tensor.ndim == 4 else torch.contiguous_format
        )
        for key, tensor in tensors.items()
        if key.startswith(prefix)
    }
    try:
        module.load_state_dict(own, assign=True)
    except RuntimeError as error:
        details = "; ".join(line.strip() for line in str(error).splitlines()[1:4])
        raise NetworkFileError(
            f"{path}: the weights do not fit the description of the network: {details}"
        ) from None
