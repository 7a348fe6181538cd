"""The options of linear separability: spaces, attributes and classifiers."""

from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Literal

from stylegan_cli.metrics.metric import Flag

PROTOCOLS = ("stylegan1", "stylegan2")
USUAL_NUM = 200_000


@dataclass(frozen=True, kw_only=True)
class SeparabilityOptions:
    """The spaces that are measured, and the classifiers of attributes."""

    space: Annotated[
        Literal["w", "z"] | None, Flag(words="Measure one space only; otherwise both.")
    ] = None
    classifier: Annotated[
        list[Path] | None,
        Flag(words="A classifier or a folder of them; may be repeated.", metavar="PATH"),
    ] = None
    attributes: Annotated[
        Path | None,
        Flag(
            words="Table of the images' names and attributes, instead of the data set's columns.",
            metavar="CSV",
        ),
    ] = None
    only: Annotated[
        str | None, Flag(words="Some attributes, such as beard,hair=bun.", metavar="LIST")
    ] = None
    train_classifier: Annotated[bool, Flag(words="Train missing classifiers.")] = False
    shared_classifier: Annotated[
        bool, Flag(words="Train one for all attributes, which is faster.")
    ] = False
    classifier_kimg: Annotated[
        float,
        Flag(words="Thousands of images that each classifier is shown.", metavar="N", least=0.001),
    ] = 150.0
    classifier_features: Annotated[
        int,
        Flag(
            words="Feature maps at the images' size; fewer than the paper's 64 are faster.",
            metavar="N",
            least=1,
        ),
    ] = 64
