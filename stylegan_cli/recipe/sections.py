"""Sections of a recipe: keys, defaults and valid values.

A written recipe may leave some keys "auto" (`recipe.automatic`); the sections themselves always
hold values.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Annotated, Literal

import tomli_w
from annotated_types import Ge, Interval, Len

from stylegan_cli.recipe.architecture import (
    BandsSection,
    Count,
    DataSection,
    Decay,
    DiscriminatorSection,
    GeneratorSection,
    Positive,
)

SCHEMA = 1

NotNegative = Annotated[float, Ge(0)]
Share = Annotated[float, Interval(ge=0, le=1)]
Seed = Annotated[int, Interval(ge=0, lt=2**32)]
Pipe = Literal[
    "blit", "geom", "color", "filter", "noise", "cutout", "bg", "bgc", "bgcf", "bgcfn", "bgcfnc"
]


@dataclass(frozen=True, kw_only=True)
class InitSection:
    """Trained weights to start from, instead of random ones.

    Attributes:
        network: A network file, or a run, which stands for its newest network.
        sha256: Of that file: checked where given, filled in when a run begins.
        allow_partial: Layers that the file lacks or has in another shape start at random.
        freeze_d: Number of layers of D that keep their weights, Freeze-D: from the highest
            resolution down; in each block fromrgb, conv0, conv1 and skip, if present.
        freeze_mapping: Keep the weights of the mapping network of G.
    """

    network: Annotated[str, Len(1)] | None = None
    sha256: Annotated[str, Len(64, 64)] | None = None
    allow_partial: bool = False
    freeze_d: Annotated[int, Ge(0)] = 0
    freeze_mapping: bool = False


@dataclass(frozen=True, kw_only=True)
class LossSection:
    """The adversarial loss, its regularization, and style mixing.

    Attributes:
        adversarial: Non-saturating logistic, or Wasserstein with drift [PG].
        wgan_drift: Weight of the squared real scores in the Wasserstein loss.
        gp_weight: Weight of the gradient penalty between reals and fakes, 10 for WGAN-GP.
        lazy: Run regularizers as separate steps at intervals, [SG2] section 3.1; false adds them
            to the loss of every iteration.
        r1_gamma: Weight γ of R1.
        r1_interval: Steps from one R1 step to the next (lazy regularization).
        pl_weight: Weight of path-length regularization; 0 turns it off.
        pl_interval: Steps from one path-length step to the next; 0 is for a G that never takes
            any, whose optimizer needs no correction for them.
        pl_decay: Share of a new path length in the running mean.
        pl_batch_shrink: Divisor of the batch for path lengths.
        style_mixing_prob: Share of steps that mix two styles.
        blur_sigma: Initial width in pixels of a blur of all images that D sees, [SG3]; 0 is none.
            A run that starts from a network has none.
        blur_fade_kimg: Time until the blur has faded out.
    """

    adversarial: Literal["logistic", "wgan"] = "logistic"
    wgan_drift: NotNegative = 0.001
    gp_weight: NotNegative = 0.0
    lazy: bool = True
    r1_gamma: NotNegative = 10.0
    r1_interval: Count = 16
    pl_weight: NotNegative = 2.0
    pl_interval: Annotated[int, Ge(0)] = 4
    pl_decay: Share = 0.01
    pl_batch_shrink: Count = 2
    style_mixing_prob: Share = 0.9
    blur_sigma: NotNegative = 0.0
    blur_fade_kimg: Positive = 200.0


@dataclass(frozen=True, kw_only=True)
class TrainSection:
    """Length, batch and optimizer (Adam, no weight decay).

    Attributes:
        total_kimg: Length of the run, in thousands of training images shown to D.
        batch_size: Images a step, over all processes.
        batch_per_device: Images a device processes at once at full resolution, four times as many
            at each lower resolution while the networks grow; fewer than its share of the batch
            means gradient accumulation. Unset, it is the whole share.
        lr_g: Learning rate of G.
        lr_d: Learning rate of D.
        beta1: Share of the old gradient that Adam keeps in each step.
        beta2: The same for the squared gradient.
        ema_kimg: Half-life of the average of G's weights.
        ema_rampup: Bounds the half-life to this share of the images shown; 0 turns it off.
        magnitude_kimg: For stylegan3: half-life of the mean magnitude of each layer's input.
        ema_decay: Share of the old average kept in every step, instead of a half-life, [PG].
        order: The network updated first in an iteration. With "d-first" the average is taken
            before G is updated, as in [PG] and [SG1].
        precision: Number format; "auto" is bf16 where the device is faster with it, else fp32.
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
    ema_decay: Decay | None = None
    magnitude_kimg: Positive = 20.0
    order: Literal["g-first", "d-first"] = "g-first"
    precision: Literal["auto", "fp32", "bf16"] = "auto"


@dataclass(frozen=True, kw_only=True)
class GrowingSection:
    """Progressive growing, [PG] section 2: each resolution is trained, then the next faded in.

    Only for networks of architecture "progressive".

    Attributes:
        initial_resolution: First resolution, a power of two from 4 up. Resolutions of networks of
            another shape go by those of a square with as many levels: "96x64" grows in the six
            levels of a square of 128 px.
        training_kimg: Time at each resolution before the next fades in.
        transition_kimg: Time a resolution takes to fade in.
        batch_size: Images a step by resolution; `train.batch_size` for all others.
        lr: Learning rates by resolution; `train.lr_g` and `train.lr_d` for all others.
    """

    initial_resolution: int = 8
    training_kimg: NotNegative = 600.0
    transition_kimg: NotNegative = 600.0
    batch_size: Mapping[str, Count] = field(default_factory=dict)
    lr: Mapping[str, Positive] = field(default_factory=dict)


