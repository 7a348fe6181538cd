"""The classifiers of attributes that separability needs: named, kept or trained.

Attributes come from columns of a data set or from a table.
"""

from collections.abc import Generator, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import TYPE_CHECKING

import numpy as np
from jaxtyping import Bool, Int64

from stylegan_cli.data.dataset import Dataset
from stylegan_cli.data.labels import Column
from stylegan_cli.errors import DataError, UsageError, meant_or_all
from stylegan_cli.metrics.features import Workplace
from stylegan_cli.metrics.metric import Event, Remark, Request, stretch
from stylegan_cli.metrics.pictures import labelled_images
from stylegan_cli.metrics.separability import SeparabilityOptions
from stylegan_cli.networks.snapshot import Network
from stylegan_cli.texts import table_in

if TYPE_CHECKING:
    from stylegan_cli.metrics.separability.classifier import ClassifierPanel
    from stylegan_cli.metrics.separability.classifier_training import ClassifierTraining

YES = frozenset({"1", "1.0", "true", "yes", "y"})
NO = frozenset({"0", "0.0", "-1", "-1.0", "false", "no", "n", "none", ""})
RAREST = 0.01
"""Attributes that fewer images have, or lack, are left out: they cannot be learned."""


@dataclass(frozen=True, kw_only=True)
class Attributes:
    """The attributes of images.

    Attributes:
        flat: Attributes left out because (almost) all images have them, or none.
    """

    names: tuple[str, ...]
    images: Int64[np.ndarray, " n"]
    has: Bool[np.ndarray, "n attributes"]
    flat: tuple[str, ...] = ()

    def one_by_one(self) -> "Iterator[Attributes]":
        for i, name in enumerate(self.names):
            yield Attributes(names=(name,), images=self.images, has=self.has[:, i : i + 1])


def attributes_of_columns(columns: Mapping[str, Column]) -> Attributes:
    """Make an attribute of a column of two values, else one of each of its values: `hair=bun`.

    A column with "none" and several other values gives one more attribute, named as the column:
    the presence of any value.
    """
    found = _of_columns(columns)
    if not found:
        raise DataError(
            "no attributes: the data set has neither labels nor attribute columns; "
            "name a table of them with `attributes=FILE.csv`"
        )
    return _varying(found, np.arange(len(next(iter(found.values())))))


def attributes_of_csv(path: Path, images: Sequence[str]) -> Attributes:
    """Read attributes from a table: names in the first column, an attribute in each further one.

    Args:
        path: CSV with a line of headings; 1 and yes mean yes, 0, -1 and no mean no, as CelebA has
            them; other words are values.
        images: Names of all images in the data set, such as `00000/img00000000.png`; the table
            may name them by their last part alone.
    """
    rows = table_in(path)
    if not rows:
        raise DataError(f"{path}: empty; a line of headings and one for each image are needed")
    headings, lines = rows[0], rows[1:]
    ragged = next((i for i, line in enumerate(lines, 2) if len(line) != len(headings)), None)
    if ragged is not None or len(headings) < 2:
        raise DataError(
            f"{path}: line {ragged or 1} has {len(rows[(ragged or 1) - 1])} columns; wanted are an "
            f"image's name and its attributes{f', {len(headings)} columns as above' * bool(ragged)}"
        )
    places = {PurePosixPath(name).name: i for i, name in enumerate(images)}
    places |= {name: i for i, name in enumerate(images)}
    known = {places[line[0]]: line for line in lines if line[0] in places}
    if not known:
        raise DataError(
            f"{path}: names none of the {len(images)} images; the first column holds "
            f"{lines[0][0] if lines else 'nothing'!r}, the data set {images[0]!r}"
        )
    numbers = np.array(sorted(known), np.int64)
    columns = {
        heading: _column([known[number][place] for number in numbers.tolist()])
        for place, heading in enumerate(headings[1:], 1)
    }
    return _varying(_of_columns(columns), numbers)


