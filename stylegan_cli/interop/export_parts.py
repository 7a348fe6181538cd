"""The parts of a generator that other programs run, with their inputs and outputs."""

import logging
import warnings
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
import torch
from torch import Tensor, nn
from torch.export import Dim, ExportedProgram

from stylegan_cli.latents.sampling import broadcast_layers, map_latents, truncate, z_of_seeds
from stylegan_cli.networks.generator import Generator
from stylegan_cli.networks.layers import upscale

FixedNoise = Literal["const", "none"]
PartName = Literal["whole", "mapping", "synthesis"]
COLOURS = {1: "grey", 3: "RGB", 4: "RGBA"}


@dataclass(frozen=True, kw_only=True)
class Port:
    """An input or output, float32.

    Attributes:
        shape: "n" is the number of images.
    """

    name: str
    shape: tuple[int | str, ...]
    meaning: str


@dataclass(frozen=True, kw_only=True)
class Part:
    """A module to export.

    Attributes:
        module: Takes the inputs by name; returns the outputs in order, or the only one.
    """

    name: PartName
    module: nn.Module
    inputs: tuple[Port, ...]
    outputs: tuple[Port, ...]


def parts_of(G: Generator, noise_mode: FixedNoise, *, halves: bool) -> Sequence[Part]:
    """Return the whole generator, or its two halves."""
    mapping, synthesis = MappingPart(G), SynthesisPart(G, noise_mode)
    latents = _latents(G)
    ws = Port(
        name="ws",
        shape=("n", G.num_ws, G.w_dim),
        meaning="one w per layer, coarse to fine" if G.has_styles else "the code of each image",
    )
    colours = COLOURS.get(G.channels, f"{G.channels} channels")
    images = Port(
        name="images",
        shape=("n", G.channels, *G.size.shape),
        meaning=f"{colours}, -1 black to 1 white; bytes are clip(127.5 * x + 128, 0, 255)",
    )
    if not halves:
        whole = Whole(mapping, synthesis)
        return [Part(name="whole", module=whole, inputs=latents, outputs=(images, ws))]
    return [
        Part(name="mapping", module=mapping, inputs=latents, outputs=(ws,)),
        Part(name="synthesis", module=synthesis, inputs=(ws,), outputs=(images,)),
    ]


class MappingPart(nn.Module):
    """Latents to one w per layer, truncated."""

    def __init__(self, G: Generator) -> None:
        super().__init__()
        self.mapping, self.num_ws = G.mapping, G.num_ws

    def forward(self, z: Tensor, c: Tensor | None = None, psi: Tensor | None = None) -> Tensor:
        """Return one w per layer, `[n, num_ws, w_dim]`.

        Args:
            c: None for a network without labels.
            psi: Of one element; None truncates nothing.
        """
        labels = z.new_zeros(z.shape[0], 0) if c is None else c
        w, w_avg = self.mapping(z, labels), self.mapping.w_avg
        return broadcast_layers(w if psi is None else w_avg + psi * (w - w_avg), self.num_ws)


class SynthesisPart(nn.Module):
    """One w per layer to images of full resolution."""

    def __init__(self, G: Generator, noise_mode: FixedNoise) -> None:
        super().__init__()
        self.synthesis, self.size = G.synthesis, G.size
        self.noise_mode = noise_mode

    def forward(self, ws: Tensor) -> Tensor:
        """Return images, `[n, channels, height, width]`."""
        return upscale(self.synthesis(ws, self.noise_mode), self.size)


class Whole(nn.Module):
    """Latents to images, and the w of each layer."""

    def __init__(self, mapping: MappingPart, synthesis: SynthesisPart) -> None:
        super().__init__()
        self.mapping, self.synthesis = mapping, synthesis

    def forward(
        self, z: Tensor, c: Tensor | None = None, psi: Tensor | None = None
    ) -> tuple[Tensor, Tensor]:
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


aten = torch.ops.aten
_MOST_IMAGES = 2**30  # without a bound, torch 2.6 compares n with the largest integer


def trace(part: Part, example: dict[str, Tensor]) -> ExportedProgram:
    """Trace a part as a graph of operations, for any number of images."""
    n = Dim("n", max=_MOST_IMAGES)
    dynamic = {port.name: {0: n} if port.shape[0] == "n" else None for port in part.inputs}
    with torch.no_grad(), quiet():
        # filters are computed once and cached: here, or the cache would hold the tracer's tensors
        part.module(**example)
        program = torch.export.export(
            part.module, (), kwargs=example, dynamic_shapes=dynamic, strict=False
        )
        plain: ExportedProgram = program.run_decompositions(
            {
                aten.convolution_backward.default: _transposed_convolution,
                # this would tie the graph to one device
                aten._assert_tensor_metadata.default: lambda *_, **__: None,
            }
        )
        # they hold paths and addresses of this machine; without them, equal networks, equal files
        for node in plain.graph.nodes:
            for name in ("stack_trace", "from_node"):
                node.meta.pop(name, None)
        return plain


