"""The renderer: plans to pictures, floats to uint8 and back."""

from collections.abc import Container, Iterator, Sequence
from dataclasses import replace
from hashlib import sha256

import numpy as np
import torch
from jaxtyping import Float32, Float64, Int8, Shaped
from torch import Tensor

from stylegan_cli.errors import NetworkFileError
from stylegan_cli.latents.codes import Codes, OwnNoise, join_codes
from stylegan_cli.networks.execution import default_batch_size
from stylegan_cli.networks.generator import Generator, motion_matrices
from stylegan_cli.networks.layers import upscale
from stylegan_cli.networks.noise import NOISE_MODES, NoiseInput, NoiseMode, noise_maps
from stylegan_cli.networks.styles import moved_styles
from stylegan_cli.rendering.plan import Address, Cell, Plan
from stylegan_cli.shapes import Images, Pixels, Ws

CONST, RANDOM = NOISE_MODES.index("const"), NOISE_MODES.index("random")


def to_pixels(images: Images) -> Pixels:
    """Convert float images to bytes: truncate(clip(127.5 · x + 128))."""
    scaled = (images * 127.5 + 128).clamp(0, 255).to(torch.uint8)
    return scaled.permute(0, 2, 3, 1).contiguous().cpu().numpy()


def to_images(pixels: Shaped[Tensor, "n height width channels"]) -> Images:
    """Convert bytes, or numbers of their scale, to float images: 0 becomes −1, 255 becomes 1."""
    return pixels.permute(0, 3, 1, 2).float() / 127.5 - 1


def to_greys(images: Images) -> Float64[np.ndarray, "n height width channels"]:
    """Convert float images to grey levels, 0 to 255, unrounded."""
    scaled = (images.double() * 127.5 + 127.5).clamp(0, 255)
    return scaled.permute(0, 2, 3, 1).contiguous().cpu().numpy()


def draw_images(
    G: Generator,
    ws: Ws,
    noise: NoiseInput,
    style_offsets: Float32[np.ndarray, "n style_channels"] | None = None,
    motions: Float32[np.ndarray, "n 3"] | None = None,
) -> Images:
    """Draw the styles at G's full resolution; images of a growing G are enlarged.

    Args:
        style_offsets: As of `Codes`, like `motions`.
    """
    offsets, shifts = (
        None if column is None else torch.from_numpy(column).to(ws.device)
        for column in (style_offsets, motions)
    )
    with torch.no_grad(), moved_styles(G, offsets) as synthesis:
        if shifts is not None:
            return synthesis.moved(ws, noise, motion_matrices(shifts))
        return upscale(synthesis(ws, noise), G.size)


def draw_codes(G: Generator, codes: Codes, noise_mode: NoiseMode = "const") -> Images:
    """Return the images of codes, one after another; a code's own noise is its fixed noise.

    Args:
        noise_mode: Mode of all noise inputs, unless the codes have one for each.
    """
    modes = codes.noise_modes
    if modes is None:
        modes = np.full((*codes.shape, 1), NOISE_MODES.index(noise_mode), np.int8)
    own = () if codes.own_noise is None else codes.own_noise.tolist()
    noise = noise_input(G, modes, codes.noise_seed.tolist(), own)
    ws = torch.from_numpy(np.ascontiguousarray(codes.ws)).to(G.mapping.w_avg.device)
    return draw_images(G, ws, noise, codes.style_offsets, codes.motions)


def draw_pixels(G: Generator, codes: Codes, noise_mode: NoiseMode = "const") -> Pixels:
    """Return the pictures of codes, drawn as `draw_codes` does.

    Raises:
        NetworkFileError: The images are NaN or infinite.
    """
    images = draw_codes(G, codes, noise_mode)
    if not images.isfinite().all():
        raise NetworkFileError(
            "the images of the network are NaN or infinite; its training failed, "
            "use an earlier snapshot"
        )
    return to_pixels(images)


