"""The classifiers of attributes that separability needs: named, kept or trained."""

from collections.abc import Generator, Iterator, Sequence
from pathlib import Path

from stylegan_cli.data.dataset import Dataset
from stylegan_cli.errors import UsageError
from stylegan_cli.metrics.features import Workplace
from stylegan_cli.metrics.metric import Event, Remark, Request, stretch
from stylegan_cli.metrics.pictures import labelled_images
from stylegan_cli.metrics.separability import SeparabilityOptions
from stylegan_cli.metrics.separability.attributes import (
    Attributes,
    attributes_of_columns,
    attributes_of_csv,
    choose_attributes,
)
from stylegan_cli.metrics.separability.classifier import (
    ClassifierOptions,
    ClassifierPanel,
    load_panel,
)
from stylegan_cli.metrics.separability.classifier_training import ClassifierTraining
from stylegan_cli.networks.snapshot import Network


def open_panel(
    network: Network, request: Request, place: Workplace
) -> Generator[Event, None, tuple[ClassifierPanel, Dataset | None]]:
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
            dataset = yield from labelled_images(request.data, network.header, network.path)
        paths = [file for path in options.classifier for file in _files(path)]
    else:
        dataset = yield from labelled_images(request.data, network.header, network.path)
        trainings = yield from _trainings(network, dataset, options)
        missing = [training for training in trainings if not training.is_finished]
        if missing:
            _check_may_train(missing, options, place)
            yield from _train(missing, place)
        paths = [training.path for training in trainings]
    panel = load_panel(paths, place.device)
    yield from _accuracy(panel)
    return panel, dataset


def open_classifiers(
    network: Network, options: SeparabilityOptions, *, data: str | None = None
) -> Generator[Event, None, ClassifierPanel]:
    """Open the classifiers of attributes for a use of their own, such as finding directions.

    Args:
        data: Labelled images; None takes those of the training.
    """
    place = Workplace(device_name=str(network.G.mapping.w_avg.device))
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
) -> Generator[Event, None, tuple[ClassifierTraining, ...]]:
    """Return the classifiers of these attributes, whether there or not."""
    data = network.recipe.data
    attributes = yield from _attributes(dataset, options)
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
    missing: Sequence[ClassifierTraining], options: SeparabilityOptions, place: Workplace
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


def _train(missing: Sequence[ClassifierTraining], place: Workplace) -> Iterator[Event]:
    for number, training in enumerate(missing, 1):
        which = f" {number} of {len(missing)}" if len(missing) > 1 else ""
        there = training.there
        resumed = f", resuming after {there} images" if there else ""
        yield Remark(text=f"training classifier{which}: {', '.join(training.names)}{resumed}")
        yield from stretch("training images", training.total - there, training.run(place.device))
        yield Remark(text=f"wrote {training.path}")


def _accuracy(panel: ClassifierPanel) -> Iterator[Remark]:
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
