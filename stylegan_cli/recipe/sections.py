"""The sections of a recipe: keys, defaults, and the values each key takes.

Every default is StyleGAN2 configuration F of [SG2] unless said otherwise.
"""

from dataclasses import dataclass, field
from typing import Annotated, Literal

from annotated_types import Ge, Gt, Interval, Len

SCHEMA = 1

Count = Annotated[int, Ge(1)]
Positive = Annotated[float, Gt(0)]
NotNegative = Annotated[float, Ge(0)]
Share = Annotated[float, Interval(ge=0, le=1)]
Decay = Annotated[float, Interval(ge=0, lt=1)]
Seed = Annotated[int, Interval(ge=0, lt=2**32)]


@dataclass(frozen=True, kw_only=True)
class DataSection:
    """Which images are learned from.

    Attributes:
        path: Prepared `.zip` or `.h5`, a folder of images, or `sample:portraits`.
        resolution: Side of the square images, a power of two from 8 to 1024.
        channels: 1 grey, 3 RGB, 4 RGBA.
        mirror: Flip each image left to right with probability ½.
        labels: Condition G and D on the data set's labels.
        fit: How images of a plain folder become square (prepared files are square already).
    """

    path: Annotated[str, Len(1)] | None = None
    resolution: int = 1024
    channels: Literal[1, 3, 4] = 3
    mirror: bool = False
    labels: bool = False
    fit: Literal["crop", "wide", "fit"] = "crop"


@dataclass(frozen=True, kw_only=True)
class GeneratorSection:
    """G: mapping and synthesis network, [SG2] section 4 and appendix B."""

    family: Literal["stylegan2"] = "stylegan2"
    architecture: Literal["orig", "skip", "resnet"] = "skip"
    z_dim: Count = 512
    w_dim: Count = 512
    mapping_layers: Count = 8
    mapping_lr_multiplier: Positive = 0.01
    channel_base: Count = 32_768
    channel_max: Count = 512
    conv_clamp: Positive | None = None
    w_avg_beta: Decay = 0.995


@dataclass(frozen=True, kw_only=True)
class DiscriminatorSection:
    """D; channel_base and channel_max follow G where they are not given."""

    architecture: Literal["orig", "skip", "resnet"] = "resnet"
    channel_base: Count | None = None
    channel_max: Count | None = None
    mapping_layers: Count = 8
    mbstd_group_size: Count = 4
    mbstd_channels: Annotated[int, Ge(0)] = 1
    conv_clamp: Positive | None = None


@dataclass(frozen=True, kw_only=True)
class LossSection:
    """Non-saturating logistic loss with lazy R1 and path-length regularization.

    Attributes:
        r1_gamma: Weight γ of R1; "auto" is 0.0002 · resolution² / batch_size [ADA].
        r1_interval: R1 runs every so many steps (lazy regularization).
        pl_weight: Weight of path-length regularization; 0 leaves it out.
        pl_interval: It runs every so many steps.
        pl_decay: Share of a new path length in its running mean.
        pl_batch_shrink: It sees this fraction of the batch.
        style_mixing_prob: Share of steps that mix two styles.
    """

    r1_gamma: NotNegative | Literal["auto"] = 10.0
    r1_interval: Count = 16
    pl_weight: NotNegative = 2.0
    pl_interval: Count = 4
    pl_decay: Share = 0.01
    pl_batch_shrink: Count = 2
    style_mixing_prob: Share = 0.9


@dataclass(frozen=True, kw_only=True)
class TrainSection:
    """Length, batch and optimizer (Adam, no weight decay).

    Attributes:
        batch_size: Images a step, over all processes.
        batch_per_device: Images a device holds at once; smaller than its share of the batch
            means gradient accumulation. None takes the whole share.
        ema_kimg: Half-life of the average of G's weights.
        ema_rampup: The half-life is at most this share of the images shown; 0 turns it off.
        precision: "auto" is bf16 where the device is faster with it, else fp32.
    """

    total_kimg: Positive = 25_000.0
    batch_size: Count = 32
    batch_per_device: Count | None = None
    lr_g: Positive = 0.002
    lr_d: Positive = 0.002
    beta1: Decay = 0.0
    beta2: Decay = 0.99
    ema_kimg: NotNegative = 10.0
    ema_rampup: NotNegative = 0.0
    precision: Literal["auto", "fp32", "bf16"] = "auto"


@dataclass(frozen=True, kw_only=True)
class AugmentSection:
    """Augmentation of what D sees."""

    mode: Literal["none"] = "none"


@dataclass(frozen=True, kw_only=True)
class ReportSection:
    """How often a run tells of itself, in ticks of `tick_kimg` thousand images.

    Attributes:
        image_ticks: A `fakes-*.png` every so many ticks.
        snapshot_ticks: A `network-*.safetensors` every so many ticks.
        state_ticks: A new `state.pt` every so many ticks: the most a killed process loses.
        tensorboard: Write event files too (extra `tensorboard`).
    """

    tick_kimg: Positive = 4.0
    image_ticks: Count = 10
    snapshot_ticks: Count = 50
    state_ticks: Count = 5
    tensorboard: bool = False


@dataclass(frozen=True, kw_only=True)
class Recipe:
    """Everything that decides a training run."""

    schema: Literal[1] = 1
    title: str = "untitled"
    seed: Seed = 0
    data: DataSection = field(default_factory=DataSection)
    generator: GeneratorSection = field(default_factory=GeneratorSection)
    discriminator: DiscriminatorSection = field(default_factory=DiscriminatorSection)
    loss: LossSection = field(default_factory=LossSection)
    train: TrainSection = field(default_factory=TrainSection)
    augment: AugmentSection = field(default_factory=AugmentSection)
    report: ReportSection = field(default_factory=ReportSection)
