"""Peak memory of a long video beside a short one: `python -m benchmarks.video_memory`.

A small untrained network, two streams of 1080 px, H.264; each length in a process of its own.
"""

import argparse
import json
import resource
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path
from tempfile import TemporaryDirectory
from time import monotonic

from benchmarks.cases import environment
from stylegan_cli.networks.family import build_discriminator, build_generator
from stylegan_cli.networks.header import Header
from stylegan_cli.networks.snapshot import save_network
from stylegan_cli.recipe import DataSection, GeneratorSection, Settled

SIDE, STREAMS, SECONDS_A_KEYFRAME = 1080, 2, 2.5
ALLOWED = 1.2
"""Largest permitted ratio of memory, long video to short."""


def main(arguments: Sequence[str] | None = None) -> None:
    """Measure both lengths, print and write JSON; fail if memory grew."""
    options = _parser().parse_args(arguments)
    if options.one:
        _film_here(*options.one)
        return
    with TemporaryDirectory() as folder:
        network = _network(Path(folder) / "network-000000.safetensors")
        results = [_film_apart(network, seconds, options.fps) for seconds in options.seconds]
    growth = results[-1]["total_mb"] / results[0]["total_mb"]
    found = {"environment": environment("default"), "results": results, "growth": round(growth, 3)}
    text = json.dumps(found, indent=1) + "\n"
    sys.stdout.write(text)
    if options.output:
        options.output.write_text(text, encoding="utf-8")
    if growth > ALLOWED:
        raise SystemExit(f"memory grew by {growth:.2f}, more than {ALLOWED}")


def _film_apart(network: Path, seconds: float, fps: float) -> dict[str, float]:
    keyframes = round(seconds / SECONDS_A_KEYFRAME)
    words = [str(network), str(keyframes), str(fps)]
    started = monotonic()
    told = subprocess.run(
        [sys.executable, "-m", "benchmarks.video_memory", "--one", *words],
        stdout=subprocess.PIPE,
        check=True,
    ).stdout
    took = {"seconds": seconds, "frames": round(seconds * fps), "wall_s": monotonic() - started}
    return {**took, **json.loads(told)}


def _film_here(network: str, keyframes: str, fps: str) -> None:
    from stylegan_cli import api

    opened = api.load_network(Path(network))
    video = api.video(
        opened,
        api.Tracks(seeds=range(int(keyframes) * STREAMS)),
        api.Motion(seconds=SECONDS_A_KEYFRAME, fps=float(fps)),
        api.Screen(cols=STREAMS, side=SIDE),
    )
    filming = api.Filming(api.footage(opened, video), Path(network).with_name(f"{keyframes}.mp4"))
    for _ in filming.frames():
        pass
    filming.finish()
    peaks = {
        "own_mb": _peak(resource.RUSAGE_SELF),
        "encoder_mb": _peak(resource.RUSAGE_CHILDREN),
    }
    sys.stdout.write(json.dumps({**peaks, "total_mb": sum(peaks.values())}))


def _peak(who: int) -> float:
    return round(resource.getrusage(who).ru_maxrss / 1024, 1)


def _network(path: Path) -> Path:
    recipe = Settled(
        title="small",
        data=DataSection(resolution=16),
        generator=GeneratorSection(z_dim=8, w_dim=8, mapping_layers=2, channel_base=128),
    )
    G, D = build_generator(recipe, c_dim=0), build_discriminator(recipe, c_dim=0)
    header = Header(recipe=recipe, c_dim=0, classes=(), kimg=0.0, licence="made up", provenance={})
    save_network(path, header, G, D)
    return path


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.video_memory", description=__doc__)
    parser.add_argument("--seconds", type=float, nargs=2, default=(5.0, 60.0))
    parser.add_argument("--fps", type=float, default=30.0)
    parser.add_argument("-o", "--output", type=Path, help="JSON file")
    parser.add_argument("--one", nargs=3, help=argparse.SUPPRESS)
    return parser


if __name__ == "__main__":
    main()
