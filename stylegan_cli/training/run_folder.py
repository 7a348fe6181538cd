"""Files of a training run."""

import json
import os
import re
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import replace
from pathlib import Path
from typing import Any, BinaryIO

from stylegan_cli.errors import DataError, NetworkFileError, OutputError
from stylegan_cli.files import LOCK, append_line, refuse_devices, writing, written_whole
from stylegan_cli.networks.header import SCHEMA, check_schema
from stylegan_cli.networks.snapshot import file_sha256
from stylegan_cli.recipe import MAX_BYTES, Settled, dumps, load, values
from stylegan_cli.recipe.sections import HealthSection, MetricsSection, ReportSection
from stylegan_cli.texts import read_bounded


def save_state(path: Path, state: Mapping[str, Any]) -> None:
    """Write a training state; the one before stays until this one is whole."""
    import torch

    # given a file object, torch passes on the system's reason for a failure
    with (
        written_whole(path) as temporary,
        writing(path, RuntimeError),
        temporary.open("wb") as file,
    ):
        torch.save({"schema": SCHEMA, **state}, file)


def load_state(path: Path) -> dict[str, Any]:
    """Read a training state.

    Raises:
        NetworkFileError: Damaged, or not a training state of this version.
    """
    import torch

    try:
        state = torch.load(refuse_devices(path), map_location="cpu", weights_only=True)
    except OSError as error:
        raise NetworkFileError(f"{path}: cannot be read ({error.strerror or error})") from None
    except Exception as error:  # torch has no common class for damaged files
        raise damaged_state(path, error) from None
    if not isinstance(state, dict) or "schema" not in state:
        raise NetworkFileError(f"{path}: not a training state; found {type(state).__name__}")
    check_schema(path, state["schema"])
    return state


def damaged_state(path: Path, error: Exception) -> NetworkFileError:
    """Return an error that says why a training state cannot be used, in one line."""
    reason = next(iter(str(error).splitlines()), "") or type(error).__name__
    # for pickles that it refuses, torch advises loading them without its safeguard
    reason = reason.partition("(1)")[0].partition("Re-running")[0].strip()
    return NetworkFileError(
        f"{path}: damaged training state ({reason}); restore it from a backup, or train again in "
        "another `output` or with `overwrite`"
    )


NETWORKS = "network-*.safetensors"
PARTIAL = ".*.partial"
"""Unfinished files that a killed process left."""
RUN_FILES = (
    "recipe.toml",
    "batch_per_device",
    "stats.jsonl",
    "state.pt",
    "finished.json",
    "reals.png",
    "reals-augmented.png",
    "fakes-*.png",
    NETWORKS,
    "best-*.safetensors",
    "metrics.jsonl",
    "events.out.tfevents.*",
    "profile/*",
    PARTIAL,
)


