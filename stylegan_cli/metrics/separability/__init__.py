"""Linear separability as a metric: judgements of images, then planes through their codes."""

from collections.abc import Generator, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from functools import partial
from pathlib import Path
from statistics import mean
from typing import TYPE_CHECKING, Annotated, Any, Literal

import numpy as np
from annotated_types import Ge

from stylegan_cli.errors import UsageError
from stylegan_cli.metrics.metric import (
    OF_CODES,
    Columns,
    Conclusion,
    Event,
    Maker,
    Metric,
    OnCodes,
    Remark,
    Request,
    Series,
    counted,
    stretch,
)

if TYPE_CHECKING:
    from stylegan_cli.metrics.features import Workplace
    from stylegan_cli.metrics.protocol import Space
    from stylegan_cli.metrics.separability.classifier import ClassifierPanel
    from stylegan_cli.metrics.separability.separability import Faces, Separation
    from stylegan_cli.networks.snapshot import Network

    Results = list[tuple[str, Space, Separation]]

PROTOCOLS = ("stylegan1", "stylegan2")
USUAL_NUM = 200_000
COLUMN = "logits"
FACTS = ("entropy", "share", "accuracy", "converged")
TRAINED = "separability_trained"
"""Classifiers trained here differ from the published ones."""


@dataclass(frozen=True, kw_only=True)
class SeparabilityOptions:
    """The spaces that are measured, and the classifiers of attributes.

    Attributes:
        space: Measure one space only; otherwise both.
        classifier (PATH): A classifier or a folder of them; may be repeated.
        attributes (CSV): Table of the images' names and attributes, instead of the data set's
            columns.
        only (LIST): Some attributes, such as beard,hair=bun.
        train_classifier: Train missing classifiers.
        shared_classifier: Train one for all attributes, which is faster.
        classifier_kimg (N): Thousands of images that each classifier is shown.
        classifier_features (N): Feature maps at the images' size; fewer than the paper's 64 are
            faster.
    """

    space: Literal["w", "z"] | None = None
    classifier: list[Path] | None = None
    attributes: Path | None = None
    only: str | None = None
    train_classifier: bool = False
    shared_classifier: bool = False
    classifier_kimg: Annotated[float, Ge(0.001)] = 150.0
    classifier_features: Annotated[int, Ge(1)] = 64


def _prepare(
    network: "Network", request: Request, place: "Workplace"
) -> Generator[Event, None, Maker]:
    from stylegan_cli.metrics.fakes import seeds_of
    from stylegan_cli.metrics.separability.panel import open_panel
    from stylegan_cli.metrics.separability.separability import Faces, check_spaces, spaces_of

    num = request.num or USUAL_NUM
    if num < 8:
        raise UsageError(f"`num={num}`: at least 8 images are needed")
    chosen = request.options.space
    spaces: tuple[Space, ...] = (chosen,) if chosen else spaces_of(network)
    check_spaces(network, spaces, request.protocol)
    seeds_of(request.seed + request.repeat - 1, range(num))
    panel, dataset = yield from open_panel(network, request, place)

    def series(network: "Network", seed: int) -> Iterator[Series]:
        faces = Faces(network=network, dataset=dataset, num=num, seed=seed)
        yield separability_series(
            faces, panel, spaces, request.protocol, batch_size=place.execution.batch_size
        )

    return series


def separability_series(
    faces: "Faces",
    panel: "ClassifierPanel",
    spaces: "tuple[Space, ...]",
    protocol: str | None = None,
    *,
    batch_size: int | None = None,
) -> Series:
    """Judge images of a network, and find planes in its spaces.

    Codes and scaled copies take about 20 bytes a number: 2 GB for 200,000 of 512 dimensions.
    """
    from stylegan_cli.metrics.separability.separability import check_faces, check_spaces, judge
    from stylegan_cli.networks.execution import default_batch_size, precision_claim

    network, dataset = faces.network, faces.dataset
    check_spaces(network, spaces, protocol)
    check_faces(faces, panel)
    name = TRAINED if protocol is None else "ls_trained"
    return Series(
        name=name,
        request={
            "metric": "separability",
            "spaces": list(spaces),
            "num": faces.num,
            "num_kept": faces.num // 2,
            "seed": faces.seed,
            "noise_mode": "random" if network.G.has_noise else "none",
            "data": dataset.fingerprint if dataset and network.c_dim else None,
            "protocol": protocol,
            "svm": f"linear, {'scaled' if name == TRAINED else 'unscaled'}, primal, C=1",
            "classifier_sha256": list(panel.sha256),
            "network_sha256": network.sha256,
            **precision_claim(network.precision),
        },
        columns={COLUMN: (len(panel.names),)},
        measure=lambda part: {COLUMN: judge(faces, panel, part)},
        conclude=partial(_conclude, name, faces, panel, spaces),
        batch_size=batch_size or default_batch_size(network.G.size),
    )


