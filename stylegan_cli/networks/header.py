"""The description of a network in its file, which is read without its weights and without torch."""

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cache
from math import isfinite
from pathlib import Path
from typing import Annotated, Any

from stylegan_cli.errors import NetworkFileError, RecipeError
from stylegan_cli.files import similar
from stylegan_cli.networks.sizes import Sizes, sizes_of
from stylegan_cli.recipe import Settled, dumps, loads

SCHEMA = 1
EXPORT_SUFFIXES = (".onnx", ".pt2")
"""Suffixes of networks for other programs, which are written but never read."""

_IMAGE = "an image, not a network, despite its name"
_PAGE = "a web page, not a network; download the file itself"
_OTHER_CONTENT = {
    b"\xff\xd8\xff": _IMAGE,
    b"\x89png": _IMAGE,
    b"gif8": _IMAGE,
    b"<!doctype": _PAGE,
    b"<html": _PAGE,
    b"\x1f\x8b": "compressed with gzip; unpack it first, with gunzip",
    b"bzh": "compressed with bzip2; unpack it first, with bunzip2",
    b"\xfd7zxz": "compressed with xz; unpack it first, with unxz",
    b"version https://git-lfs": "a pointer of Git LFS, not the network; run git lfs pull",
}
"""Other files by their first bytes, in lower case."""


def other_content(path: Path) -> str:
    """Return what a file is and what to do if it is no network, whatever its name; else nothing.

    Raises:
        OSError: It cannot be read.
    """
    with path.open("rb") as file:
        start = file.read(64)
    if not start:
        return "damaged or truncated: it is empty; copy or download it again"
    start = start.lstrip().lower()
    return next((words for begin, words in _OTHER_CONTENT.items() if start.startswith(begin)), "")


@dataclass(frozen=True, kw_only=True)
class Header:
    """Description of a network in its file.

    Attributes:
        c_dim: Length of a label, 0 without labels.
        classes: Names of the classes, if the data set has names.
        label_columns: Where labels are numbers, the name of each, with the least, mean and
            greatest value among the images trained on; empty for classes.
        kimg: Thousands of images it was trained with; 0 if not recorded.
        lod: Levels that a growing network still lacks.
        licence: Terms of use of the weights, as far as they are known.
        provenance: Where the weights came from.
    """

    recipe: Settled
    c_dim: int
    classes: tuple[str, ...] = ()
    label_columns: Mapping[str, tuple[float, float, float]] = field(default_factory=dict)
    kimg: float = 0.0
    lod: float = 0.0
    licence: str
    provenance: Mapping[str, Any] = field(default_factory=dict)


def read_header(path: Path) -> Header:
    """Read the description of a network without its weights.

    Raises:
        NetworkFileError: The file is not a network file of ours, or damaged.
    """
    return _header(path, read_metadata(path))


def is_network(path: Path) -> bool:
    """Return whether this is a safetensors file of sgtool, as its description says."""
    try:
        return "recipe" in read_metadata(path)
    except NetworkFileError:
        return False


def has_discriminator(path: Path) -> bool:
    """Return whether a network file holds the discriminator too.

    Raises:
        NetworkFileError: The file is not a network file of ours, or damaged.
    """
    read_metadata(path)
    return any(name.startswith("d.") for name in tensor_shapes(path))


def tensor_shapes(path: Path) -> dict[str, tuple[int, ...]]:
    """Return the shape of every tensor of a network file, by name."""
    from safetensors import safe_open

    with safe_open(path, framework="numpy") as file:
        names = file.keys()
        return {name: tuple(file.get_slice(name).get_shape()) for name in names}


def sizes_in(header: Header, shapes: Mapping[str, tuple[int, ...]]) -> Sizes | None:
    """Return the sizes of the generator in a file; None if family or tensors do not tell them."""
    w_avg = shapes.get("g_ema.mapping.w_avg", (header.recipe.generator.w_dim,))
    if len(w_avg) != 1:
        return None
    return sizes_of(header.recipe, w_dim=w_avg[0], c_dim=header.c_dim, lod=header.lod)


def check_schema(path: Path, schema: object) -> None:
    """Check that this version reads the schema of a file."""
    if not isinstance(schema, int) or schema < 1:
        raise NetworkFileError(f"{path}: unknown schema {schema!r}")
    if schema > SCHEMA:
        raise NetworkFileError(
            f"{path}: schema {schema} is newer than this sgtool reads ({SCHEMA}); upgrade sgtool"
        )


def export_paths(path: Path, *, halves: bool) -> list[Path]:
    """Return the files that an export to this path consists of."""
    if not halves:
        return [path]
    return [path.with_stem(f"{path.stem}-{half}") for half in ("mapping", "synthesis")]


def refuse_exports(path: Path) -> None:
    """Refuse files for other programs, which cannot be read back."""
    if path.suffix.lower() in EXPORT_SUFFIXES:
        raise NetworkFileError(
            f"{path}: for other programs only, sgtool does not read it back; "
            "give the .safetensors or the run that it was made from"
        )


def described_header(header: Header) -> dict[str, str]:
    """Return the metadata of a network file that tell a header."""
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


def read_metadata(path: Path) -> dict[str, str]:
    """Read the metadata of a network file."""
    from safetensors import SafetensorError, safe_open

    if not path.is_file():
        lead = similar(path) or "; give a network-*.safetensors or a run folder"
        raise NetworkFileError(f"{path}: no such file{lead}")
    refuse_exports(path)
    if words := other_content(path):
        raise NetworkFileError(f"{path}: {words}")
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
