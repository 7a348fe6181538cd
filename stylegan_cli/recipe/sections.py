"""The sections of a recipe: keys, defaults, and the values each key takes.

Every default is StyleGAN2 configuration F of [SG2] unless said otherwise; a recipe file of
another family starts from that family's defaults (`recipe.families`). Some keys may be "auto"
in a file or assignment: `recipe.automatic` says which, and what they come to.
"""

from collections.abc import Mapping
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
Architecture = Literal["orig", "skip", "resnet", "progressive"]
Variant = Literal["original", "rosinality"]
Pipe = Literal[
    "blit", "geom", "color", "filter", "noise", "cutout", "bg", "bgc", "bgcf", "bgcfn", "bgcfnc"
]


@dataclass(frozen=True, kw_only=True)
class DataSection:
    """Which images are learned from.

    Attributes:
        path: Prepared `.zip` or `.h5`, a folder of images, or `sample:portraits`.
        resolution: Side of the square images, a power of two from 4 to 1024.
        channels: 1 grey, 3 RGB, 4 RGBA.
        mirror: Flip each image left to right with probability ½.
        labels: Condition G and D on the data set's labels.
        balance: Show every class equally often, however many images it has; the fakes' labels too.
        max_images: Learn from so many of the images, chosen by `seed`.
        fit: How images of a plain folder become square (prepared files are square already).
    """

    path: Annotated[str, Len(1)] | None = None
    resolution: int = 1024
    channels: Literal[1, 3, 4] = 3
    mirror: bool = False
    labels: bool = False
    balance: bool = False
    max_images: Count | None = None
    fit: Literal["crop", "wide", "fit"] = "crop"


@dataclass(frozen=True, kw_only=True)
class GeneratorSection:
    """G: mapping and synthesis network, [SG2] section 4 and appendix B.

    Attributes:
        family: One of `recipe.families`.
        architecture: How the image is put together, [SG2] figure 7; "progressive" grows level by
            level as in [PG], and is the only one of progan and stylegan1.
        input: What the 4×4 level starts from: a learned constant, or the latent code; stylegan3
            starts from waves.
        styles: Adaptive instance normalisation in every layer, [SG1]; False is the traditional
            generator, one code at its input.
        noise: Noise inputs in every layer, [SG1].
        variant: For stylegan1: how its layers are put together; "rosinality" is for weights of
            that PyTorch program, whose layers differ in the place of a bias and an epsilon.
        kernel: For stylegan3: side of the convolutions, 1 where turning the picture is to count.
        radial_filters: For stylegan3: filters that look the same from every side.
    """

    family: str = "stylegan2"
    architecture: Architecture = "skip"
    input: Literal["const", "latent"] = "const"
    styles: bool = True
    noise: bool = True
    variant: Variant = "original"
    kernel: Literal[1, 3] = 3
    radial_filters: bool = False
    z_dim: Count = 512
    w_dim: Count = 512
    mapping_layers: Annotated[int, Ge(0)] = 8
    mapping_lr_multiplier: Positive = 0.01
    channel_base: Count = 32_768
    channel_max: Count = 512
    conv_clamp: Positive | None = None
    w_avg_beta: Decay = 0.995


@dataclass(frozen=True, kw_only=True)
class BandsSection:
    """The bands of frequencies that the layers of stylegan3 work in, [SG3] section 3.

    Cutoffs and sampling rates rise from the input to the image; cutoffs in cycles per image width.

    Attributes:
        layers: Before toRGB.
        critical: Last of these whose cutoff is half their sampling rate.
        first_cutoff: Of the input and the first layer.
        first_stopband: Where the first layer has to stop, at least.
        last_stopband: Where the last layer has to stop, in units of its cutoff.
        margin: Samples by which a canvas is larger than the image, on every side.
        filter_size: Taps of a filter per factor of its up- or downsampling.
        upsampling: Oversampling under the leaky ReLU, a power of two.
        output_scale: Factor of the image.
    """

    layers: Annotated[int, Interval(ge=2, le=64)] = 14
    critical: Annotated[int, Ge(1)] = 2
    first_cutoff: Positive = 2.0
    first_stopband: Positive = 2**2.1
    last_stopband: Positive = 2**0.3
    margin: Annotated[int, Interval(ge=0, le=64)] = 10
    filter_size: Annotated[int, Interval(ge=1, le=32)] = 6
    upsampling: Literal[1, 2, 4, 8] = 2
    output_scale: Positive = 0.25


@dataclass(frozen=True, kw_only=True)
class DiscriminatorSection:
    """D; channel_base and channel_max follow G where they are not given.

    Attributes:
        fused_scale: For progan: halve the size within the convolution, as the published networks
            do; False halves it after the activation.
        mapping_layers: Of the network that embeds labels; 0 takes their normalised projection.
    """

    architecture: Architecture = "resnet"
    fused_scale: bool = True
    channel_base: Count | None = None
    channel_max: Count | None = None
    mapping_layers: Annotated[int, Ge(0)] = 8
    mapping_lr_multiplier: Positive = 0.01
    mbstd_group_size: Count = 4
    mbstd_channels: Annotated[int, Ge(0)] = 1
    conv_clamp: Positive | None = None


