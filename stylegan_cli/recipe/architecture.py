"""Sections of a recipe that decide the networks: the images, G and D, and values they share.

Every default is that of StyleGAN2 configuration F, [SG2], unless noted; a recipe of another family
starts from that family's defaults (`recipe.families`).
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Annotated, Literal

from annotated_types import Ge, Gt, Interval, Len

from stylegan_cli.sizes import MOST_CHANNELS, PICTURE_CHANNELS, Size, parse_size, square

Count = Annotated[int, Interval(ge=1, le=2**31)]
Width = Annotated[int, Interval(ge=1, le=2**14)]
Base = Annotated[int, Interval(ge=1, le=2**24)]
Layers = Annotated[int, Interval(ge=0, le=100)]
Positive = Annotated[float, Gt(0)]
Decay = Annotated[float, Interval(ge=0, lt=1)]
Architecture = Literal["orig", "skip", "resnet", "progressive"]
Variant = Literal["original", "rosinality"]


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
