"""The files of a video, and the account of its origin beside it."""

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from stylegan_cli.errors import OutputError


@dataclass(frozen=True, kw_only=True)
class VideoPaths:
    """Paths of all files of one video.

    Attributes:
        file: The video itself.
    """

    file: Path

    @property
    def account(self) -> Path:
        """Return the path of the video's account, as JSON."""
        return self.file.with_name(f"{self.file.name}.json")

    @property
    def frames(self) -> Path:
        """Return the folder of frames."""
        return self.file.with_name(f"{self.file.stem}-frames")

    @property
    def kept(self) -> Path:
        """Return the path of the frames while some are missing."""
        return self.file.with_name(f".{self.file.name}.frames")

    def frame(self, number: int) -> Path:
        return self.frames / f"{number:06d}.png"


def is_video(path: Path) -> bool:
    """Return whether an account of a video stands beside this file."""
    # the folder you are in has no name, so nothing can stand beside it
    if not path.name:
        return False
    account = VideoPaths(file=path).account
    try:
        return account.is_file() and read_account(account).get("study") == "video"
    except OutputError:
        return False


def read_account(account: Path) -> dict[str, Any]:
    """Read the account beside a video.

    Raises:
        OutputError: The file is of another kind.
    """
    try:
        found = json.loads(account.read_text(encoding="utf-8"))
    except (ValueError, RecursionError):
        found = None
    if not isinstance(found, dict):
        raise OutputError(
            f"{account}: not what sgtool writes beside a video; "
            "choose another `output` or add `overwrite`"
        )
    return found


def describe_video(path: Path) -> dict[str, Any]:
    """Describe the content and origin of a video, ready for JSON."""
    account = read_account(VideoPaths(file=path).account)
    account.pop("recipe", None)
    return {**account, "bytes": path.stat().st_size}