@dataclass(frozen=True, kw_only=True)
class InitSection:
    """Weights that training starts from, instead of random ones.

    Attributes:
        network: A network file, or the run whose newest network it is.
        sha256: Of that file: held where it is given, filled in where a run begins.
        allow_partial: Layers that the file lacks or has in another shape start at random.
        freeze_d: So many layers of D keep their weights, Freeze-D: from the highest resolution
            down, in each block fromrgb, conv0, conv1 and skip, as far as there are those.
        freeze_mapping: The mapping network of G keeps its weights.
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
        lazy: Regularizers run as steps of their own every so many iterations, [SG2] section
            3.1; False adds them to the loss of every iteration.
        r1_gamma: Weight γ of R1.
        r1_interval: R1 runs every so many steps (lazy regularization).
        pl_weight: Weight of path-length regularization; 0 leaves it out.
        pl_interval: It runs every so many steps; 0 is for a G without, whose optimizer then needs
            no correction for it.
        pl_decay: Share of a new path length in its running mean.
        pl_batch_shrink: It sees this fraction of the batch.
        style_mixing_prob: Share of steps that mix two styles.
        blur_sigma: Width in pixels of the blur of all images that D sees at first; 0 is none, as
            where training starts from a network, [SG3].
        blur_fade_kimg: It fades out until then.
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
        batch_size: Images a step, over all processes.
        batch_per_device: Images a device holds at once at the full resolution, four times as
            many at each resolution below while the networks grow; fewer than its share of the
            batch means gradient accumulation. None takes the whole share.
        ema_kimg: Half-life of the average of G's weights.
        ema_rampup: The half-life is at most this share of the images shown; 0 turns it off.
        magnitude_kimg: For stylegan3: half-life of the mean magnitude by which layers scale what
            comes in.
        ema_decay: Instead of a half-life, the share of the old average kept in every step, [PG].
        order: Which network moves first in an iteration. With "d-first" the average is taken
            before G moves, as in [PG] and [SG1].
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
    ema_decay: Decay | None = None
    magnitude_kimg: Positive = 20.0
    order: Literal["g-first", "d-first"] = "g-first"
    precision: Literal["auto", "fp32", "bf16"] = "auto"


@dataclass(frozen=True, kw_only=True)
class GrowingSection:
    """Progressive growing, [PG] section 2: each resolution is trained, then the next faded in.

    Only for networks of architecture "progressive".

    Attributes:
        initial_resolution: Where training starts, a power of two from 4 up.
        training_kimg: How long each resolution is trained before the next fades in.
        transition_kimg: How long fading in takes.
        batch_size: Images a step by resolution; `train.batch_size` where none is given.
        lr: Learning rates by resolution; `train.lr_g` and `train.lr_d` where none is given.
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
        mode: "fixed" keeps its probability p, "ada" adapts it to how well D knows the reals.
        pipe: Which transforms: **b**lit, **g**eom, **c**olor, **f**ilter, **n**oise, **c**utout,
            alone or cumulative from "bg" on.
        p: Probability of each transform, for "fixed".
        target: What "ada" holds r_t at, the mean sign of D's scores of reals: 0 where D guesses,
            1 where it knows every image.
        interval: p is adjusted every so many steps.
        ada_kimg: p takes this long from 0 to 1; "auto" is 500, and 100 where training
            starts from a network.
        p_max: p goes no higher. Above about 0.8, augmentations may leak into what G makes.
    """

    mode: Literal["none", "fixed", "ada"] = "none"
    pipe: Pipe = "bgc"
    p: Annotated[float, Interval(gt=0, le=1)] = 0.2
    target: Annotated[float, Interval(gt=-1, lt=1)] = 0.6
    interval: Count = 4
    ada_kimg: Positive | Literal["auto"] = "auto"
    p_max: Annotated[float, Interval(gt=0, le=1)] = 0.8


@dataclass(frozen=True, kw_only=True)
class HealthSection:
    """How often a run looks at how it is doing, beyond its losses.

    Attributes:
        every_ticks: The variety of G's images, how near they are to training images, and how w
            varies are measured every so many ticks; 0 turns it off.
    """

    every_ticks: Annotated[int, Ge(0)] = 1


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
class MetricsSection:
    """Networks measured while they are trained, as `sgtool eval` does it.

    Attributes:
        every_ticks: A network is written and measured every so many ticks, and at the end; 0 turns
            measuring off.
        metric: Fréchet or kernel distance to the images learned from.
        num: Images that are made for it.
        detector: None takes the standard one where its weights are here, else the one that ships.
        keep_best: So many of the best networks stay, and `keep_last` of the newest; others are
            removed after each measurement. Both 0 keep all; the newest one stays always.
    """

    every_ticks: Annotated[int, Ge(0)] = 0
    metric: Literal["fid", "kid"] = "fid"
    num: Annotated[int, Interval(ge=2, le=1_000_000)] = 50_000
    detector: Literal["inception", "vgg16", "mobilenet", "alex"] | None = None
    keep_best: Annotated[int, Ge(0)] = 0
    keep_last: Annotated[int, Ge(0)] = 0


@dataclass(frozen=True, kw_only=True)
class Settled:
    """Everything that decides a training run."""

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
