"""The classifiers of CelebA-HQ's attributes that come with the originals, [SG1] section 4.2."""

import re
from pathlib import Path

import torch

from stylegan_cli.checkpoint import file_sha256
from stylegan_cli.errors import ForeignFileError
from stylegan_cli.interop.foreign import fitted, shapes_of
from stylegan_cli.interop.originals import read_tensorflow_networks
from stylegan_cli.interop.shapes_of_networks import Shapes, discriminator_values
from stylegan_cli.interop.tensorflow_releases import discriminator_tensors
from stylegan_cli.metrics.attribute_classifier import (
    MOST_FEATURES,
    Classifier,
    ClassifierOptions,
    Description,
    build_classifier,
)

_NUMBERED = re.compile(r"celebahq-classifier-\d\d-(.+)")
_BLURRED = ("D_basic", "D_stylegan", "D_stylegan2")


def read_published_classifier(path: Path) -> Classifier:
    """The classifier in a pickle of the TensorFlow release; nothing in the file is run.

    Its attribute is what the file is called, without "celebahq-classifier-00-". Nobody here judged
    how often it is right.

    Raises:
        ForeignFileError: Refused, damaged, or another network than those classifiers.
    """
    source = str(path)
    networks = read_tensorflow_networks(path)
    if len(networks) != 1 or networks[0].state.get("build_func_name") in _BLURRED:
        raise ForeignFileError(
            f"{source}: not a classifier of attributes: those are single networks built like the "
            "discriminator of Progressive GAN"
        )
    found = discriminator_tensors(networks[0], source)
    description = _description(path, shapes_of(found))
    with torch.device("meta"):
        network = build_classifier(description)
    tensors = fitted(source, "", network, found)
    network.load_state_dict({name: each.tensor() for name, each in tensors.items()}, assign=True)
    network.eval().requires_grad_(False)
    return Classifier(description=description, network=network)


def _description(path: Path, shapes: Shapes) -> Description:
    values = discriminator_values(shapes, str(path))
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
