"""Foreign files of networks, each given to the reader of its format."""

from dataclasses import replace
from pathlib import Path

from stylegan_cli.checkpoint import file_sha256, refuse_exports
from stylegan_cli.errors import ForeignFileError
from stylegan_cli.files import similar
from stylegan_cli.interop.checkpoints import CHECKPOINT_SUFFIXES, is_checkpoint, read_checkpoint
from stylegan_cli.interop.containers import PICKLE_SUFFIXES, holds_pickle
from stylegan_cli.interop.foreign import Foreign
from stylegan_cli.interop.originals import read_originals


def is_foreign(path: Path) -> bool:
    """Whether a file is one that `read_foreign` would try, by its suffix or by what is in it."""
    return path.suffix.lower() in PICKLE_SUFFIXES or is_checkpoint(path) or holds_pickle(path)


def read_foreign(path: Path) -> Foreign:
    """The networks in another program's file; nothing in it is run.

    Raises:
        ForeignFileError: No such file, of no format that is known, refused, or damaged.
    """
    if not path.is_file():
        missing = f"there is no such file{similar(path)}"
        found = "a folder; name a file in it" if path.is_dir() else missing
        raise ForeignFileError(f"{path}: {found}")
    refuse_exports(path)
    _refuse_other_things(path)
    if not is_foreign(path) and path.suffix == ".safetensors":
        raise ForeignFileError(
            f"{path}: has the format of sgtool already, or is damaged; `sgtool info {path}` tells"
        )
    if not is_foreign(path):
        raise ForeignFileError(
            f"{path}: of no format of another program that sgtool reads; "
            f"those are pickles ({', '.join(PICKLE_SUFFIXES)}), also in a zip, and files of "
            f"torch.save ({', '.join(CHECKPOINT_SUFFIXES)})"
        )
    foreign = read_checkpoint(path) if is_checkpoint(path) else read_originals(path)
    origin = {"source": path.name, "source_sha256": file_sha256(path)}
    return replace(foreign, provenance={**origin, **foreign.provenance})


def _refuse_other_things(path: Path) -> None:
    """Say of a file that nobody means what it is, whatever its name."""
    try:
        with path.open("rb") as file:
            start = file.read(64)
    except OSError as error:
        raise ForeignFileError(f"{path}: cannot be read ({error.strerror or error})") from None
    if not start:
        raise ForeignFileError(f"{path}: damaged or cut: it is empty; copy or download it again")
    for beginning, words in _OTHER_THINGS.items():
        if start.lstrip().lower().startswith(beginning):
            raise ForeignFileError(f"{path}: {words}")


_IMAGE = "an image, not a network, whatever its name says"
_PAGE = "a page of the web, not a network; download the file itself"
_OTHER_THINGS = {
    b"\xff\xd8\xff": _IMAGE,
    b"\x89png": _IMAGE,
    b"gif8": _IMAGE,
    b"<!doctype": _PAGE,
    b"<html": _PAGE,
    b"version https://git-lfs": "a pointer of Git LFS, not the network; run git lfs pull",
}
"""What downloads and wrong names bring, by how it begins, in lower case."""
