"""Foreign files of networks, each given to the reader of its format."""

from dataclasses import replace
from pathlib import Path

from stylegan_cli.checkpoint import file_sha256
from stylegan_cli.errors import ForeignFileError
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
        raise ForeignFileError(f"{path}: there is no such file")
    if not is_foreign(path):
        raise ForeignFileError(
            f"{path}: of no format of another program that sgtool reads; "
            f"those are pickles ({', '.join(PICKLE_SUFFIXES)}), also in a zip, and files of "
            f"torch.save ({', '.join(CHECKPOINT_SUFFIXES)})"
        )
    foreign = read_checkpoint(path) if is_checkpoint(path) else read_originals(path)
    origin = {"source": path.name, "source_sha256": file_sha256(path)}
    return replace(foreign, provenance={**origin, **foreign.provenance})
