"""Flags of `sgtool project`."""

from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Literal

import typer

from stylegan_cli.cli import completion
from stylegan_cli.cli.options import NetworkFlags


@dataclass(frozen=True, kw_only=True)
class SearchFlags:
    """Flags for the search for codes.

    Attributes:
        space: One w for all layers, one per layer (w+, the default), one w with small differences
            per layer (w-delta), z for networks without W, or noise alone, with the codes of --init.
        steps (N): Steps per picture. Default: 500, or 1000 with the protocol.
        noise: Noise: optimise the maps (default), keep the network's, or none.
        init (START): Start: mean, best-of:1000 (default), a seed, or codes in a file.
        restarts (N): Number of starts; the best continues after a fifth of the steps.
        distance: Distance to minimise. Default: lpips, with pixels added for AlexNet.
        prior (NUMBER): Penalty on distance from the network's own codes; 0 searches plain W.
            Default: 0.02 in w+, 0.1 in w-delta, 0.005 in w.
        class_name (CLASS): Class by name or number; auto takes the nearest one.
        protocol: Exactly StyleGAN2's projector: w, 1000 steps, the last one counts.
        detector: Detector of LPIPS. Default: VGG16 if its weights are installed, else AlexNet.
        seed (N): Seed of all random numbers.
    """

    space: Literal["w", "w+", "w-delta", "z", "noise"] | None = None
    steps: Annotated[int | None, typer.Option(min=1)] = None
    noise: Literal["optimise", "const", "none"] | None = None
    init: str | None = None
    restarts: Annotated[int, typer.Option(min=1)] = 1
    distance: Literal["lpips", "lpips+l2"] | None = None
    prior: float | None = None
    class_name: Annotated[
        str | None, typer.Option("--class", autocompletion=completion.classes)
    ] = None
    protocol: Literal["stylegan2"] | None = None
    detector: Literal["vgg16", "alex"] | None = None
    seed: Annotated[int, typer.Option(min=0)] = 0


@dataclass(frozen=True, kw_only=True)
class FramingFlags:
    """Flags for making pictures square.

    Attributes:
        fit: Centred square, whole picture between bars, or centred 4:3 part.
        background (COLOUR): Colour behind transparent pixels, and of bars.
        align (none|points:FILE): Turn faces upright: a line of FILE is name,x,y of the left eye,
            the right one, the left and the right corner of the mouth, as you see them.
        mask (FILE): Grey picture; black regions are ignored.
    """

    fit: Literal["crop", "fit", "wide"] = "crop"
    background: str = "white"
    align: str = "none"
    mask: Path | None = None


@dataclass(frozen=True, kw_only=True)
class FurtherFlags:
    """Flags for output beside the codes.

    Attributes:
        check (N): Project N of the network's own images as well.
        tune: Train a copy of the network on the pictures: tuned.safetensors.
        locality: With --tune: hold the images of other codes in place.
        video: Write a video of the search for each picture.
        paste_back: Put aligned faces back into their pictures.
    """

    check: Annotated[int, typer.Option(min=0)] = 0
    tune: bool = False
    locality: bool = False
    video: bool = False
    paste_back: bool = False


@dataclass(frozen=True, kw_only=True)
class PlaceFlags(NetworkFlags):
    """Flags for the device and the output folder.

    Attributes:
        output (PATH): Folder of the result.
    """

    output: Annotated[Path, typer.Option("--output", "-o")] = Path("projected")
