"""Classifiers of attributes, [SG1] section 4.2: discriminators of [PG] that look at single images.

One network for each attribute, as in the paper, or a shared one with an output for each. Where
images are smaller than 256 px it is the lower part of the paper's with 64 feature maps at their
side.
"""

import hashlib
import json
import re
from collections.abc import Iterable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import torch
from jaxtyping import Float
from torch import Tensor

from stylegan_cli.errors import DataError, ForeignFileError, UsageError
from stylegan_cli.files import similar, writing, written_whole
from stylegan_cli.interop.foreign import fitted, shapes_of
from stylegan_cli.interop.pickles.reader import refusals_in_words
from stylegan_cli.interop.reading import read_tensorflow_networks
from stylegan_cli.interop.shapes_of_networks import Shapes, discriminator_values
from stylegan_cli.interop.tensorflow_releases import discriminator_tensors
from stylegan_cli.metrics.path_length import shrink
from stylegan_cli.networks.discriminators import Discriminator
from stylegan_cli.networks.family import build_discriminator
from stylegan_cli.networks.snapshot import file_sha256
from stylegan_cli.recipe import DataSection, DiscriminatorSection, GeneratorSection, Settled
from stylegan_cli.shapes import Images
from stylegan_cli.sizes import Size

SCHEMA = 1
FINEST_FEATURES, MOST_FEATURES = 64, 512


