"""`sgtool discover channels`: single style channels (StyleSpace)."""

from pathlib import Path

from stylegan_cli import api
from stylegan_cli.cli import console
from stylegan_cli.cli.discover.judges import JudgeFlags, judged
from stylegan_cli.cli.discover.showing import (
    CountFlag,
    FileFlag,
    FoundDirections,
    NameFlag,
    SamplesFlag,
    ShowFlags,
    discover,
    with_flags_of_discovery,
)
from stylegan_cli.cli.options import StudyFlags, examples

EXAMPLES = examples(
    "sgtool discover channels",
    "sgtool discover channels brightness --count 5 --strength -10:10:5",
    "sgtool discover channels hair=bun --train-classifier",
    "sgtool discover channels --mask mouth.png",
)


@with_flags_of_discovery
def channels(
    attribute: str | None = None,
    /,
    mask: Path | None = None,
    torgb: bool = False,
    samples: SamplesFlag = 5000,
    count: CountFlag = 10,
    output: FileFlag = Path("directions.h5"),
    name: NameFlag = None,
    *,
    show: ShowFlags,
    judging: JudgeFlags,
    flags: StudyFlags,
) -> None:
    """Find single style channels (StyleSpace).

    Finds those that carry an attribute, or those that change a single place of the image.

    Args:
        attribute (NAME): Attribute to find channels of, as `discover attribute` takes it; without
            one, channels that move a single place.
        mask (PICTURE): Find channels that change the white region of this picture.
        torgb: Include channels of toRGB layers.
    """

    def find_of_attribute(network: "api.Network", group: str) -> FoundDirections:
        assert attribute is not None
        api.check_styles(network)
        columns, scored, judge = judged(network, (attribute,), samples, judging, flags)
        position = api.score_position(columns, attribute)
        found = api.find_channels(
            network, attribute, scored, position, count=count, rgb=torgb, group=group
        )
        return FoundDirections(found, judge)

    def find_local(network: "api.Network", group: str) -> FoundDirections:
        inside = None if mask is None else api.read_mask(mask, network.G.size)
        all_channels, live = api.live_channels(network, rgb=torgb)
        parts = api.channel_maps(network, all_channels, live, flags.batch)
        maps = list(console.track(parts, label="channels", total=len(live)))
        return FoundDirections(
            api.find_local_channels(
                network, all_channels, maps, count=count, mask=inside, rgb=torgb, group=group
            )
        )

    if attribute is None:
        discover(find_local, name or "channels", output, show, flags)
    else:
        group = name or f"channels/{api.plain_name(attribute)}"
        discover(find_of_attribute, group, output, show, flags)
