"""Directions of a network, found by each of the finders and measured by what it draws."""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import numpy as np
from jaxtyping import Float, Float32

from stylegan_cli.directions.components import (
    Covariance,
    activation_components,
    first_maps,
    principal_components,
    regress,
    sefa,
    unit,
)
from stylegan_cli.directions.direction import Direction, Fact, in_all_layers
from stylegan_cli.directions.file import Discovery
from stylegan_cli.directions.population import Population, layers_of, population, sampled
from stylegan_cli.errors import UsageError
from stylegan_cli.networks.execution import default_batch_size
from stylegan_cli.networks.snapshot import Network
from stylegan_cli.ranges import format_ints, parse_layers

if TYPE_CHECKING:
    from torch import Tensor, nn

COUNT = 10
SAMPLES = 50_000
ACTIVATION_SAMPLES = 10_000
REACH = np.arange(0.5, 10.5, 0.5)
"""Steps at which the distance of codes from the mean is measured."""

SAFE_PERCENTILE = 99.0


def find_sefa(
    network: Network,
    *,
    layers: Sequence[str] = ("all",),
    count: int = COUNT,
    class_index: int | None = None,
    group: str = "sefa",
) -> Discovery:
    """Find the directions that the first maps of a network stretch most.

    Args:
        layers: Lists of layers; each has its own directions, which move these layers alone.
        class_index: Steps and safe ranges are those of one class; of all together by default.
    """
    levels = network.sizes.layer_levels
    lists = {text: parse_layers(text, levels) for text in layers}

    def found() -> Iterator[Direction]:
        maps, drawn = first_maps(network.G), population(network, class_index=class_index)
        for text, numbers in lists.items():
            chosen = [i for i in numbers if i in maps]
            if not chosen:
                raise UsageError(
                    f"no layers of weights there; this network has {format_ints(maps)}",
                    parameter="layers",
                    value=text,
                )
            spectrum = sefa([maps[i] for i in chosen])
            share = spectrum.values / spectrum.values.sum()
            prefix = group if text == "all" else f"{group}/{text}"
            for i, vector in enumerate(spectrum.vectors[:count]):
                facts = {"eigenvalue": float(spectrum.values[i]), "share": float(share[i])}
                yield measured(network, drawn, f"{prefix}/{i}", vector, facts, chosen)

    request = {"method": "sefa", "layers": list(layers), "count": count, "class": class_index}
    return discovered(network, group, "sefa", request, found)


def find_components(
    network: Network,
    *,
    samples: int | None = None,
    layer: str | None = None,
    count: int = COUNT,
    class_index: int | None = None,
    group: str = "pca",
) -> Discovery:
    """Find principal components of W, or of a layer's activations, regressed to codes.

    Args:
        samples: 50,000 codes, or 10,000 activations, by default.
        layer: A module of the synthesis network, such as `b4` or `b8.conv0`, whose output is
            looked at. Without it W, or `b4` where a network has no w.
        class_index: Of one class alone; without it, the means of classes are subtracted first.
    """
    sizes = network.sizes
    layer = layer or (None if sizes.has_w else "b4")
    samples = samples or (SAMPLES if layer is None else ACTIVATION_SAMPLES)
    if samples < 2 * count:
        raise UsageError(
            f"too few for {count} components; take at least {2 * count}",
            parameter="samples",
            value=samples,
        )

    def found() -> Iterator[Direction]:
        if layer is None:
            covariance = Covariance(sizes.w_dim)
            for batch in sampled(network, samples, class_index=class_index):
                covariance.add(_without_classes(batch, class_index))
            components = principal_components(covariance, count)
            vectors = components.vectors
        else:
            components, rows = _regressed(network, layer, samples, count, class_index)
            vectors = unit(rows)
        drawn = population(network, class_index=class_index)
        for i, (vector, share) in enumerate(zip(vectors, components.share, strict=False)):
            yield measured(network, drawn, f"{group}/{i}", vector, {"share": float(share)})

    request = {
        "method": "pca",
        "samples": samples,
        "space": "w" if layer is None else f"activations:{layer}",
        "count": count,
        "class": class_index,
    }
    return discovered(network, group, "pca", request, found)


