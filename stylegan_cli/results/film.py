"""Which video it is, where everything of it is kept, and the account of it beside it."""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path
from typing import Any

from stylegan_cli.errors import OutputError
from stylegan_cli.files import written_whole
from stylegan_cli.results.header import Header, differing
from stylegan_cli.results.pictures import read_origin

FRAMES_A_PART = 120
_VERSIONS_OF = ("stylegan_cli", "torch", "numpy", "imageio-ffmpeg")


@dataclass(frozen=True, kw_only=True)
class VideoPaths:
    """Where everything of one video is.

    Attributes:
        file: The video itself.
    """

    file: Path

    @property
    def account(self) -> Path:
        """Where the video comes from, as JSON."""
        return self.file.with_name(f"{self.file.name}.json")

    @property
    def frames(self) -> Path:
        """The folder of frames."""
        return self.file.with_name(f"{self.file.stem}-frames")

    @property
    def parts(self) -> Path:
        """The folder of parts while frames are missing."""
        return self.file.with_name(f".{self.file.name}.parts")

    @property
    def record(self) -> Path:
        """The same for the parts."""
        return self.parts / "video.json"

    def frame(self, number: int) -> Path:
        return self.frames / f"{number:06d}.png"

    def part(self, number: int) -> Path:
        return self.parts / f"{number:06d}{self.file.suffix.lower()}"


@dataclass(frozen=True, kw_only=True)
class Film:
    """What a video is, but for its pictures.

    Attributes:
        header: Study, request and network; the request holds format and quality too.
        frames: How many there are.
        channels: Of the frames.
        loop: Players are to start again at the end, where the format can say so.
        keep_frames: Write each frame as a PNG too.
    """

    header: Header
    width: int
    height: int
    channels: int
    frames: int
    fps: float
    loop: bool
    quality: int
    keep_frames: bool = False

    @property
    def parts(self) -> tuple[range, ...]:
        """The frames of each part."""
        starts = range(0, self.frames, FRAMES_A_PART)
        return tuple(range(i, min(i + FRAMES_A_PART, self.frames)) for i in starts)


def account_of(film: Film) -> dict[str, Any]:
    """Where a video comes from and what it is, ready for JSON."""
    header = film.header
    return {
        "study": header.study,
        "request": dict(header.request),
        "network_sha256": header.network_sha256,
        "frames": film.frames,
        "width": film.width,
        "height": film.height,
        "recipe": header.recipe,
        "versions": {name: version(name) for name in _VERSIONS_OF},
        "created_utc": datetime.now(UTC).isoformat(timespec="seconds"),
    }


def is_video(path: Path) -> bool:
    """Whether an account of a video stands beside this file."""
    account = VideoPaths(file=path).account
    try:
        return account.is_file() and read_account(account).get("study") == "video"
    except OutputError:
        return False


def describe_video(path: Path) -> dict[str, Any]:
    """What a video shows and where it comes from, ready for JSON."""
    account = read_account(VideoPaths(file=path).account)
    account.pop("recipe", None)
    return {**account, "bytes": path.stat().st_size}


def read_account(account: Path) -> dict[str, Any]:
    """What was written beside a video.

    Raises:
        OutputError: That is something else.
    """
    try:
        found = json.loads(account.read_text(encoding="utf-8"))
    except ValueError:
        found = None
    if not isinstance(found, dict):
        raise OutputError(
            f"{account}: not what sgtool writes beside a video; "
            "choose another -o or add --overwrite"
        )
    return found


def write_account(path: Path, account: Mapping[str, Any]) -> None:
    """Write an account, whole or not at all.

    Raises:
        OutputError: It cannot be written there.
    """
    with written_whole(path) as temporary:
        temporary.write_text(json.dumps(account, indent=2) + "\n", encoding="utf-8")


def refuse_others(paths: VideoPaths, film: Film) -> None:
    """Make sure that what is there, finished or not, is this very video.

    Raises:
        OutputError: It is another.
    """
    if paths.file.exists() and not paths.account.exists():
        raise OutputError(
            f"{paths.file}: there already, and no {paths.account.name} tells what it is; "
            "choose another -o or add --overwrite"
        )
    for account in (paths.account, paths.record):
        if account.exists():
            found = read_account(account)
            claims = {
                "study": found.get("study"),
                **found.get("request", {}),
                "network_sha256": found.get("network_sha256"),
            }
            _refuse_other(paths.file, film.header, claims)
    if film.keep_frames and paths.frame(0).exists():
        _refuse_other(paths.frames, film.header, json.loads(read_origin(paths.frame(0)) or "{}"))


def _refuse_other(place: Path, header: Header, found: Mapping[str, Any]) -> None:
    differences = differing(json.loads(header.origin), found)
    if differences:
        raise OutputError(
            f"{place}: holds another video ({'; '.join(differences)}); "
            "choose another -o or add --overwrite"
        )