def render(
    G: Generator,
    plan: Plan,
    *,
    batch_size: int | None = None,
    skip: Container[Address] = frozenset(),
) -> Iterator[Cell]:
    """Draw every image of the plan; equal codes are drawn once and give equal bits.

    Args:
        batch_size: Images at once; changes time and memory, and a pixel by 1 at most.
        skip: Images that exist already. The others are bit-identical to those drawn
            without `skip`.

    Raises:
        NetworkFileError: The images are NaN or infinite.
    """
    # batches are cut before looking at `skip`: an image keeps its neighbours, so its last bits
    for batch in _batches(plan, batch_size or default_batch_size(G.size)):
        missing = [[cell for cell in same if cell not in skip] for same in batch]
        if not any(missing):
            continue
        pixels = draw_pixels(G, join_codes([_row(plan, same[0]) for same in batch]))
        for same, picture in zip(missing, pixels, strict=True):
            yield from (Cell(address=address, pixels=picture) for address in same)


def _batches(plan: Plan, size: int) -> Iterator[list[list[Address]]]:
    """Yield batches of addresses, equal codes together; images with own noise alone.

    So an image that was found with its own noise has the same bits in every study.
    """
    usual: dict[bytes, list[Address]] = {}
    alone: dict[bytes, list[Address]] = {}
    for address in plan.addresses:
        row = _row(plan, address)
        groups = usual if row.own_noise is None else alone
        groups.setdefault(_key(row), []).append(address)
    several = list(usual.values())
    for start in range(0, len(several), size):
        yield several[start : start + size]
    yield from ([same] for same in alone.values())


def _row(plan: Plan, address: Address) -> Codes:
    """Return the inputs of an image as a table of one; its own noise only if that is shown."""
    row = plan.tables[address.table][(*address.position, None)]
    modes, own = row.noise_modes, row.own_noise
    if modes is None:
        modes = np.array([[NOISE_MODES.index(plan.noise_mode)]], np.int8)
    is_shown = own is not None and own[0] is not None and (modes == CONST).any()
    return replace(row, noise_modes=modes, own_noise=own if is_shown else None)


def _key(row: Codes) -> bytes:
    """Return a hash that is equal for equal images."""
    key, modes = sha256(row.ws.tobytes()), row.noise_modes
    assert modes is not None
    key.update(modes.tobytes())
    if row.style_offsets is not None and row.style_offsets.any():
        key.update(row.style_offsets.tobytes())
    if row.motions is not None:
        key.update(row.motions.tobytes())
    if (modes == RANDOM).any():
        key.update(row.noise_seed.tobytes())
    if row.own_noise is not None:
        key.update(row.own_noise[0].sha256)
    return key.digest()


def noise_input(
    G: Generator,
    modes: Int8[np.ndarray, "n noise_inputs"],
    seeds: Sequence[int],
    own: Sequence[OwnNoise | None] = (),
) -> NoiseInput:
    """Return the noise argument of `G.synthesis` for these images.

    Args:
        modes: Positions in `NOISE_MODES`; one column stands for all inputs.
        seeds: One per image.
        own: Replacement for the network's fixed noise, for each image.
    """
    fixed = any(each is not None for each in own)
    for number, mode in enumerate(NOISE_MODES):
        if mode != "random" and (modes == number).all() and not (fixed and mode == "const"):
            return mode
    device, sizes = G.mapping.w_avg.device, G.synthesis.noise_sizes
    columns = torch.from_numpy(modes).to(device).expand(-1, len(sizes)).T[..., None, None, None]
    zero = torch.zeros((), device=device)
    kept = fixed_maps(G, own) if fixed else [layer.noise_const for layer in G.noise_layers]
    maps = kept
    if (modes == RANDOM).any():
        # on the CPU, whose random numbers are equal on every machine
        maps = [noise.to(device) for noise in noise_maps(sizes, seeds, torch.device("cpu"))]
    return [
        torch.where(mode == RANDOM, fresh, torch.where(mode == CONST, const, zero))
        for mode, fresh, const in zip(columns, maps, kept, strict=True)
    ]


def fixed_maps(G: Generator, own: Sequence[OwnNoise | None]) -> list[Tensor]:
    """Return each image's fixed noise, `[n, 1, side, side]` per input: its own or the network's."""
    device = G.mapping.w_avg.device
    found = []
    for number, layer in enumerate(G.noise_layers):
        maps = [
            layer.noise_const
            if each is None
            else torch.from_numpy(each.maps[number].astype(np.float32)).to(device)
            for each in own
        ]
        found.append(torch.stack(maps)[:, None])
    return found
