"""Resumable training of a classifier of attributes, [SG1] section 4.2.

Adam, learning rate 0.001, 8 images a step, 150 thousand images.
"""

import hashlib
import time
from collections.abc import Iterator
from contextlib import closing
from dataclasses import replace
from itertools import islice
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
import torch.nn.functional as F
from jaxtyping import Bool, Int64
from torch import Tensor

from stylegan_cli.data.dataset import Dataset
from stylegan_cli.data.loader import Pick, Sampler
from stylegan_cli.errors import DataError, MetricError, NetworkFileError
from stylegan_cli.files import cache_folder
from stylegan_cli.metrics.path_length import shrink
from stylegan_cli.metrics.ppl import PERCEIVED_SIDE
from stylegan_cli.metrics.separability.classifier import (
    Classifier,
    ClassifierOptions,
    Description,
    build_classifier,
    load_classifier,
    save_classifier,
)
from stylegan_cli.networks.discriminators import Discriminator
from stylegan_cli.recipe import DataSection
from stylegan_cli.rendering.render import to_images
from stylegan_cli.runtime import numpy_stream, ordered_map
from stylegan_cli.shapes import Images
from stylegan_cli.training.run_folder import load_state, save_state

if TYPE_CHECKING:
    from stylegan_cli.metrics.separability.panel import Attributes

HELD_OUT = 0.1
"""Share of the images that are held out to measure the accuracy."""

KEEP_EVERY = 30.0
"""Most seconds of training that a killed process loses."""


def describe_classifier(
    dataset: Dataset,
    attributes: "Attributes",
    shape: tuple[int | str, int],
    options: ClassifierOptions,
) -> Description:
    """Describe the classifier of these images and options, before it is trained.

    It takes them whole, halved while the shorter side stays at least 256 px.

    Args:
        shape: Resolution and channels of the images.
    """
    size = DataSection(resolution=shape[0]).size
    while size.shorter >= 2 * PERCEIVED_SIDE:
        size = size >> 1
    digest = hashlib.sha256(dataset.fingerprint.encode())
    digest.update(attributes.images.tobytes())
    digest.update(np.packbits(attributes.has).tobytes())
    return Description(
        names=attributes.names,
        side=size.value,
        channels=shape[1],
        data=digest.hexdigest(),
        options=options,
    )