class RunFolder:
    """Recipe, statistics, pictures, networks and state of a run.

    What writes raises OutputError if the disk is full or the folder read-only.

    Attributes:
        profile: Folder of the trace for `Acceleration.profile`.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self.recipe, self.state = path / "recipe.toml", path / "state.pt"
        self.stats, self.profile = path / "stats.jsonl", path / "profile"
        self.finished = path / "finished.json"
        self.reals, self.augmented = path / "reals.png", path / "reals-augmented.png"

    @property
    def batch_per_device(self) -> int | None:
        """Return the images at once that a process left after running out of memory."""
        try:
            return int(read_bounded(self.path / "batch_per_device", BLOCK))
        except (DataError, ValueError):
            return None

    def keep_batch_per_device(self, number: int) -> None:
        """Tell the processes that resume how many images to take at once."""
        with written_whole(self.path / "batch_per_device") as temporary:
            temporary.write_text(f"{number}\n", encoding="utf-8")

    def fakes(self, cur_nimg: int, *, fine: bool = False) -> Path:
        return self.path / f"fakes-{_name(cur_nimg, fine=fine)}.png"

    def network(self, cur_nimg: int, *, fine: bool = False) -> Path:
        """Return the path of a snapshot.

        Args:
            fine: Name it to the image, where whole kimg would not tell snapshots apart.
        """
        return self.path / f"network-{_name(cur_nimg, fine=fine)}.safetensors"

    @property
    def has_begun(self) -> bool:
        """Return whether a run in this folder has saved progress."""
        return self.state.exists() or (self.stats.exists() and self.stats.stat().st_size > 0)

    def begun(self) -> Settled | None:
        """Return the recipe of the run that is here; None if it made no progress."""
        # in earlier versions, a power failure could leave it empty
        text = self._recipe_text()
        return load(self.recipe) if text.strip(b"\0\n") and self.has_begun else None

    def check(self, recipe: Settled, *, overwrite: bool) -> None:
        """Raise unless the folder can take this run.

        A run may become longer, and report and measure differently than before; everything else
        in its recipe is fixed.
        """
        with writing(self.path):
            names = [file.name for file in self.path.iterdir() if not file.match(PARTIAL)]
        if not self.recipe.exists() and set(names) - {LOCK}:
            raise OutputError(f"{self.path}: holds files, but not a run; choose another folder")
        begun = None if overwrite else self.begun()
        if begun is not None:
            self._check_same(begun, recipe)

    def take(self, recipe: Settled, *, overwrite: bool) -> None:
        """Begin a run here: write its recipe, and remove other runs' files.

        Args:
            overwrite: Remove a run that has made progress too.
        """
        text = dumps(recipe).encode()
        there = self._recipe_text()
        if overwrite or (there != text and not self.has_begun):
            self.clear()
            there = b""
        if there != text:
            with written_whole(self.recipe) as temporary:
                temporary.write_bytes(text)

    def clear(self) -> None:
        """Remove the files of a run; never anything else."""
        with writing(self.path):
            for pattern in RUN_FILES:
                for file in self.path.glob(pattern):
                    file.unlink()
            with suppress(OSError):
                self.profile.rmdir()

    def finish(self, cur_nimg: int, data_fingerprint: str) -> None:
        """Record that the state is that of the finished run, for `is_finished`."""
        record = {
            "cur_nimg": cur_nimg,
            "data_fingerprint": data_fingerprint,
            "state_sha256": file_sha256(self.state),
        }
        with written_whole(self.finished) as temporary:
            temporary.write_text(json.dumps(record) + "\n", encoding="utf-8")

    def is_finished(self, recipe: Settled, data_fingerprint: str) -> bool:
        """Return whether this run is recorded as finished, and its files are those of then.

        Otherwise only the state tells, which takes torch to read.
        """
        try:
            with refuse_devices(self.finished).open(encoding="utf-8") as file:
                record = json.loads(file.read(BLOCK))
            return bool(
                self._recipe_text() == dumps(recipe).encode()
                and record["cur_nimg"] >= recipe.train.total_kimg * 1000
                and record["data_fingerprint"] == data_fingerprint
                and record["state_sha256"] == file_sha256(self.state)
                and snapshots(self.path)
            )
        except (OSError, ValueError, LookupError, TypeError, RecursionError):
            return False

    def append_stats(self, values: Mapping[str, Any]) -> None:
        append_line(self.stats, json.dumps(dict(values)))

    def take_back_stats(self, cur_nimg: int) -> None:
        """Drop the lines of `stats.jsonl` later than a state; they are its last ones."""
        if not self.stats.exists():
            return
        with writing(self.stats), self.stats.open("rb+") as file:
            end = file.seek(0, os.SEEK_END)
            while end:
                begin = _line_begin(file, end)
                file.seek(begin)
                line = file.read(end - begin)
                # a killed process may have left half a line, which may look like a whole one
                if line.endswith(b"\n") and _images_shown(line) <= cur_nimg:
                    break
                end = begin
            # a file that stays as it is keeps its time, which make and others go by
            if end < file.seek(0, os.SEEK_END):
                file.truncate(end)
                os.fsync(file.fileno())

    def _recipe_text(self) -> bytes:
        """Return the beginning of the recipe, which is all of it unless it is damaged."""
        if not refuse_devices(self.recipe).exists():
            return b""
        with self.recipe.open("rb") as file:
            return file.read(MAX_BYTES)

    def _check_same(self, found: Settled, wanted: Settled) -> None:
        there, here = values(found), values(wanted)
        same, now = values(_identity(found)), values(_identity(wanted))
        differing = [
            f"{key} is {there[key]} there, {here[key]} here"
            for key in here
            if same[key] != now[key] and there[key] != here[key]
        ]
        if differing:
            raise OutputError(
                f"{self.path}: holds another run ({'; '.join(differing[:3])}); "
                "choose another `output` or add `overwrite`"
            )


def kimg_of(path: Path) -> float:
    """Return the kimg in the name of a snapshot or a picture of fakes; 0 if there is none."""
    found = re.search(r"-(\d{1,9}(\.\d{3})?)\.\w+$", path.name)
    return float(found[1]) if found else 0.0


def snapshots(folder: Path) -> list[Path]:
    """Return the networks of a run, the oldest first."""
    return sorted(folder.glob(NETWORKS), key=lambda path: (kimg_of(path), path.name))


def newest_network(folder: Path) -> Path:
    """Return the newest network of a run.

    Raises:
        NetworkFileError: It has none.
    """
    networks = snapshots(folder)
    if not networks:
        begun = RunFolder(folder).state.exists()
        way = "train until it writes one" if begun else "name a run that has written one"
        raise NetworkFileError(f"{folder}: no {NETWORKS} in this folder; {way}, or name a file")
    return networks[-1]


def _name(cur_nimg: int, *, fine: bool) -> str:
    return f"{cur_nimg // 1000:06d}" + (f".{cur_nimg % 1000:03d}" if fine else "")


BLOCK = 4096


def _line_begin(file: BinaryIO, end: int) -> int:
    """Return the beginning of the line whose last byte, a line break or not, is before `end`."""
    stop = end - 1
    while stop > 0:
        start = max(0, stop - BLOCK)
        file.seek(start)
        found = file.read(stop - start).rfind(b"\n")
        if found >= 0:
            return start + found + 1
        stop = start
    return 0


def _images_shown(line: bytes) -> float:
    try:
        return float(json.loads(line)["cur_nimg"])
    except (ValueError, KeyError, TypeError, RecursionError, OverflowError):
        return float("inf")


def _identity(recipe: Settled) -> Settled:
    # images and the origin are known by their content, wherever they lie by now
    return replace(
        recipe,
        data=replace(recipe.data, path=None),
        init=replace(recipe.init, network=recipe.init.sha256 or recipe.init.network),
        report=ReportSection(),
        metrics=MetricsSection(),
        health=HealthSection(),
        train=replace(recipe.train, total_kimg=1.0),
        title="",
    )