@dataclass(frozen=True, kw_only=True)
class ClassifierOptions:
    """Options of the training of a classifier; the defaults are the paper's.

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
    """The description in a classifier's file.

    Attributes:
        side: Side of the images it takes, or "WIDTHxHEIGHT".
        data: Fingerprint of the data set and its attributes.
        accuracy: Share of held-out images it classifies correctly, by attribute; None if never
            measured.
        majority: The same for always answering with the majority.
    """

    names: tuple[str, ...]
    side: int | str
    channels: int
    data: str
    options: ClassifierOptions
    accuracy: tuple[float | None, ...] = ()
    majority: tuple[float | None, ...] = ()

    @property
    def size(self) -> Size:
        return DataSection(resolution=self.side).size

    @property
    def key(self) -> str:
        """Return a hash of everything that decides the weights."""
        untrained = replace(self, accuracy=(), majority=())
        return hashlib.sha256(_as_json(untrained).encode()).hexdigest()


@dataclass(frozen=True, kw_only=True)
class Classifier:
    """A network that predicts attributes of images."""

    description: Description
    network: Discriminator

    def logits(self, images: Images) -> Float[Tensor, "n attributes"]:
        """Return logits, positive where an image has the attribute: σ(2ℓ) is the probability.

        Args:
            images: In [−1, 1], not smaller than what the classifier was trained on.
        """
        factor = images.shape[-1] // self.description.size.width
        scores: Tensor = self.network(shrink(images, factor), images.new_zeros(len(images), 0))
        return scores


@dataclass(frozen=True, kw_only=True)
class ClassifierPanel:
    """Classifiers that judge the same images, and the hashes of their files."""

    classifiers: tuple[Classifier, ...]
    sha256: tuple[str, ...]

    @property
    def names(self) -> tuple[str, ...]:
        """Return the names of all attributes, in the order of accuracy and majority."""
        return tuple(name for each in self._descriptions for name in each.names)

    @property
    def accuracy(self) -> tuple[float | None, ...]:
        return tuple(share for each in self._descriptions for share in each.accuracy)

    @property
    def majority(self) -> tuple[float | None, ...]:
        return tuple(share for each in self._descriptions for share in each.majority)

    def logits(self, images: Images) -> Float[Tensor, "n attributes"]:
        """Return logits as `Classifier.logits` does, for all attributes."""
        return torch.cat([each.logits(images) for each in self.classifiers], 1)

    @property
    def _descriptions(self) -> tuple[Description, ...]:
        return tuple(each.description for each in self.classifiers)


def build_classifier(description: Description) -> Discriminator:
    """Build the untrained network: one logit for each attribute."""
    channels: Any = description.channels
    section = DiscriminatorSection(
        architecture="progressive",
        channel_base=description.options.finest_features * description.size.level,
        channel_max=MOST_FEATURES,
        mbstd_channels=0,
    )
    recipe = Settled(
        seed=description.options.seed,
        data=DataSection(resolution=description.side, channels=channels),
        generator=GeneratorSection(family="progan", architecture="progressive"),
        discriminator=section,
    )
    # the discriminator of [PG] has its logit and then one for each class
    return build_discriminator(recipe, c_dim=len(description.names) - 1)


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
    # one entry only: safetensors writes several in random order, which changes the hash
    metadata = {"classifier": _as_json(classifier.description)}
    with written_whole(path) as temporary, writing(path, SafetensorError):
        temporary.write_bytes(save(tensors, metadata))


def load_classifier(path: Path, device: torch.device) -> Classifier:
    """Load a classifier from its file."""
    from safetensors import SafetensorError, safe_open

    try:
        with safe_open(path, framework="pt") as file:
            description = _from_json((file.metadata() or {})["classifier"])
            weights = {key: file.get_tensor(key) for key in file.keys()}  # noqa: SIM118
        network = build_classifier(description)
        network.load_state_dict(weights)
    except FileNotFoundError:
        raise DataError(f"{path}: there is no such file or folder{similar(path)}") from None
    except (SafetensorError, OSError, KeyError, TypeError, ValueError, RuntimeError) as error:
        raise DataError(
            f"{path}: not a classifier of attributes, or damaged ({error}); remove it"
        ) from None
    network.eval().requires_grad_(False)
    return Classifier(description=description, network=network.to(device))


def load_panel(paths: Iterable[Path], device: torch.device) -> ClassifierPanel:
    """Load the classifiers of these files."""
    files = tuple(paths)
    panel = ClassifierPanel(
        classifiers=tuple(load_classifier(path, device) for path in files),
        sha256=tuple(map(file_sha256, files)),
    )
    twice = next((name for name in panel.names if panel.names.count(name) > 1), None)
    if twice is not None:
        raise UsageError(f"`classifier`: several predict {twice}; name one file for each attribute")
    return panel


def _as_json(description: Description) -> str:
    facts = {"schema": SCHEMA, **vars(description), "options": vars(description.options)}
    return json.dumps(facts, sort_keys=True)


def _from_json(text: str) -> Description:
    facts: dict[str, Any] = json.loads(text)
    if facts.pop("schema") != SCHEMA:
        raise ValueError("of another version of sgtool")
    facts |= {key: tuple(facts[key]) for key in ("names", "accuracy", "majority")}
    description = Description(**{**facts, "options": ClassifierOptions(**facts["options"])})
    if not description.size.is_possible:
        raise ValueError(f"of images of {description.side} px")
    return description


_NUMBERED = re.compile(r"celebahq-classifier-\d\d-(.+)")
_BLURRED = ("D_basic", "D_stylegan", "D_stylegan2")


def read_published_classifier(path: Path) -> Classifier:
    """Read the classifier in a pickle of the TensorFlow release without running anything in it.

    Its attribute is the name of the file, without "celebahq-classifier-00-"; its accuracy is
    unknown.

    Raises:
        ForeignFileError: Refused, damaged, or another network than those classifiers.
    """
    networks = read_tensorflow_networks(path)
    if len(networks) != 1 or networks[0].state.get("build_func_name") in _BLURRED:
        raise ForeignFileError(
            f"{path}: not a classifier of attributes: those are single networks built like the "
            "discriminator of Progressive GAN"
        )
    with refusals_in_words(str(path)):
        found = discriminator_tensors(networks[0])
        description = _description(path, shapes_of(found))
        with torch.device("meta"):
            network = build_classifier(description)
        tensors = fitted("", network, found)
        state = {name: each.tensor() for name, each in tensors.items()}
    network.load_state_dict(state, assign=True)
    network.eval().requires_grad_(False)
    return Classifier(description=description, network=network)


def _description(path: Path, shapes: Shapes) -> Description:
    values = discriminator_values(shapes)
    side = max(int(name[1:].split(".")[0]) for name in shapes if name.endswith("conv0.weight"))
    base = values["discriminator.channel_base"]
    assert isinstance(base, int)
    numbered = _NUMBERED.fullmatch(path.stem)
    return Description(
        names=(numbered[1] if numbered else path.stem,),
        side=side,
        channels=shapes[f"b{side}.fromrgb.weight"][1],
        data=f"published: {file_sha256(path)}",
        options=ClassifierOptions(finest_features=min(base // side, MOST_FEATURES)),
        accuracy=(None,),
        majority=(None,),
    )