@dataclass(frozen=True, kw_only=True)
class AugmentSection:
    """Augmentation of every image that D sees, real or fake, [ADA].

    Attributes:
        mode: "fixed" keeps the probability p, "ada" adapts it to the overfitting of D.
        pipe: Transforms: **b**lit, **g**eom, **c**olor, **f**ilter, **n**oise, **c**utout,
            alone or cumulative from "bg" on.
        p: Probability of each transform, for "fixed".
        target: Value at which "ada" holds r_t, the mean sign of D's scores of reals: 0 if D
            guesses, 1 if it recognizes every image.
        interval: Steps from one adjustment of p to the next.
        ada_kimg: Time for p to go from 0 to 1; a recipe without it takes 500, or 100 where
            training starts from a network.
        p_max: Upper bound of p. Above about 0.8, augmentations may leak into the images of G.
    """

    mode: Literal["none", "fixed", "ada"] = "none"
    pipe: Pipe = "bgc"
    p: Annotated[float, Interval(gt=0, le=1)] = 0.2
    target: Annotated[float, Interval(gt=-1, lt=1)] = 0.6
    interval: Count = 4
    ada_kimg: Positive = 500.0
    p_max: Annotated[float, Interval(gt=0, le=1)] = 0.8


@dataclass(frozen=True, kw_only=True)
class HealthSection:
    """Health of a run beyond its losses.

    Attributes:
        every_ticks: Ticks between measurements of the diversity of G's images, their distance to
            training images and the spread of w; 0 turns them off.
    """

    every_ticks: Annotated[int, Ge(0)] = 1


@dataclass(frozen=True, kw_only=True)
class ReportSection:
    """Output of a run, in ticks of `tick_kimg` thousand images.

    Attributes:
        tick_kimg: Time from one line of `stats.jsonl` to the next.
        image_ticks: Ticks from one `fakes-*.png` to the next.
        snapshot_ticks: Ticks from one `network-*.safetensors` to the next.
        state_ticks: Ticks from one `state.pt` to the next: the most a killed process loses.
        tensorboard: Write event files as well (extra `tensorboard`).
    """

    tick_kimg: Positive = 4.0
    image_ticks: Count = 10
    snapshot_ticks: Count = 50
    state_ticks: Count = 5
    tensorboard: bool = False


@dataclass(frozen=True, kw_only=True)
class MetricsSection:
    """Metrics during training, computed as `sgtool eval` does.

    Attributes:
        every_ticks: Ticks from one measured network to the next; the last one is measured too. 0
            turns measuring off.
        metric: Fréchet or kernel distance to the training images.
        num: Number of generated images.
        detector: Network that sees the images. Unset, it is the standard one if its weights are
            installed, else the one in the package.
        keep_best: Number of the best networks to keep, besides `keep_last` of the newest; all
            others are removed after each measurement. If both are 0, all are kept.
        keep_last: Number of the newest networks to keep, besides `keep_best`.
    """

    every_ticks: Annotated[int, Ge(0)] = 0
    metric: Literal["fid", "kid"] = "fid"
    num: Annotated[int, Interval(ge=2, le=1_000_000)] = 50_000
    detector: Literal["inception", "vgg16", "mobilenet", "alex"] | None = None
    keep_best: Annotated[int, Ge(0)] = 0
    keep_last: Annotated[int, Ge(0)] = 0


@dataclass(frozen=True, kw_only=True)
class Settled:
    """Everything that decides a training run, each key with its value.

    Attributes:
        schema: Version of the format.
        title: Name of the run, for people.
        seed: Start of all random numbers: weights, order of the images, latents.
    """

    schema: Literal[1] = 1
    title: str = "untitled"
    seed: Seed = 0
    data: DataSection = field(default_factory=DataSection)
    generator: GeneratorSection = field(default_factory=GeneratorSection)
    bands: BandsSection = field(default_factory=BandsSection)
    discriminator: DiscriminatorSection = field(default_factory=DiscriminatorSection)
    init: InitSection = field(default_factory=InitSection)
    loss: LossSection = field(default_factory=LossSection)
    train: TrainSection = field(default_factory=TrainSection)
    growing: GrowingSection = field(default_factory=GrowingSection)
    augment: AugmentSection = field(default_factory=AugmentSection)
    report: ReportSection = field(default_factory=ReportSection)
    metrics: MetricsSection = field(default_factory=MetricsSection)
    health: HealthSection = field(default_factory=HealthSection)


def inline(value: object) -> str:
    """Return the value as TOML writes it after `key =`, on one line."""
    if isinstance(value, Mapping):
        entries = (tomli_w.dumps({key: inner}).strip() for key, inner in value.items())
        return "{" + ", ".join(entries) + "}"
    if isinstance(value, list | tuple):
        return "[" + ", ".join(map(inline, value)) + "]"
    return tomli_w.dumps({"v": value}).removeprefix("v = ").strip().replace("\n", " ")
