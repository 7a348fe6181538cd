"""From a plan to pictures: the one renderer, and the one way from float to uint8."""

from collections.abc import Container, Iterator, Sequence
from dataclasses import dataclass
from hashlib import sha256
from typing import NamedTuple

import numpy as np
import torch

from stylegan_cli.networks.generator import Generator
from stylegan_cli.networks.growing import upscale
from stylegan_cli.noise import NoiseInput, NoiseMode, noise_maps
from stylegan_cli.plan import Plan
from stylegan_cli.shapes import Images, Picture, Pixels, Ws

PIXELS_A_BATCH = 2**22


class Address(NamedTuple):
    """Where an image belongs: the table of the plan, and the position in it."""

    table: str
    position: tuple[int, ...]


@dataclass(frozen=True, kw_only=True)
class Cell:
    """One image of a plan."""

    address: Address
    pixels: Picture


def to_pixels(images: Images) -> Pixels:
    """Bytes of float images: truncate(clip(127.5 · x + 128))."""
    scaled = (images * 127.5 + 128).clamp(0, 255).to(torch.uint8)
    return scaled.permute(0, 2, 3, 1).contiguous().cpu().numpy()


def draw(G: Generator, ws: Ws, noise: NoiseInput) -> Pixels:
    """Pictures of the styles, of G's full resolution: those of a G still growing are blown up."""
    with torch.no_grad():
        return to_pixels(upscale(G.synthesis(ws, noise), G.resolution))


def default_batch_size(resolution: int) -> int:
    """Images drawn at once where nobody chose: 32, fewer above 256 px."""
    return max(1, min(32, PIXELS_A_BATCH // resolution**2))


def addresses(plan: Plan) -> list[Address]:
    """Every image of the plan."""
    return [
        Address(table, position)
        for table, codes in plan.tables.items()
        for position in np.ndindex(codes.shape)
    ]


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
        skip: Images that are there already. The others come out the same to the bit as
            without it.
    """
    wanted = _by_code(plan)
    size = batch_size or default_batch_size(G.resolution)
    # batches are cut before looking at `skip`: an image keeps its neighbours, so its last bits
    for start in range(0, len(wanted), size):
        batch = wanted[start : start + size]
        missing = [[cell for cell in same if cell not in skip] for same in batch]
        if not any(missing):
            continue
        pixels = _draw_batch(G, plan, [same[0] for same in batch])
        for same, picture in zip(missing, pixels, strict=True):
            yield from (Cell(address=address, pixels=picture) for address in same)


def _by_code(plan: Plan) -> list[list[Address]]:
    """The addresses of the plan, those of equal code together."""
    groups: dict[bytes, list[Address]] = {}
    for address in addresses(plan):
        groups.setdefault(_code_key(plan, address), []).append(address)
    return list(groups.values())


def _code_key(plan: Plan, address: Address) -> bytes:
    codes = plan.tables[address.table]
    key = sha256(codes.ws[address.position].tobytes())
    if plan.noise_mode == "random":
        key.update(codes.noise_seed[address.position].tobytes())
    return key.digest()


def _draw_batch(G: Generator, plan: Plan, batch: Sequence[Address]) -> Pixels:
    tables = plan.tables
    ws = np.stack([tables[table].ws[position] for table, position in batch])
    seeds = [int(tables[table].noise_seed[position]) for table, position in batch]
    device = G.mapping.w_avg.device
    noise = _noise_input(G, plan.noise_mode, seeds, device)
    return draw(G, torch.from_numpy(ws).to(device), noise)


def _noise_input(
    G: Generator, mode: NoiseMode, seeds: Sequence[int], device: torch.device
) -> NoiseInput:
    if mode != "random":
        return mode
    # drawn on the CPU, whose random numbers are the same on every machine
    maps = noise_maps(G.synthesis.noise_resolutions, seeds, torch.device("cpu"))
    return [noise.to(device) for noise in maps]