def measured(
    network: Network,
    drawn: Population,
    name: str,
    vector: Float[np.ndarray, " dim"],
    facts: Mapping[str, Fact],
    layers: Sequence[int] | None = None,
) -> Direction:
    """Make a direction of a unit vector: its step, and how far it may go.

    Args:
        drawn: The network's own codes.
        layers: Those to move, all by default; ignored where the network has no w.
    """
    G = network.G
    sigma, mean = drawn.spread(vector)
    layers = range(G.num_ws) if layers is None else layers
    safe: dict[str, Fact] = {}
    if G.has_w and sigma > 0:
        safe = {"safe_range": _safe_range(drawn, vector, sigma)}
    return Direction(
        name=name,
        space="w" if G.has_w else "z",
        vector=(in_all_layers(vector, layers, G.num_ws) if G.has_w else vector.astype(np.float32)),
        sigma=sigma,
        mean_coordinate=mean,
        facts={**facts, "layers": format_ints(layers), **safe},
    )


def discovered(
    network: Network,
    group: str,
    method: str,
    request: Mapping[str, Any],
    found: Callable[[], Iterable[Direction]],
) -> Discovery:
    """Return directions that a method finds in a network, as a file keeps them."""
    sha256 = network.sha256

    def make() -> Iterator[Direction]:
        return (replace(each, method=method, network_sha256=sha256) for each in found())

    return Discovery(group=group, request=request, network_sha256=sha256, make=make)


def component_layer(space: str) -> str | None:
    """Return the layer that `activations:LAYER` names; None for `w`."""
    kind, _, layer = space.partition(":")
    if (kind == "w" and not layer) or (kind == "activations" and layer):
        return layer or None
    raise UsageError(
        "neither w nor activations:LAYER, as activations:b8", parameter="space", value=space
    )


def _safe_range(
    drawn: Population, vector: Float[np.ndarray, " dim"], sigma: float
) -> tuple[float, float]:
    """Return the range in steps where the median code stays among the network's own."""
    far = np.quantile(drawn.distances, SAFE_PERCENTILE / 100)
    start = drawn.whitened(drawn.w[:64] - drawn.components.mean)
    along = drawn.whitened(sigma * vector)
    ends = []
    for sign in (-1, 1):
        squares = np.stack([((start + sign * step * along) ** 2).mean(axis=1) for step in REACH])
        inside = np.median(np.sqrt(squares), axis=1) <= far
        # up to the first step beyond
        ends.append(sign * float(REACH[inside.cumprod().astype(bool)].max(initial=0.0)))
    return ends[0], ends[1]


def _without_classes(batch: Population, class_index: int | None) -> Float32[np.ndarray, "n w_dim"]:
    """Return the batch's w, with each class's mean subtracted if there are several."""
    if class_index is not None or not batch.labels.shape[1]:
        return batch.w
    members = batch.labels.argmax(axis=1)
    means = np.stack([batch.w[members == i].mean(axis=0) for i in range(batch.labels.shape[1])])
    return np.asarray(batch.w - means[members])


def _regressed(
    network: Network, layer: str, samples: int, count: int, class_index: int | None
) -> tuple[Any, Float[np.ndarray, "components dim"]]:
    """Return components of a layer's activations, and the directions that move codes along them."""

    def batches(seed: int) -> Iterator[tuple[Population, Float32[np.ndarray, "n dim"]]]:
        for batch in sampled(network, samples, class_index=class_index, seed=seed):
            yield batch, _activations(network, layer, batch)

    components = activation_components((rows for _, rows in batches(0)), count)
    coordinates, codes = [], []
    for batch, rows in batches(1):
        coordinates.append(components.coordinates(rows))
        codes.append(batch.codes)
    return components, regress(np.concatenate(coordinates), np.concatenate(codes))


class _Reached(Exception):  # noqa: N818 - a signal, not an error
    """The layer has given its activations; the layers after it need not run."""


def _activations(network: Network, layer: str, batch: Population) -> Float32[np.ndarray, "n dim"]:
    """Return the flat output of a layer, with the network's fixed noise."""
    import torch

    try:
        module = network.G.synthesis.get_submodule(layer)
    except AttributeError:
        raise UsageError(f"{layer}: the network has no such layer{_listed(network)}") from None
    rows: list[np.ndarray] = []

    def take(_: "nn.Module", __: object, output: "Tensor") -> None:
        rows.append(output.flatten(1).float().cpu().numpy().copy())
        raise _Reached

    hook = module.register_forward_hook(take)
    size = default_batch_size(network.G.size)
    try:
        with torch.no_grad():
            for part in layers_of(network, batch.w).split(size):
                try:
                    network.G.synthesis(part, "const")
                except _Reached:
                    continue
                raise UsageError(f"{layer}: does not affect images{_listed(network)}")
    finally:
        hook.remove()
    return np.concatenate(rows)


def _listed(network: Network) -> str:
    blocks = [name for name, _ in network.G.synthesis.named_children()]
    return f"; choose {', '.join(blocks)}, or a layer in one, such as {blocks[0]}.conv1"
