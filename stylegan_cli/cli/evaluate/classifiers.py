"""The classifiers of attributes that separability needs: found, trained or named."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

from stylegan_cli.cli import console
from stylegan_cli.cli.evaluate.flags import ClassifierFlags
from stylegan_cli.errors import UsageError

if TYPE_CHECKING:
    import torch

    from stylegan_cli.data.dataset import Dataset
    from stylegan_cli.metrics.separability.attributes import Attributes
    from stylegan_cli.metrics.separability.classifier import Panel
    from stylegan_cli.metrics.separability.classifier_training import ClassifierTraining
    from stylegan_cli.networks.snapshot import Network
    from stylegan_cli.runtime import World


@dataclass(frozen=True, kw_only=True)
class Judging:
    """What judges images of networks.

    Attributes:
        dataset: Labelled images; None where neither network nor classifiers need any.
    """

    panel: "Panel"
    dataset: "Dataset | None"


def open_judging(
    network: "Network", data: str | None, flags: ClassifierFlags, processes: "World"
) -> Judging:
    """The classifiers that the flags name or ask for, trained first where they are to be.

    Args:
        data: Labelled images; None takes those of the training.

    Raises:
        SgtoolError: There are no attributes or no classifiers, or they cannot be used.
    """
    from stylegan_cli.metrics.separability.classifier import load_panel

    _check(flags)
    device = network.G.mapping.w_avg.device
    if flags.classifier:
        dataset = labelled_images(network, data) if network.c_dim else None
        paths = [file for path in flags.classifier for file in _files(path)]
    else:
        dataset = labelled_images(network, data)
        paths = _trained(_trainings(network, dataset, flags), flags, processes, device)
    panel = load_panel(paths, device)
    _tell_accuracy(panel)
    return Judging(panel=panel, dataset=dataset)


def labelled_images(network: "Network", chosen: str | None) -> "Dataset":
    """The data set of attributes and labels; says on stderr which it is where nobody chose.

    Raises:
        SgtoolError: There is none, or it cannot be read.
    """
    from stylegan_cli import api

    recipe = network.recipe
    path = chosen or recipe.data.path
    if path is None:
        raise UsageError(f"{network.path}: does not say what it was trained on; add --data")
    if chosen is None:
        console.note(f"data {path}, as in training; --data chooses another")
    data = replace(recipe.data, path=path, labels=network.c_dim > 0)
    return api.training_data(replace(recipe, data=data))


def _files(path: Path) -> Sequence[Path]:
    """The classifier, or all of a folder."""
    if not path.is_dir():
        return [path]
    found = sorted(path.glob("*.safetensors"))
    if not found:
        raise UsageError(f"--classifier {path}: no *.safetensors in this folder; name another")
    return found


def _check(flags: ClassifierFlags) -> None:
    others = {
        "--attributes": flags.attributes is not None,
        "--only": flags.only is not None,
        "--train-classifier": flags.train_classifier,
        "--shared-classifier": flags.shared_classifier,
    }
    for flag, given in others.items():
        if flags.classifier and given:
            raise UsageError(f"--classifier and {flag}: one at a time; leave one out")


def _trainings(
    network: "Network", dataset: "Dataset", flags: ClassifierFlags
) -> "tuple[ClassifierTraining, ...]":
    """The classifiers of these attributes, whether there or not."""
    from stylegan_cli.metrics.separability.classifier import ClassifierOptions
    from stylegan_cli.metrics.separability.classifier_training import (
        ClassifierTraining,
        Labelled,
        separate_trainings,
    )

    data = network.recipe.data
    options = ClassifierOptions(
        kimg=flags.classifier_kimg,
        finest_features=flags.classifier_features,
        mirror=data.mirror,
    )
    labelled = Labelled(
        dataset=dataset,
        attributes=_attributes(dataset, flags),
        shape=(data.resolution, data.channels),
    )
    if flags.shared_classifier:
        return (ClassifierTraining(labelled, options),)
    return separate_trainings(labelled, options)


def _attributes(dataset: "Dataset", flags: ClassifierFlags) -> "Attributes":
    from stylegan_cli.metrics.separability.attributes import (
        attributes_of_columns,
        attributes_of_csv,
        choose_attributes,
    )

    if flags.attributes is not None:
        found = attributes_of_csv(flags.attributes, dataset.names)
    else:
        found = attributes_of_columns(dataset.columns())
    if found.flat:
        console.warn(f"left out, as over 99 % of the images agree: {', '.join(found.flat)}")
    return choose_attributes(found, flags.only) if flags.only is not None else found


def _trained(
    trainings: "Sequence[ClassifierTraining]",
    flags: ClassifierFlags,
    processes: "World",
    device: "torch.device",
) -> list[Path]:
    missing = [training for training in trainings if not training.is_finished]
    if missing:
        _may_train(missing, flags, processes)
        _train(missing, device)
    for path in (paths := [training.path for training in trainings]):
        console.detail(f"classifier {path}")
    return paths


def _may_train(
    missing: "Sequence[ClassifierTraining]", flags: ClassifierFlags, processes: "World"
) -> None:
    names = ", ".join(name for training in missing for name in training.names)
    if not flags.train_classifier:
        raise UsageError(
            f"no classifier yet of {names}; add --train-classifier to train "
            f"{'one' if len(missing) == 1 else f'{len(missing)}, each'} on "
            f"{flags.classifier_kimg:g} thousand images (--classifier-kimg), kept for later"
        )
    if processes.size > 1:
        raise UsageError(
            f"no classifier yet of {names}; run this once with --train-classifier and without "
            "torchrun, they are kept"
        )


def _train(missing: "Sequence[ClassifierTraining]", device: "torch.device") -> None:
    for number, training in enumerate(missing, 1):
        which = f" {number} of {len(missing)}" if len(missing) > 1 else ""
        there = training.there
        going_on = f", going on after {there} images" if there else ""
        console.note(f"training classifier{which}: {', '.join(training.names)}{going_on}")
        left = training.total - there
        steps = training.run(device)
        for _ in console.track(steps, label="training images", total=left, count=int):
            pass
        console.note(f"wrote {training.path}")


def _tell_accuracy(panel: "Panel") -> None:
    blind: list[str] = []
    for name, right, usual in zip(panel.names, panel.accuracy, panel.majority, strict=True):
        if right is None or usual is None:
            console.note(f"classifier {name}: nobody here judged how often it is right")
            continue
        console.note(f"classifier {name}: right {right:.1%}, always the same {usual:.1%}")
        blind = [*blind, name] if right <= usual else blind
    if blind:
        console.warn(
            f"{', '.join(blind)}: the classifier is no better than always saying the same, so what "
            "planes tell of it means nothing; train longer (--classifier-kimg) or label more images"
        )