@contextmanager
def quiet() -> Iterator[None]:
    """Silence the developer messages of torch's exporters."""
    before = logging.root.manager.disable
    logging.disable(logging.WARNING)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            yield
    finally:
        logging.disable(before)


def _transposed_convolution(
    dy: Tensor,
    x: Tensor,
    weight: Tensor,
    bias_sizes: list[int] | None,
    *geometry: Any,
) -> tuple[Tensor, None, None]:
    # `ops.autograd` upsamples by the gradient of a convolution, which other programs lack
    stride, padding, dilation, _, output_padding, groups, wanted = geometry
    assert list(wanted) == [True, False, False]
    y = torch.conv_transpose2d(dy, weight, None, stride, padding, output_padding, groups, dilation)
    return y, None, None


Arrays = Mapping[str, np.ndarray]
Runner = Callable[[Arrays], Arrays]
"""Runs an exported part: inputs by name to outputs by name."""

TRACED_BATCH = 2
CASES = ((1, 1.0), (3, 0.5))
"""Number of images and psi of each comparison: not the number that the part was traced with."""


@dataclass(frozen=True, kw_only=True)
class Deviation:
    """The deviation of one output over all comparisons.

    Attributes:
        largest: Absolute difference.
        relative: The largest difference in units of the largest value.
    """

    largest: float
    relative: float

    @property
    def grey_levels(self) -> float:
        """Return the largest difference of images, in steps of their bytes."""
        return self.largest * 127.5


def example(G: Generator, part: Part) -> dict[str, Tensor]:
    """Draw inputs of a part, to trace it with."""
    return {name: torch.from_numpy(x) for name, x in _inputs(G, part, TRACED_BATCH, 0.7).items()}


def deviations(
    run: Runner, G: Generator, part: Part, noise_mode: FixedNoise
) -> dict[str, Deviation]:
    """Measure how much each output of the exported part deviates from that of G."""
    largest, scale = dict[str, float](), dict[str, float]()
    for count, psi in CASES:
        inputs = _inputs(G, part, count, psi)
        found = run(inputs)
        for name, wanted in _wanted(G, part, inputs, noise_mode):
            apart, size = np.abs(found[name] - wanted).max(), np.abs(wanted).max()
            # NumPy's maximum, unlike Python's, keeps NaN
            largest[name] = float(np.maximum(apart, largest.get(name, 0.0)))
            scale[name] = float(np.maximum(size, scale.get(name, 0.0)))
    return {
        name: Deviation(largest=most, relative=most / (scale[name] or 1.0))
        for name, most in largest.items()
    }


def _inputs(G: Generator, part: Part, count: int, psi: float) -> dict[str, np.ndarray]:
    if part.name == "synthesis":
        total = count * G.num_ws  # each layer takes a w of its own
        w = map_latents(G, z_of_seeds(range(total), G.z_dim), _labels(G, total))
        return {"ws": w.reshape(count, G.num_ws, -1).numpy()}
    z = z_of_seeds(range(count), G.z_dim)
    possible = {"z": z, "c": _labels(G, count), "psi": np.array([psi], np.float32)}
    return {port.name: possible[port.name] for port in part.inputs}


def _labels(G: Generator, count: int) -> np.ndarray:
    labels = np.zeros((count, G.c_dim), np.float32)
    if G.c_dim:
        labels[np.arange(count), np.arange(count) % G.c_dim] = 1
    return labels


def _wanted(
    G: Generator, part: Part, inputs: Arrays, noise_mode: FixedNoise
) -> Iterator[tuple[str, np.ndarray]]:
    if "ws" in inputs:
        ws = torch.from_numpy(inputs["ws"])
    else:
        w = map_latents(G, inputs["z"], inputs.get("c", _labels(G, len(inputs["z"]))))
        psi = float(inputs["psi"][0]) if "psi" in inputs else 1.0
        ws = truncate(broadcast_layers(w, G.num_ws), G.mapping.w_avg, psi)
    for port in part.outputs:
        if port.name == "ws":
            yield "ws", ws.numpy()
        else:
            with torch.no_grad():
                images = upscale(G.synthesis(ws, noise_mode), G.size)
            yield "images", images.numpy()
