"""Flags of `sgtool project`."""

from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Literal

import typer

from stylegan_cli.cli import completion
from stylegan_cli.cli.options import NetworkFlags


@dataclass(frozen=True, kw_only=True)
class SearchFlags:
    """Flags for the search for codes."""

    space: Annotated[
        Literal["w", "w+", "w-delta", "z", "noise"] | None,
        typer.Option(
            help="One w for all layers, one per layer (w+, the default), one w with small "
            "differences per layer (w-delta), z for networks without W, or noise alone, with the "
            "codes of --init."
        ),
    ] = None
    steps: Annotated[
        int | None,
        typer.Option(
            metavar="N", min=1, help="Steps per picture. Default: 500, or 1000 with the protocol."
        ),
    ] = None
    noise: Annotated[
        Literal["optimise", "const", "none"] | None,
        typer.Option(help="Noise: optimise the maps (default), keep the network's, or none."),
    ] = None
    init: Annotated[
        str | None,
        typer.Option(
            metavar="START", help="Start: mean, best-of:1000 (default), a seed, or codes in a file."
        ),
    ] = None
    restarts: Annotated[
        int,
        typer.Option(
            metavar="N",
            min=1,
            help="Number of starts; the best continues after a fifth of the steps.",
        ),
    ] = 1
    distance: Annotated[
        Literal["lpips", "lpips+l2"] | None,
        typer.Option(help="Distance to minimise. Default: lpips, with pixels added for AlexNet."),
    ] = None
    prior: Annotated[
        float | None,
        typer.Option(
            metavar="NUMBER",
            help="Penalty on distance from the network's own codes; 0 searches plain W. Default: "
            "0.02 in w+, 0.1 in w-delta, 0.005 in w.",
        ),
    ] = None
    class_name: Annotated[
        str | None,
        typer.Option(
            "--class",
            metavar="CLASS",
            autocompletion=completion.classes,
            help="Class by name or number; auto takes the nearest one.",
        ),
    ] = None
    protocol: Annotated[
        Literal["stylegan2"] | None,
        typer.Option(help="Exactly StyleGAN2's projector: w, 1000 steps, the last one counts."),
    ] = None
    detector: Annotated[
        Literal["vgg16", "alex"] | None,
        typer.Option(
            help="Detector of LPIPS. Default: VGG16 if its weights are installed, else AlexNet."
        ),
    ] = None
    seed: Annotated[int, typer.Option(metavar="N", min=0, help="Seed of all random numbers.")] = 0


@dataclass(frozen=True, kw_only=True)
class FramingFlags:
    """Flags for making pictures square."""

    fit: Annotated[
        Literal["crop", "fit", "wide"],
        typer.Option(help="Centred square, whole picture between bars, or centred 4:3 part."),
    ] = "crop"
    background: Annotated[
        str, typer.Option(metavar="COLOUR", help="Colour behind transparent pixels, and of bars.")
    ] = "white"
    align: Annotated[
        str,
        typer.Option(
            metavar="none|points:FILE",
            help="Turn faces upright: a line of FILE is name,x,y of the left eye, the right one, "
            "the left and the right corner of the mouth, as you see them.",
        ),
    ] = "none"
    mask: Annotated[
        Path | None,
        typer.Option(metavar="FILE", help="Grey picture; black regions are ignored."),
    ] = None


@dataclass(frozen=True, kw_only=True)
class FurtherFlags:
    """Flags for output beside the codes."""

    check: Annotated[
        int,
        typer.Option(metavar="N", min=0, help="Project N of the network's own images as well."),
    ] = 0
    tune: Annotated[
        bool,
        typer.Option(
            "--tune", help="Train a copy of the network on the pictures: tuned.safetensors."
        ),
    ] = False
    locality: Annotated[
        bool,
        typer.Option("--locality", help="With --tune: hold the images of other codes in place."),
    ] = False
    video: Annotated[
        bool, typer.Option("--video", help="Write a video of the search for each picture.")
    ] = False
    paste_back: Annotated[
        bool, typer.Option("--paste-back", help="Put aligned faces back into their pictures.")
    ] = False


@dataclass(frozen=True, kw_only=True)
class PlaceFlags(NetworkFlags):
    """Flags for the device and the output folder."""

    output: Annotated[
        Path, typer.Option("--output", "-o", metavar="PATH", help="Folder of the result.")
    ] = Path("projected")