def choose_attributes(attributes: Attributes, text: str) -> Attributes:
    """Choose those in a list such as `beard,hair=bun`; a column name takes all its values."""
    chosen: list[int] = []
    for word in (part.strip() for part in text.split(",")):
        matching = [
            i for i, name in enumerate(attributes.names) if word in (name, name.partition("=")[0])
        ]
        if not matching:
            raise UsageError(f"`only={word}`: {_why_not(attributes, word)}")
        chosen += [i for i in matching if i not in chosen]
    return Attributes(
        names=tuple(attributes.names[i] for i in chosen),
        images=attributes.images,
        has=attributes.has[:, chosen],
    )


def _why_not(attributes: Attributes, word: str) -> str:
    if word in attributes.flat:
        return f"over 99 % of the images have it, or lack it ({len(attributes.images)} images)"
    return f"no such attribute{meant_or_all(word, attributes.names, offer='there is')}"


def _of_columns(columns: Mapping[str, Column]) -> dict[str, Bool[np.ndarray, " n"]]:
    found: dict[str, Bool[np.ndarray, " n"]] = {}
    for name, column in columns.items():
        found |= _of_column(name, column)
    return found


def _of_column(name: str, column: Column) -> dict[str, Bool[np.ndarray, " n"]]:
    index = np.asarray(column.index, np.int64)
    words = [value.strip().lower() for value in column.values]
    no = np.array([word in NO for word in words])
    if all(word in NO | YES for word in words) or (len(words) == 2 and no.any()):
        return {name: ~no[index]}
    if len(words) == 2:
        return {f"{name}={column.values[1]}": index == 1}
    found = {f"{name}={value}": index == i for i, value in enumerate(column.values) if not no[i]}
    return {name: ~no[index], **found} if no.any() else found


def _varying(
    found: Mapping[str, Bool[np.ndarray, " n"]], images: Int64[np.ndarray, " n"]
) -> Attributes:
    """Leave out attributes that almost all images have, or lack."""
    shares = {name: float(has.mean()) for name, has in found.items()}
    names = tuple(name for name, share in shares.items() if RAREST <= share <= 1 - RAREST)
    if not names:
        raise DataError(
            "no attribute varies: over 99 % of the images have, or lack, each of "
            f"{', '.join(found)}; label more images, or name another table with `attributes`"
        )
    return Attributes(
        names=names,
        images=images,
        has=np.stack([found[name] for name in names], axis=1),
        flat=tuple(name for name in found if name not in names),
    )


def _column(words: Sequence[str]) -> Column:
    values = tuple(sorted(set(words)))
    numbers = {value: i for i, value in enumerate(values)}
    return Column(values=values, index=[numbers[word] for word in words])


def open_panel(
    network: Network, request: Request, place: Workplace
) -> "Generator[Event, None, tuple[ClassifierPanel, Dataset | None]]":
    """Open the classifiers that the options name or ask for, trained first where they must be.

    Returns:
        The classifiers, and the labelled images; None if none are needed.
    """
    options: SeparabilityOptions = request.options
    for name in ("attributes", "only", "train_classifier", "shared_classifier"):
        if options.classifier and getattr(options, name):
            raise UsageError(f"`classifier` and `{name}`: use only one of them")
    if options.classifier:
        dataset = None
        if network.c_dim:
            dataset = yield from labelled_images(request.data, network, network.path)
        paths = [file for path in options.classifier for file in _files(path)]
    else:
        dataset = yield from labelled_images(request.data, network, network.path)
        trainings = yield from _trainings(network, dataset, options)
        missing = [training for training in trainings if not training.is_finished]
        if missing:
            _check_may_train(missing, options, place)
            yield from _train(missing, place)
        paths = [training.path for training in trainings]
    from stylegan_cli.metrics.separability.classifier import load_panel

    panel = load_panel(paths, place.device)
    yield from _accuracy(panel)
    return panel, dataset


