"""How far an exported part is from the network in PyTorch."""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from stylegan_cli.interop.export.parts import FixedNoise, Part
from stylegan_cli.latents import broadcast_layers, map_latents, truncate, z_of_seeds
from stylegan_cli.networks.generator import Generator
from stylegan_cli.networks.growing import upscale

Arrays = Mapping[str, np.ndarray]
Runner = Callable[[Arrays], Arrays]
"""Runs an exported part: inputs by name to outputs by name."""

TRACED_BATCH = 2
CASES = ((1, 1.0), (3, 0.5))
"""Number of images and psi of each comparison: not the number that the part was traced with."""


@dataclass(frozen=True, kw_only=True)
class Deviation:
    """Of one output over all comparisons.

    Attributes:
        largest: Absolute difference.
        relative: The largest difference in units of the largest value.
    """

    largest: float
    relative: float

    @property
    def grey_levels(self) -> float:
        """The largest difference of images, in steps of their bytes."""
        return self.largest * 127.5


def example(G: Generator, part: Part) -> dict[str, Tensor]:
    """Inputs of a part, to trace it with."""
    return {name: torch.from_numpy(x) for name, x in _inputs(G, part, TRACED_BATCH, 0.7).items()}


def deviations(
    run: Runner, G: Generator, part: Part, noise_mode: FixedNoise
) -> dict[str, Deviation]:
    """How far each output of the exported part is from what G gives."""
    pairs: dict[str, list[tuple[np.ndarray, np.ndarray]]] = {}
    for count, psi in CASES:
        inputs = _inputs(G, part, count, psi)
        found, wanted = run(inputs), dict(_wanted(G, part, inputs, noise_mode))
        for name in wanted:
            pairs.setdefault(name, []).append((found[name], wanted[name]))
    return {name: _deviation(each) for name, each in pairs.items()}


def _inputs(G: Generator, part: Part, count: int, psi: float) -> dict[str, np.ndarray]:
    if part.name == "synthesis":
        return {"ws": _own_w_each_layer(G, count)}
    z = z_of_seeds(range(count), G.z_dim)
    possible = {"z": z, "c": _labels(G, count), "psi": np.array([psi], np.float32)}
    return {port.name: possible[port.name] for port in part.inputs}


def _own_w_each_layer(G: Generator, count: int) -> np.ndarray:
    total = count * G.num_ws
    w = map_latents(G, z_of_seeds(range(total), G.z_dim), _labels(G, total))
    return w.reshape(count, G.num_ws, -1).numpy()


def _labels(G: Generator, count: int) -> np.ndarray:
    labels = np.zeros((count, G.c_dim), np.float32)
    if G.c_dim:
        labels[np.arange(count), np.arange(count) % G.c_dim] = 1
    return labels


def _wanted(
    G: Generator, part: Part, inputs: Arrays, noise_mode: FixedNoise
) -> Iterator[tuple[str, np.ndarray]]:
    ws = torch.from_numpy(inputs["ws"]) if "ws" in inputs else _ws(G, inputs)
    for port in part.outputs:
        if port.name == "ws":
            yield "ws", ws.numpy()
        else:
            with torch.no_grad():
                images = upscale(G.synthesis(ws, noise_mode), G.resolution)
            yield "images", images.numpy()


def _ws(G: Generator, inputs: Arrays) -> Tensor:
    w = map_latents(G, inputs["z"], inputs.get("c", _labels(G, len(inputs["z"]))))
    psi = float(inputs["psi"][0]) if "psi" in inputs else 1.0
    return truncate(broadcast_layers(w, G.num_ws), G.mapping.w_avg, psi)


def _deviation(pairs: list[tuple[np.ndarray, np.ndarray]]) -> Deviation:
    largest = max(float(np.abs(found - wanted).max()) for found, wanted in pairs)
    scale = max(float(np.abs(wanted).max()) for _, wanted in pairs)
    return Deviation(largest=largest, relative=largest / (scale or 1.0))