class ClassifierTraining:
    """The training of one classifier; after a kill it resumes to the same bits.

    Args:
        attributes: One classifier learns all of these.
        shape: Resolution and channels of the images.
    """

    def __init__(
        self,
        dataset: Dataset,
        attributes: "Attributes",
        shape: tuple[int | str, int],
        options: ClassifierOptions,
    ) -> None:
        self._dataset, self._attributes, self._options = dataset, attributes, options
        self._description = describe_classifier(dataset, attributes, shape, options)
        key = self._description.key[:16]
        self.path = cache_folder() / "classifiers" / f"{key}.safetensors"
        self._state = self.path.with_name(f".{self.path.stem}.training")

    @property
    def names(self) -> tuple[str, ...]:
        return self._description.names

    @property
    def is_finished(self) -> bool:
        """Return whether the classifier is there; remove a damaged one, to train it again."""
        if not self.path.exists():
            return False
        try:
            load_classifier(self.path, torch.device("cpu"))
        except DataError:
            self.path.unlink()
            return False
        return True

    @property
    def total(self) -> int:
        return max(1, round(self._options.kimg * 1000))

    @property
    def there(self) -> int:
        """Return the number of images shown by the last kept state."""
        return self.total if self.is_finished else self._kept().get("shown", 0)

    def run(self, device: torch.device) -> Iterator[int]:
        """Train, judge and keep it; yields how many more images it was shown."""
        train, test = _split(len(self._attributes.images))
        network = build_classifier(self._description).to(device).train()
        adam = torch.optim.Adam(
            network.parameters(), lr=self._options.lr, betas=(0.0, 0.99), eps=1e-8
        )
        yield from self._learn(network, adam, train)
        if not all(bool(p.isfinite().all()) for p in network.parameters()):
            self._state.unlink(missing_ok=True)
            raise MetricError(
                "the training of the classifier failed (its weights are NaN or infinite)"
            )
        network.eval().requires_grad_(False)
        judged = Classifier(description=self._judged(network, test), network=network)
        save_classifier(self.path, judged)
        self._state.unlink(missing_ok=True)

    def _learn(
        self, network: Discriminator, adam: torch.optim.Adam, rows: Int64[np.ndarray, " n"]
    ) -> Iterator[int]:
        kept, shown = self._kept(), 0
        if kept:
            network.load_state_dict(kept["network"])
            adam.load_state_dict(kept["adam"])
            shown = kept["shown"]
        sampler = Sampler(len(rows), seed=self._options.seed, mirror=self._options.mirror)
        drawn = map(sampler.pick, range(shown, self.total))
        picks = (replace(pick, index=int(rows[pick.index])) for pick in drawn)
        last = time.monotonic()
        device = next(network.parameters()).device
        for images, has in self._batches(picks, self._options.batch_size, device):
            signs = has * 2.0 - 1
            loss = F.softplus(-2 * signs * network(images, images.new_zeros(len(images), 0))).mean()
            adam.zero_grad(set_to_none=True)
            loss.backward()
            adam.step()
            shown += len(images)
            if time.monotonic() - last >= KEEP_EVERY:
                self._keep(network, adam, shown)
                last = time.monotonic()
            yield len(images)

    def _keep(self, network: Discriminator, adam: torch.optim.Adam, shown: int) -> None:
        facts = {"key": self._description.key, "shown": shown}
        save_state(
            self._state, {**facts, "network": network.state_dict(), "adam": adam.state_dict()}
        )

    def _kept(self) -> dict[str, Any]:
        """Return what an earlier process kept; nothing if that is damaged or of another one."""
        try:
            found = load_state(self._state)
        except NetworkFileError:
            return {}
        return found if found.get("key") == self._description.key else {}

    def _judged(self, network: Discriminator, rows: Int64[np.ndarray, " n"]) -> Description:
        """Return the description, with the accuracy on held-out images."""
        classifier = Classifier(description=self._description, network=network)
        device, right, truth = next(network.parameters()).device, [], []
        picks = (Pick(index=row, mirrored=False) for row in rows.tolist())
        with torch.no_grad():
            for images, has in self._batches(picks, 32, device):
                right.append((classifier.logits(images) >= 0) == has)
                truth.append(has)
        share = torch.cat(truth).float().mean(0)
        return replace(
            self._description,
            accuracy=tuple(torch.cat(right).float().mean(0).tolist()),
            majority=tuple(torch.maximum(share, 1 - share).tolist()),
        )

    def _batches(
        self, picks: Iterator[Pick], size: int, device: torch.device
    ) -> Iterator[tuple[Images, Tensor]]:
        """Yield batches of images as the classifier takes them, with their attributes."""
        with closing(ordered_map(self._read, picks, ahead=3 * size)) as read:
            while batch := list(islice(read, size)):
                pixels, has = zip(*batch, strict=True)
                images = to_images(torch.from_numpy(np.stack(pixels)).to(device))
                shrunk = shrink(images, images.shape[-1] // self._description.size.width)
                yield shrunk, torch.from_numpy(np.stack(has)).to(device)

    def _read(self, pick: Pick) -> tuple[np.ndarray, Bool[np.ndarray, " attributes"]]:
        pixels, _ = self._dataset.read(int(self._attributes.images[pick.index]))
        return pixels[:, ::-1] if pick.mirrored else pixels, self._attributes.has[pick.index]


def _split(count: int) -> tuple[Int64[np.ndarray, " train"], Int64[np.ndarray, " test"]]:
    """Return rows to train on and rows held out; the same ones every time."""
    order = numpy_stream(0, "held out").permutation(count)
    test = max(1, int(count * HELD_OUT))
    if count - test < 1:
        raise DataError(f"{count} labelled images are too few to train on; take more")
    return order[test:], order[:test]
