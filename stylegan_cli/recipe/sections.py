"""Sections of a recipe: keys, defaults and valid values.

Every default is that of StyleGAN2 configuration F, [SG2], unless noted; a recipe of another family
starts from that family's defaults (`recipe.families`). A written recipe may leave some keys "auto"
(`recipe.automatic`); the sections themselves always hold values.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Annotated, Literal

from annotated_types import Ge, Gt, Interval, Len

from stylegan_cli.sizes import MOST_CHANNELS, PICTURE_CHANNELS, Size, parse_size, square

SCHEMA = 1

Count = Annotated[int, Interval(ge=1, le=2**31)]
Width = Annotated[int, Interval(ge=1, le=2**14)]
Base = Annotated[int, Interval(ge=1, le=2**24)]
Layers = Annotated[int, Interval(ge=0, le=100)]
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
    """Images to learn from.

    Attributes:
        path: Prepared `.zip` or `.h5`, a folder of images, `sample:portraits`, or
            `sample:portraits/STYLE` in another style of DiceBear.
        resolution: Side of square images, a power of two from 4 to 1024; or "WIDTHxHEIGHT", both of
            them 2 to 8 times the same power of two, such as "192x128".
        channels: 1 grey, 3 RGB, 4 RGBA; 2 and 5 to 32 of any kind, from `.npy`, HDF5 or TIFF.
        preview: The three channels, counted from 0, that pictures show and metrics see where there
            are 2 or more than 4; the first ones if not given.
        mirror: Flip each image left to right with probability ½.
        labels: Condition G and D on the data set's labels.
        balance: Show every class equally often, whatever its number of images; also for the labels
            of fakes.
        max_images: Learn from this many of the images, chosen by `seed`.
        fit: How images of a plain folder get that shape (prepared files have it already).
    """

    path: Annotated[str, Len(1)] | None = None
    resolution: int | str = 1024
    channels: Annotated[int, Interval(ge=1, le=MOST_CHANNELS)] = 3
    preview: Annotated[Sequence[int], Len(3, 3)] | None = None
    mirror: bool = False
    labels: bool = False
    balance: bool = False
    max_images: Count | None = None
    fit: Literal["crop", "wide", "fit"] = "crop"

    def __post_init__(self) -> None:
        size = parse_size(self.resolution)
        if size is not None:
            # a square is an int in every file, as in the first versions
            object.__setattr__(self, "resolution", size.value)

    @property
    def shown(self) -> tuple[int, ...] | None:
        """Return the channels that pictures show; None if the images are grey, RGB or RGBA."""
        if self.channels in PICTURE_CHANNELS:
            return None
        return tuple(self.preview or range(3 if self.channels > 2 else 1))

    @property
    def size(self) -> Size:
        """Return the resolution as a size, 0×0 if it is none."""
        return parse_size(self.resolution) or square(0)


@dataclass(frozen=True, kw_only=True)
class GeneratorSection:
    """G: mapping and synthesis network, [SG2] section 4 and appendix B.

    Attributes:
        family: Kind of the networks: progan, stylegan1, stylegan2 or stylegan3.
        architecture: Path from features to image, [SG2] figure 7; "progressive" grows level by
            level as in [PG], and is the only one of progan and stylegan1.
        input: Start of the first level: a learned constant, or the latent code; stylegan3 starts
            from waves.
        styles: Adaptive instance normalisation in every layer, [SG1]; false is the traditional
            generator, one code at its input.
        noise: Noise inputs in every layer, [SG1].
        variant: For stylegan1: form of the layers; "rosinality" is for weights of that PyTorch
            program, which places a bias elsewhere and has another epsilon.
        labels: For stylegan2: labels projected apart from z, [ADA], or embedded by a matrix and
            normalized together with z, as before.
        kernel: For stylegan3: side of the convolutions, 1 for rotation equivariance.
        radial_filters: For stylegan3: rotationally symmetric filters.
        z_dim: Numbers in the random latent z.
        w_dim: Numbers in the intermediate latent w.
        mapping_layers: Layers from z to w.
        mapping_lr_multiplier: Factor of their learning rate.
        channel_base: Feature maps times resolution: a layer of 64 px has channel_base / 64 of them.
        channel_max: Upper bound of the feature maps of a layer.
        conv_clamp: Bound of the values after each convolution, for half precision; none by default.
        w_avg_beta: Share of the old mean of w kept in each step; truncation moves towards the mean.
    """

    family: str = "stylegan2"
    architecture: Architecture = "skip"
    input: Literal["const", "latent"] = "const"
    styles: bool = True
    noise: bool = True
    variant: Variant = "original"
    labels: Literal["projected", "embedded"] = "projected"
    kernel: Literal[1, 3] = 3
    radial_filters: bool = False
    z_dim: Width = 512
    w_dim: Width = 512
    mapping_layers: Layers = 8
    mapping_lr_multiplier: Positive = 0.01
    channel_base: Base = 32_768
    channel_max: Width = 512
    conv_clamp: Positive | None = None
    w_avg_beta: Decay = 0.995


@dataclass(frozen=True, kw_only=True)
class BandsSection:
    """Frequency bands of the layers of stylegan3, [SG3] section 3.

    Cutoffs and sampling rates rise from the input to the image. Frequencies are in cycles per image
    width.

    Attributes:
        layers: Number of layers before toRGB.
        critical: Number of the last layers whose cutoff is half their sampling rate.
        first_cutoff: Cutoff of the input and the first layer.
        first_stopband: Lowest frequency that the first layer must stop.
        last_stopband: Lowest frequency that the last layer must stop, in units of its cutoff.
        margin: Samples that a canvas has beyond the image on each side.
        filter_size: Taps of a filter for each factor of up- or downsampling.
        upsampling: Oversampling of the leaky ReLU, a power of two.
        output_scale: Factor of the image.
    """

    layers: Annotated[int, Interval(ge=2, le=64)] = 14
    critical: Annotated[int, Ge(1)] = 2
    first_cutoff: Positive = 2.0
    first_stopband: Positive = 2**2.1
    last_stopband: Positive = 2**0.3
    margin: Annotated[int, Interval(ge=0, le=64)] = 10
    filter_size: Annotated[int, Interval(ge=1, le=MOST_CHANNELS)] = 6
    upsampling: Literal[1, 2, 4, 8] = 2
    output_scale: Positive = 0.25


@dataclass(frozen=True, kw_only=True)
class DiscriminatorSection:
    """D; a recipe without channel_base and channel_max takes those of G.

    Attributes:
        architecture: Path from image to score, [SG2] figure 7; "progressive" where G grows.
        fused_scale: For progan: halve the size within the convolution, as the published networks
            do; false halves it after the activation.
        channel_base: As for G, whose value it takes if it is left out.
        channel_max: As for G, whose value it takes if it is left out.
        labels: For stylegan2: scores projected on an embedding of the label, [ADA], or a logit for
            each label, as before.
        mapping_layers: Of the network that embeds labels; 0 takes their normalised projection.
        mapping_lr_multiplier: Factor of their learning rate.
        mbstd_group_size: Images whose standard deviation D sees together; must divide the batch.
        mbstd_channels: Feature maps of that standard deviation; 0 is none.
        conv_clamp: As for G.
    """

    architecture: Architecture = "resnet"
    fused_scale: bool = True
    labels: Literal["projection", "own-logit"] = "projection"
    channel_base: Base = 32_768
    channel_max: Width = 512
    mapping_layers: Layers = 8
    mapping_lr_multiplier: Positive = 0.01
    mbstd_group_size: Count = 4
    mbstd_channels: Annotated[int, Interval(ge=0, le=2**14)] = 1
    conv_clamp: Positive | None = None


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
