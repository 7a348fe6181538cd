"""Classifiers of attributes, [SG1] section 4.2: discriminators of [PG] that look at single images.

Trained on the labelled real images as in the paper (Adam, learning rate 0.001, 8 images a step,
150 thousand images), but one network has an output for each attribute, and where images are
smaller than 256 px it is the lower part of the paper's with 64 feature maps at their side.
"""

import hashlib
import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import islice
from pathlib import Path
from typing import Any

import numpy as np
import torch
import torch.nn.functional as F
from jaxtyping import Bool, Float, Int64
from torch import Tensor

from stylegan_cli.data.dataset import Dataset
from stylegan_cli.data.parallel import ordered_map, usual_workers
from stylegan_cli.data.sampler import Pick, Sampler
from stylegan_cli.data.samples import usual_cache
from stylegan_cli.errors import DataError, MetricError
from stylegan_cli.files import writing, written_whole
from stylegan_cli.metrics.attributes import Attributes
from stylegan_cli.metrics.path_length import PERCEIVED_SIDE, shrink
from stylegan_cli.networks.build import build_discriminator
from stylegan_cli.networks.discriminators import Discriminator
from stylegan_cli.recipe import DataSection, DiscriminatorSection, GeneratorSection, Recipe
from stylegan_cli.runtime import numpy_stream
from stylegan_cli.shapes import Images

SCHEMA = 1
FINEST_FEATURES, MOST_FEATURES = 64, 512
HELD_OUT = 0.1
"""The share of the images that a classifier is not trained on, but judged by."""


@dataclass(frozen=True, kw_only=True)
class ClassifierOptions:
    """How a classifier is trained; the defaults are the paper's.

    Attributes:
        finest_features: Feature maps at the side of the images; halving the side doubles them.
        mirror: Flip each image left to right with probability ½.
    """

    kimg: float = 150.0
    batch_size: int = 8
    lr: float = 0.001
    finest_features: int = FINEST_FEATURES
    mirror: bool = False
    seed: int = 0


@dataclass(frozen=True, kw_only=True)
class Description:
    """What a classifier's file says of it.

    Attributes:
        side: Of the images it looks at.
        data: Fingerprint of the data set and its attributes.
        accuracy: Share of the held-out images it is right about, by attribute.
        majority: The same for always saying what is more frequent.
    """

    names: tuple[str, ...]
    side: int
    channels: int
    data: str
    options: ClassifierOptions
    accuracy: tuple[float, ...] = ()
    majority: tuple[float, ...] = ()

    @property
    def key(self) -> str:
        """A hash of everything that decides the weights."""
        return hashlib.sha256(
            _as_json(replace(self, accuracy=(), majority=())).encode()
        ).hexdigest()


@dataclass(frozen=True, kw_only=True)
class Classifier:
    """Tells attributes of images."""

    description: Description
    network: Discriminator

    def logits(self, images: Images) -> Float[Tensor, "n attributes"]:
        """Positive where an image has the attribute: σ(2ℓ) is the probability.

        Args:
            images: In [−1, 1], not smaller than what the classifier was trained on.
        """
        factor = images.shape[-1] // self.description.side
        scores: Tensor = self.network(shrink(images, factor), images.new_zeros(len(images), 0))
        return scores


def describe_classifier(
    dataset: Dataset, attributes: Attributes, shape: tuple[int, int], options: ClassifierOptions
) -> Description:
    """The classifier that these images and options lead to, not trained yet.

    Args:
        shape: Resolution and channels of the images.
    """
    digest = hashlib.sha256(dataset.fingerprint.encode())
    digest.update(attributes.images.tobytes())
    digest.update(np.packbits(attributes.has).tobytes())
    return Description(
        names=attributes.names,
        side=min(shape[0], PERCEIVED_SIDE),
        channels=shape[1],
        data=digest.hexdigest(),
        options=options,
    )


def classifier_path(description: Description) -> Path:
    """Where a classifier is kept, for every later evaluation."""
    return usual_cache() / "classifiers" / f"{description.key[:16]}.safetensors"


def build_classifier(description: Description) -> Discriminator:
    """The untrained network: one logit for each attribute."""
    section = DiscriminatorSection(
        architecture="progressive",
        channel_base=description.options.finest_features * description.side,
        channel_max=MOST_FEATURES,
        mbstd_channels=0,
    )
    recipe = Recipe(
        seed=description.options.seed,
        data=DataSection(resolution=description.side, channels=_channels(description)),
        generator=GeneratorSection(family="progan", architecture="progressive"),
        discriminator=section,
    )
    # the discriminator of [PG] has a verdict and then a logit for each class
    return build_discriminator(recipe, c_dim=len(description.names) - 1)


