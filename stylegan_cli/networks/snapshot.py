"""Network files: written whole, hashed and versioned; reading one never runs code."""

import hashlib
import json
import platform
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import cache, cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Literal

from stylegan_cli import __version__
from stylegan_cli.errors import NetworkFileError
from stylegan_cli.files import refuse_devices, writing, written_whole
from stylegan_cli.networks.header import (
    Header,
    described_header,
    read_header,
    read_metadata,
    sizes_in,
    tensor_shapes,
)
from stylegan_cli.networks.sizes import Sizes, sizes_of_built

if TYPE_CHECKING:
    import torch
    from torch import Tensor, nn

    from stylegan_cli.networks.discriminators import Discriminator
    from stylegan_cli.networks.generator import Generator
    from stylegan_cli.ops import BackendName

Precision = Literal["fp32", "bf16"]
DIFFERENCE_OF = "difference_of"
"""Entry of the metadata of a tuned network, naming the one to which its tensors are added."""


@dataclass(frozen=True, kw_only=True)
class Network(Header):
    """A network in a file, whose weights are read when they are first needed.

    Attributes:
        read: Returns generator and discriminator, the same ones at every call.
    """

    path: Path
    sha256: str
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
        return sizes_in(self, self.shapes) or sizes_of_built(self.G)


def save_network(path: Path, header: Header, G_ema: "nn.Module", D: "nn.Module") -> None:
    """Write a network file, which appears under its name only when whole."""
    tensors = {f"g_ema.{key}": tensor for key, tensor in G_ema.state_dict().items()}
    tensors |= {f"d.{key}": tensor for key, tensor in D.state_dict().items()}
    save_tensors(path, header, tensors)


def save_tensors(path: Path, header: Header, tensors: Mapping[str, "Tensor"]) -> None:
    """Write a network file from tensors that fit its header.

    Args:
        tensors: `g_ema.*` and, if there is a discriminator, `d.*`, as in their state dicts.
    """
    _write(path, tensors, described_header(header))


def save_difference(path: Path, header: Header, G: "nn.Module", base: Network) -> None:
    """Write a generator as its difference from another network, in half precision."""
    tensors = read_tensors(base.path)
    own = {f"g_ema.{key}": tensor.cpu() for key, tensor in G.state_dict().items()}
    changed = {name: tensor - tensors[name].float() for name, tensor in own.items()}
    # half precision: 11 bits of the change, not of the weight
    halves = {name: each.half() for name, each in changed.items() if each.any()}
    entry = json.dumps({"sha256": base.sha256, "path": str(base.path.resolve())})
    _write(path, halves, {**described_header(header), DIFFERENCE_OF: entry})


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


def read_tensors(path: Path) -> "dict[str, Tensor]":
    """Read the tensors of a network file; those of a difference are added to its base."""
    from safetensors import SafetensorError
    from safetensors.torch import load_file

    try:
        tensors = load_file(path)
    # AttributeError: types that an older torch lacks; RuntimeError: too large to be mapped
    except (SafetensorError, OSError, AttributeError, RuntimeError) as error:
        raise NetworkFileError(f"{path}: its weights cannot be read ({error})") from None
    for name, tensor in tensors.items():
        # numbers of 4 bits are no numbers to PyTorch, and complex ones would lose a part
        if tensor.dtype.is_complex or "float4" in str(tensor.dtype):
            raise NetworkFileError(f"{path}: {name} is {tensor.dtype}; weights are float32")
    if (entry := read_metadata(path).get(DIFFERENCE_OF)) is None:
        return tensors
    base = _find_base(path, entry)
    try:
        whole = read_tensors(base)
        moved = {name: whole[name].float() + each.float() for name, each in tensors.items()}
        return {**whole, **moved}
    except (KeyError, RuntimeError) as error:
        raise NetworkFileError(f"{path}: does not fit {base}: {error}") from None


def _find_base(path: Path, entry: str) -> Path:
    """Return the file of the base: where it was, or beside the difference."""
    try:
        named = json.loads(entry)
        sha256, there = str(named["sha256"]), Path(named["path"])
    except (ValueError, KeyError, TypeError, RecursionError):
        raise NetworkFileError(f"{path}: damaged description of the network (its base)") from None
    try:
        for candidate in (there, *sorted(path.parent.glob("*.safetensors"))):
            if candidate.is_file() and candidate != path and file_sha256(candidate) == sha256:
                return candidate
    except OSError as error:
        raise NetworkFileError(f"{path}: its base cannot be read ({error.strerror})") from None
    raise NetworkFileError(
        f"{path}: holds only the difference from {there.name}, which is neither at {there} nor "
        f"beside it; copy that network into {path.parent}"
    )


def load_network(
    path: Path | str, device: "torch.device | str" = "cpu", *, discriminator: bool = False
) -> Network:
    """Load the generator of a network file, and its discriminator if asked for.

    Raises:
        NetworkFileError: The file is not a network file of ours, damaged, or lacks tensors.
    """
    network = open_network(Path(path), device, discriminator=discriminator)
    network.read()
    return network


def open_network(
    path: Path,
    device: "torch.device | str | Callable[[], torch.device]" = "cpu",
    *,
    discriminator: bool = False,
    precision: Precision = "fp32",
    backend: "BackendName" = "auto",
    ready: "Callable[[Generator], Generator]" = lambda G: G,
) -> Network:
    """Open a network file, whose weights are read when they are first needed.

    Args:
        device: A device, or a function that returns it once it is needed.
        precision: Of the generator's activations from 8×8 up.
        ready: Makes the generator ready for its use once it is on the device.
    """
    header = read_header(path)

    @cache
    def read() -> "tuple[Generator, Discriminator | None]":
        import torch

        from stylegan_cli.networks.family import Unfilled, build_discriminator, build_generator

        place, tensors = device() if callable(device) else device, read_tensors(path)
        if discriminator and not any(name.startswith("d.") for name in tensors):
            raise NetworkFileError(f"{path}: no discriminator; the file it was made from had none")
        with Unfilled():
            dtype = torch.bfloat16 if precision == "bf16" else torch.float32
            G = build_generator(header.recipe, c_dim=header.c_dim, dtype=dtype, backend=backend)
            D = build_discriminator(header.recipe, c_dim=header.c_dim) if discriminator else None
        for network, prefix in ((G, "g_ema."), (D, "d.")):
            if network is not None:
                _fill(path, network, tensors, prefix)
                network.lod = header.lod
                network.eval().requires_grad_(False).to(place)
        return ready(G), D

    return Network(
        **vars(header),
        path=path,
        sha256=file_sha256(path),
        shapes=tensor_shapes(path),
        read=read,
        precision=precision,
    )


def file_sha256(path: Path) -> str:
    """Hash the bytes of a file; return hex digits."""
    with refuse_devices(path).open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


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
