"""`sgtool discover attribute`: what leads from images that lack something to those that have it."""

from collections.abc import Sequence
from pathlib import Path
from typing import Annotated, Literal

import typer

from stylegan_cli import api
from stylegan_cli.cli.discover.judges import JudgeFlags, judged
from stylegan_cli.cli.discover.showing import (
    FileFlag,
    FoundDirections,
    NameFlag,
    SamplesFlag,
    ShowFlags,
    discover,
    with_flags_of_discovery,
)
from stylegan_cli.cli.options import StudyFlags, examples
from stylegan_cli.errors import UsageError

EXAMPLES = examples(
    "sgtool discover attribute brightness warmth",
    "sgtool discover attribute hair=bun rear_hair --train-classifier --hold brightness",
    "sgtool discover attribute smile --scores smile.csv --method mean",
    "sgtool discover attribute --with 3,8,12-20 --without 0-2,4-7,9-11 --name bun",
)


@with_flags_of_discovery
def attribute(
    names: list[str] | None = None,
    /,
    have: Annotated[str | None, typer.Option("--with")] = None,
    lack: Annotated[str | None, typer.Option("--without")] = None,
    method: Literal["svm", "mean", "lda"] = "svm",
    top: float = 0.02,
    hold: list[str] | None = None,
    samples: SamplesFlag = 5000,
    output: FileFlag = Path("directions.h5"),
    name: NameFlag = None,
    *,
    show: ShowFlags,
    judging: JudgeFlags,
    flags: StudyFlags,
) -> None:
    """Find directions of attributes by scores (InterFaceGAN).

    Scores come from classifiers as `sgtool eval separability` trains them, from your table, or
    from the pixels themselves. Prints how well the plane tells the attribute, how often 3 steps
    bring it about, and how much else they change.

    Args:
        names (NAME): Attributes that classifiers score, columns of --scores, or properties of
            pixels: brightness, contrast, saturation, warmth, edges, symmetry, center-x, center-y,
            size.
        have (LIST): Instead of scores: seeds, codes in files or class:NAME with the attribute.
        lack (LIST): Seeds, codes in files or class:NAME without it.
        method: A support vector machine's plane, the difference of the means, or that with the
            spread of all codes undone.
        top (SHARE): Share of the images used at either end.
        hold (NAME): Attribute to keep constant; may be repeated.
    """

    if have or lack:
        if not (have and lack):
            raise UsageError("--with and --without go together; give both")
        both = _Poles(have, lack, whiten=method == "lda")
        discover(both.find, name or "difference", output, show, flags)
        return
    wanted = tuple(dict.fromkeys((*(names or ()), *(hold or ()))))

    def find(network: "api.Network", group: str) -> FoundDirections:
        columns, scored, judge = judged(network, wanted, samples, judging, flags)
        chosen = wanted or columns
        found = api.find_attributes(
            network,
            chosen,
            api.chosen_scores(columns, scored, chosen),
            method=method,
            ratio=top,
            hold=tuple(hold or ()),
            group=group,
        )
        return FoundDirections(found, judge)

    discover(find, name or "attribute", output, show, flags)


class _Poles:
    """Codes that have something, and codes that lack it."""

    def __init__(self, have: str, lack: str, *, whiten: bool) -> None:
        self._texts: Sequence[str] = (have, lack)
        self._whiten = whiten

    def find(self, network: "api.Network", group: str) -> FoundDirections:
        """Return the direction from the codes that lack it to those that have it."""

        have, lack = (api.codes_of_pole(network, text) for text in self._texts)
        return FoundDirections(
            api.find_difference(network, have, lack, whiten=self._whiten, name=group)
        )
