"""What a video shows along its keyframes, as it is asked for."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from stylegan_cli.checkpoint import Network
from stylegan_cli.errors import UsageError
from stylegan_cli.latents import Sampling, check_possible
from stylegan_cli.noise import NoiseMode
from stylegan_cli.picks import Pick


@dataclass(frozen=True, kw_only=True)
class Tracks:
    """What a video shows at its keyframes; what is given once holds throughout.

    Attributes:
        seeds: Seeds, or codes in files, dealt to the streams in turn: the first keyframe of
            every stream, then the second of every stream, and so on.
        style_seeds: A second track, dealt alike, that the layers from the crossover on follow.
        crossover: First layer that follows the second track, at each keyframe; in between, the
            layers change over one after the other. The middle layer if not given.
        psi: Truncation strength at each keyframe.
        classes: Name or index of the class at each keyframe; the first class if not given.
        cutoff: Truncate only layers [0, cutoff); None truncates all.
        noise_mode: "random" moves from the noise of one keyframe's seed to that of the next.
    """

    seeds: Sequence[Pick]
    style_seeds: Sequence[Pick] = ()
    crossover: Sequence[int] = ()
    psi: Sequence[float] = (1.0,)
    classes: Sequence[str] = ()
    cutoff: int | None = None
    noise_mode: NoiseMode = "const"


def check_tracks(network: Network, tracks: Tracks) -> None:
    """Refuse what the network has no means for.

    Raises:
        UsageError: Such as a second track without styles.
    """
    G = network.G
    for psi in tracks.psi:
        check_possible(G, Sampling(psi=psi, cutoff=tracks.cutoff, noise_mode=tracks.noise_mode))
    if tracks.crossover and not tracks.style_seeds:
        raise UsageError(
            f"--crossover {tracks.crossover[0]}: there is no second track to cross over to; "
            "name its seeds with --style-seeds"
        )
    if tracks.style_seeds and not G.has_styles:
        raise UsageError(
            "--style-seeds: this network has one code for all layers, so there are no styles to "
            "mix; leave --style-seeds out"
        )
    for start in tracks.crossover:
        if not 0 <= start <= G.num_ws:
            raise UsageError(f"--crossover {start}: out of range; the valid range is 0-{G.num_ws}")


def common_length(lengths: Mapping[str, int]) -> int:
    """How many keyframes the tracks agree on.

    Args:
        lengths: Of each track, by its flag; a track of one holds throughout.

    Raises:
        UsageError: They do not agree, or none moves.
    """
    count = max(lengths.values())
    for flag, length in lengths.items():
        if length not in (1, count):
            raise UsageError(
                f"{flag}: {length} keyframes, where the longest track has {count}; "
                f"give one, which holds throughout, or {count}"
            )
    if count < 2:
        raise UsageError(
            "--seeds: only one keyframe, and a video goes from one to the next; give at least two"
        )
    return count
