"""The parts of a generator that other programs run, with their inputs and outputs."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

from torch import Tensor, nn

from stylegan_cli.latents import broadcast_layers
from stylegan_cli.networks.generator import Generator
from stylegan_cli.networks.growing import upscale

FixedNoise = Literal["const", "none"]
PartName = Literal["whole", "mapping", "synthesis"]
COLOURS = {1: "grey", 3: "RGB", 4: "RGBA"}


@dataclass(frozen=True, kw_only=True)
class Port:
    """An input or output, float32.

    Attributes:
        shape: "n" is the number of images.
        meaning: In words for whoever uses the file.
    """

    name: str
    shape: tuple[int | str, ...]
    meaning: str


@dataclass(frozen=True, kw_only=True)
class Part:
    """A module to export.

    Attributes:
        module: Takes the inputs by name; gives the outputs in order, alone if there is one.
    """

    name: PartName
    module: nn.Module
    inputs: tuple[Port, ...]
    outputs: tuple[Port, ...]


def parts_of(G: Generator, noise_mode: FixedNoise, *, halves: bool) -> Sequence[Part]:
    """The whole generator, or its two halves."""
    mapping, synthesis = Mapping(G), Synthesis(G, noise_mode)
    latents, ws, images = _latents(G), _ws(G), _images(G)
    if not halves:
        whole = Whole(mapping, synthesis)
        return [Part(name="whole", module=whole, inputs=latents, outputs=(images, ws))]
    return [
        Part(name="mapping", module=mapping, inputs=latents, outputs=(ws,)),
        Part(name="synthesis", module=synthesis, inputs=(ws,), outputs=(images,)),
    ]


class Mapping(nn.Module):
    """Latents to one w per layer, truncated."""

    def __init__(self, G: Generator) -> None:
        super().__init__()
        self.mapping, self.num_ws = G.mapping, G.num_ws

    def forward(self, z: Tensor, c: Tensor | None = None, psi: Tensor | None = None) -> Tensor:
        """`[n, num_ws, w_dim]`.

        Args:
            c: None for a network without labels.
            psi: Of one element; None truncates nothing.
        """
        labels = z.new_zeros(z.shape[0], 0) if c is None else c
        w, w_avg = self.mapping(z, labels), self.mapping.w_avg
        return broadcast_layers(w if psi is None else w_avg + psi * (w - w_avg), self.num_ws)


class Synthesis(nn.Module):
    """One w per layer to images of full resolution."""

    def __init__(self, G: Generator, noise_mode: FixedNoise) -> None:
        super().__init__()
        self.synthesis, self.resolution = G.synthesis, G.resolution
        self.noise_mode = noise_mode

    def forward(self, ws: Tensor) -> Tensor:
        """`[n, channels, resolution, resolution]`."""
        return upscale(self.synthesis(ws, self.noise_mode), self.resolution)


class Whole(nn.Module):
    """Latents to images, and the w of each layer they were made of."""

    def __init__(self, mapping: Mapping, synthesis: Synthesis) -> None:
        super().__init__()
        self.mapping, self.synthesis = mapping, synthesis

    def forward(
        self, z: Tensor, c: Tensor | None = None, psi: Tensor | None = None
    ) -> tuple[Tensor, Tensor]:
        """Images and ws."""
        ws = self.mapping(z, c, psi)
        return self.synthesis(ws), ws


def _latents(G: Generator) -> tuple[Port, ...]:
    ports = [Port(name="z", shape=("n", G.z_dim), meaning="latents: standard normal numbers")]
    if G.c_dim:
        meaning = "labels: 1 at the number of the class, 0 elsewhere"
        ports.append(Port(name="c", shape=("n", G.c_dim), meaning=meaning))
    if G.has_w:
        meaning = "truncation: 1 changes nothing, 0 gives the mean of W"
        ports.append(Port(name="psi", shape=(1,), meaning=meaning))
    return tuple(ports)


def _ws(G: Generator) -> Port:
    meaning = "one w per layer, coarse to fine" if G.has_styles else "the code of each image"
    return Port(name="ws", shape=("n", G.num_ws, G.w_dim), meaning=meaning)


def _images(G: Generator) -> Port:
    colours = COLOURS.get(G.channels, f"{G.channels} channels")
    return Port(
        name="images",
        shape=("n", G.channels, G.resolution, G.resolution),
        meaning=f"{colours}, -1 black to 1 white; bytes are clip(127.5 * x + 128, 0, 255)",
    )