def open_classifiers(
    network: Network,
    options: SeparabilityOptions,
    *,
    data: str | None = None,
    device: str = "auto",
) -> "Generator[Event, None, ClassifierPanel]":
    """Open the classifiers of attributes for a use of their own, such as finding directions.

    Args:
        data: Labelled images; None takes those of the training.
        device: Name of the device that they are opened on.
    """
    place = Workplace(device_name=device)
    request = Request(network=network.path, data=data, options=options)
    panel, _ = yield from open_panel(network, request, place)
    return panel


def _files(path: Path) -> Sequence[Path]:
    """Return the classifier, or all of a folder."""
    if not path.is_dir():
        return [path]
    found = sorted(path.glob("*.safetensors"))
    if not found:
        raise UsageError(f"`classifier={path}`: no *.safetensors in this folder; name another")
    return found


def _trainings(
    network: Network, dataset: Dataset, options: SeparabilityOptions
) -> "Generator[Event, None, tuple[ClassifierTraining, ...]]":
    """Return the classifiers of these attributes, whether there or not."""
    data = network.recipe.data
    attributes = yield from _attributes(dataset, options)
    # the names are known to be right before torch is imported
    from stylegan_cli.metrics.separability.classifier import ClassifierOptions
    from stylegan_cli.metrics.separability.classifier_training import ClassifierTraining

    shape = (data.size.value, data.channels)
    training = ClassifierOptions(
        kimg=options.classifier_kimg,
        finest_features=options.classifier_features,
        mirror=data.mirror,
    )
    several = (attributes,) if options.shared_classifier else attributes.one_by_one()
    return tuple(ClassifierTraining(dataset, each, shape, training) for each in several)


def _attributes(
    dataset: Dataset, options: SeparabilityOptions
) -> Generator[Event, None, Attributes]:
    if options.attributes is not None:
        found = attributes_of_csv(options.attributes, dataset.names)
    else:
        found = attributes_of_columns(dataset.columns())
    if found.flat:
        names = ", ".join(found.flat)
        yield Remark(text=f"left out, as over 99 % of the images agree: {names}", is_warning=True)
    return found if options.only is None else choose_attributes(found, options.only)


def _check_may_train(
    missing: "Sequence[ClassifierTraining]", options: SeparabilityOptions, place: Workplace
) -> None:
    wanted = [name for training in missing for name in training.names]
    more = f" and {len(wanted) - 5} more" if len(wanted) > 6 else ""
    names = ", ".join(wanted[:5] if more else wanted) + more
    if not options.train_classifier:
        raise UsageError(
            f"no classifier of {names} yet; set `train_classifier` to train "
            f"{'one' if len(missing) == 1 else f'{len(missing)}, each'} on "
            f"{options.classifier_kimg:g} thousand images (`classifier_kimg`), kept for later"
        )
    if place.world.size > 1:
        raise UsageError(
            f"no classifier of {names} yet; run this once with `train_classifier` and without "
            "torchrun, they are kept"
        )


def _train(missing: "Sequence[ClassifierTraining]", place: Workplace) -> Iterator[Event]:
    for number, training in enumerate(missing, 1):
        which = f" {number} of {len(missing)}" if len(missing) > 1 else ""
        there = training.there
        resumed = f", resuming after {there} images" if there else ""
        yield Remark(text=f"training classifier{which}: {', '.join(training.names)}{resumed}")
        yield from stretch("training images", training.total - there, training.run(place.device))
        yield Remark(text=f"wrote {training.path}")


def _accuracy(panel: "ClassifierPanel") -> Iterator[Remark]:
    blind: list[str] = []
    for name, right, usual in zip(panel.names, panel.accuracy, panel.majority, strict=True):
        if right is None or usual is None:
            yield Remark(text=f"classifier {name}: its accuracy was never measured here")
            continue
        yield Remark(
            text=f"classifier {name}: accuracy {right:.1%}, of a constant answer {usual:.1%}"
        )
        blind = [*blind, name] if right <= usual else blind
    if blind:
        yield Remark(
            text=f"{', '.join(blind)}: the classifier is no better than a constant answer, so its "
            "planes mean nothing; train longer (`classifier_kimg`) or label more images",
            is_warning=True,
        )