def train_classifier(
    dataset: Dataset,
    attributes: Attributes,
    description: Description,
    path: Path,
    device: torch.device,
) -> Iterator[int]:
    """Train, judge and keep a classifier; yields how many more images it was shown.

    Raises:
        DataError: An image cannot be read, or there are too few.
        MetricError: The training got lost.
        OutputError: The place cannot be written.
    """
    train, test = _split(len(attributes.images))
    network, options = build_classifier(description).to(device).train(), description.options
    adam = torch.optim.Adam(network.parameters(), lr=options.lr, betas=(0.0, 0.99), eps=1e-8)
    read = _Reader(dataset, attributes, description.side, device)
    for images, has in read.batches(_stream(train, options), options.batch_size):
        signs = has * 2.0 - 1
        loss = F.softplus(-2 * signs * network(images, images.new_zeros(len(images), 0))).mean()
        adam.zero_grad(set_to_none=True)
        loss.backward()
        adam.step()
        yield len(images)
    if not torch.isfinite(loss):
        raise MetricError("the classifier's training got lost (its loss is no number)")
    network.eval().requires_grad_(False)
    judged = _judge(Classifier(description=description, network=network), read, test)
    save_classifier(path, judged)


def save_classifier(path: Path, classifier: Classifier) -> None:
    """Write a classifier; it appears under its name only when whole.

    Raises:
        OutputError: The place cannot be written.
    """
    from safetensors import SafetensorError
    from safetensors.torch import save

    tensors = {
        key: value.cpu().contiguous() for key, value in classifier.network.state_dict().items()
    }
    metadata = {"schema": str(SCHEMA), "classifier": _as_json(classifier.description)}
    with writing(path):
        path.parent.mkdir(parents=True, exist_ok=True)
    with written_whole(path) as temporary, writing(path, SafetensorError):
        temporary.write_bytes(save(tensors, metadata))


def load_classifier(path: Path, device: torch.device) -> Classifier:
    """A classifier from its file.

    Raises:
        DataError: The file is damaged or none of ours.
    """
    from safetensors import SafetensorError, safe_open

    try:
        with safe_open(path, framework="pt") as file:
            description = _from_json((file.metadata() or {})["classifier"])
            weights = {key: file.get_tensor(key) for key in file.keys()}  # noqa: SIM118
        network = build_classifier(description)
        network.load_state_dict(weights)
    except (SafetensorError, OSError, KeyError, TypeError, ValueError, RuntimeError) as error:
        raise DataError(
            f"{path}: not a classifier of attributes, or damaged ({error}); remove it"
        ) from None
    network.eval().requires_grad_(False)
    return Classifier(description=description, network=network.to(device))


class _Reader:
    """Gives images as the classifier takes them, with their attributes."""

    def __init__(
        self, dataset: Dataset, attributes: Attributes, side: int, device: torch.device
    ) -> None:
        self._dataset, self._attributes = dataset, attributes
        self._side, self._device = side, device

    def batches(self, picks: Iterator[Pick], size: int) -> Iterator[tuple[Images, Tensor]]:
        """Batches of images by their rows in the attributes."""
        read = ordered_map(self._read, picks, workers=usual_workers(), ahead=3 * size)
        try:
            while batch := list(islice(read, size)):
                pixels, has = zip(*batch, strict=True)
                images = torch.from_numpy(np.stack(pixels)).permute(0, 3, 1, 2).to(self._device)
                shrunk = shrink(images.float() / 127.5 - 1, images.shape[-1] // self._side)
                yield shrunk, torch.from_numpy(np.stack(has)).to(self._device)
        finally:
            read.close()

    def _read(self, pick: Pick) -> tuple[np.ndarray, Bool[np.ndarray, " attributes"]]:
        pixels, _ = self._dataset.read(int(self._attributes.images[pick.index]))
        return pixels[:, ::-1] if pick.mirrored else pixels, self._attributes.has[pick.index]


def _split(count: int) -> tuple[Int64[np.ndarray, " train"], Int64[np.ndarray, " test"]]:
    """Rows to train on and rows to judge by; the same ones every time."""
    order = numpy_stream(0, "held out").permutation(count)
    test = max(1, int(count * HELD_OUT))
    if count - test < 1:
        raise DataError(f"{count} labelled images are too few to train on; take more")
    return order[test:], order[:test]


def _stream(rows: Int64[np.ndarray, " n"], options: ClassifierOptions) -> Iterator[Pick]:
    sampler = Sampler(len(rows), seed=options.seed, mirror=options.mirror)
    for position in range(max(1, round(options.kimg * 1000))):
        pick = sampler.pick(position)
        yield replace(pick, index=int(rows[pick.index]))


def _judge(classifier: Classifier, read: _Reader, rows: Int64[np.ndarray, " n"]) -> Classifier:
    right, truth = [], []
    with torch.no_grad():
        picks = (Pick(index=row, mirrored=False) for row in rows.tolist())
        for images, has in read.batches(picks, 32):
            right.append((classifier.logits(images) >= 0) == has)
            truth.append(has)
    share = torch.cat(truth).float().mean(0)
    accuracy = torch.cat(right).float().mean(0)
    description = replace(
        classifier.description,
        accuracy=tuple(accuracy.tolist()),
        majority=tuple(torch.maximum(share, 1 - share).tolist()),
    )
    return replace(classifier, description=description)


def _channels(description: Description) -> Any:
    return description.channels


def _as_json(description: Description) -> str:
    facts = {**vars(description), "options": vars(description.options)}
    return json.dumps(facts, sort_keys=True)


def _from_json(text: str) -> Description:
    facts: Mapping[str, Any] = json.loads(text)
    sequences: Mapping[str, Sequence[Any]] = {
        key: tuple(facts[key]) for key in ("names", "accuracy", "majority")
    }
    return Description(**{**facts, **sequences, "options": ClassifierOptions(**facts["options"])})