def _conclude(
    name: str,
    faces: "Faces",
    panel: "ClassifierPanel",
    spaces: "tuple[Space, ...]",
    columns: Columns,
) -> Iterator[Event | Conclusion]:
    from stylegan_cli.metrics.separability.separability import planes, separability

    results: Results = []
    scaled = name == TRAINED
    counts = counted(planes(faces, panel.names, spaces, columns[COLUMN], scaled=scaled), results)
    yield from stretch("planes", len(panel.names) * len(spaces), counts)
    for text in _warnings(results, faces, spaces):
        yield Remark(text=text, is_warning=True)
    per_space = {space: [each for _, own, each in results if own == space] for space in spaces}
    arrays = {
        f"{fact}_{space}": np.array([getattr(each, fact) for each in found])
        for space, found in per_space.items()
        for fact in FACTS
    }
    yield Conclusion(
        values={f"{name}_{space}": separability(found) for space, found in per_space.items()},
        facts={
            "attributes": _attributes(results, panel),
            "num_pruned": faces.num - faces.num // 2,
            "classifiers": [
                {"names": each.description.names, **asdict(each.description.options)}
                for each in panel.classifiers
            ],
        },
        arrays={"attribute_names": np.array([each.encode() for each in panel.names]), **arrays},
    )


def _attributes(results: "Results", panel: "ClassifierPanel") -> list[dict[str, object]]:
    seen = dict(zip(panel.names, zip(panel.accuracy, panel.majority, strict=True), strict=True))
    return [
        {
            "name": name,
            "space": space,
            **asdict(found),
            "classifier_accuracy": seen[name][0],
            "classifier_majority": seen[name][1],
        }
        for name, space, found in results
    ]


def _warnings(results: "Results", faces: "Faces", spaces: "tuple[Space, ...]") -> Iterator[str]:
    """Yield warnings about the reliability of the results."""
    G, kept = faces.network.G, faces.num // 2
    dims: Mapping[str, int] = {"z": G.z_dim, "w": G.w_dim}
    for space in spaces:
        if kept < 10 * dims[space]:
            yield (
                f"{kept} codes that count are few for the {dims[space]} dimensions of {space}: "
                f"planes separate them by chance; take `num={20 * dims[space]}` or more"
            )
    # the same images count in every space
    shares = {name: found.share for name, _, found in results}
    for share, words in ((0, "none"), (1, "all")):
        names = [name for name, found in shares.items() if found == share]
        if names:
            yield (
                f"{', '.join(names)}: {words} of the {kept} images that count, so there is nothing "
                "to separate; 0 bits"
            )
    for name, space, result in results:
        if not result.converged:
            yield (
                f"{name} in {space}: the search for the plane did not converge; its "
                "entropy is an upper bound"
            )


def _details(records: Sequence[Mapping[str, Any]]) -> Sequence[tuple[str, ...]]:
    """Return a row for each attribute in each space, means over the repeats."""
    rows: list[tuple[str, ...]] = [
        ("attribute", "bits", "have it", "plane right", "classifier right", "kept", "converged")
    ]
    for runs in zip(*(record["attributes"] for record in records), strict=True):
        first, right = runs[0], runs[0]["classifier_accuracy"]
        rows.append(
            (
                f"{first['name']} in {first['space']}",
                f"{mean(run['entropy'] for run in runs):.4f}",
                f"{mean(run['share'] for run in runs):.3f}",
                f"{mean(run['accuracy'] for run in runs):.3f}",
                "unknown" if right is None else f"{right:.3f}",
                f"{records[0]['num_kept']} of {records[0]['num']}",
                "yes" if all(run["converged"] for run in runs) else "no",
            )
        )
    return rows


SEPARABILITY = Metric(
    name="separability",
    about="""Measure how well planes in z and w separate attributes.

    This is linear separability. Classifiers, trained once on the labelled real images and kept,
    judge generated images; a linear SVM then predicts their judgements from the codes. 1 is
    perfect; an attribute that no plane separates counts up to a factor of 2.
    """,
    examples=(
        "`train_classifier`",
        "`train_classifier` `classifier_kimg=10` `num=20000`",
        "`train_classifier` `shared_classifier` `repeat=3`",
        "`only=beard,hair=bun` `train_classifier` `data=portraits.zip`",
        "`attributes=celeba.csv` `data=celeba.zip` `train_classifier`",
        "`all_snapshots=runs/people` `num=20000`",
    ),
    work=OnCodes(prepare=_prepare),
    alone=frozenset({"space"}),
    details=_details,
    takes=OF_CODES | {"data", "protocol"},
    options=SeparabilityOptions,
    num="Images to judge; 200000 if not given, of which the half with the most confident "
    "judgements counts.",
    better="smaller",
)
