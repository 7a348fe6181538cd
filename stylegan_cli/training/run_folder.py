"""The files of a training run."""

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

from stylegan_cli.errors import NetworkFileError, OutputError
from stylegan_cli.files import reach_disk, writing, written_whole
from stylegan_cli.networks.snapshot import SCHEMA, check_schema
from stylegan_cli.recipe import Settled, dumps, load
from stylegan_cli.recipe.sections import HealthSection, MetricsSection, ReportSection


def save_state(path: Path, state: Mapping[str, Any]) -> None:
    """Write a training state; the one before stays until this one is whole.

    Args:
        state: Tensors, numbers, strings, and lists and dicts of them.

    Raises:
        OutputError: The place cannot be written.
    """
    import torch

    with written_whole(path) as temporary, writing(path, RuntimeError):
        torch.save({"schema": SCHEMA, **state}, temporary)
        reach_disk(temporary)


def load_state(path: Path) -> dict[str, Any]:
    """Read a training state.

    Raises:
        NetworkFileError: Damaged, or not a training state of this version.
    """
    import torch

    try:
        state = torch.load(path, map_location="cpu", weights_only=True)
    except OSError as error:
        raise NetworkFileError(f"{path}: cannot be read ({error.strerror or error})") from None
    except Exception as error:  # torch has no common class for damaged files
        reason = str(error).splitlines()[0] if str(error) else type(error).__name__
        raise NetworkFileError(
            f"{path}: damaged training state ({reason}); remove it and start again with --overwrite"
        ) from None
    if not isinstance(state, dict) or "schema" not in state:
        raise NetworkFileError(f"{path}: not a training state; found {type(state).__name__}")
    check_schema(path, state["schema"])
    return state


NETWORKS = "network-*.safetensors"
PARTIAL = ".*.partial"
"""What a killed process leaves of a file it was writing."""
RUN_FILES = (
    "recipe.toml",
    "batch_per_device",
    "stats.jsonl",
    "state.pt",
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


@dataclass(frozen=True, kw_only=True)
class RunFolder:
    """Where a run keeps its recipe, statistics, pictures, networks and state."""

    path: Path

    @property
    def recipe(self) -> Path:
        return self.path / "recipe.toml"

    @property
    def stats(self) -> Path:
        return self.path / "stats.jsonl"

    @property
    def state(self) -> Path:
        return self.path / "state.pt"

    @property
    def reals(self) -> Path:
        return self.path / "reals.png"

    @property
    def augmented(self) -> Path:
        return self.path / "reals-augmented.png"

    @property
    def profile(self) -> Path:
        """Folder of what `Conduct.profile` asks for."""
        return self.path / "profile"

    @property
    def batch_per_device(self) -> int | None:
        """What one of several processes, out of memory, wanted all of them to go on with."""
        try:
            return int((self.path / "batch_per_device").read_text(encoding="utf-8"))
        except (OSError, ValueError):
            return None

    def keep_batch_per_device(self, number: int) -> None:
        """Tell the processes that begin anew.

        Raises:
            OutputError: The disk is full or the folder read-only.
        """
        with written_whole(self.path / "batch_per_device") as temporary:
            temporary.write_text(f"{number}\n", encoding="utf-8")

    def fakes(self, cur_nimg: int) -> Path:
        return self.path / f"fakes-{cur_nimg // 1000:06d}.png"

    def network(self, cur_nimg: int) -> Path:
        return self.path / f"network-{cur_nimg // 1000:06d}.safetensors"

    def prepare(self, recipe: Settled, *, overwrite: bool) -> None:
        """Make the folder, or make sure that it holds this very run.

        A run may go on for longer, and report and be measured more often, than it began;
        everything else in its recipe is fixed.

        Args:
            overwrite: Remove the run that is there; never what is no run.

        Raises:
            OutputError: The folder holds something else, or cannot be written.
        """
        written = self.recipe
        with writing(self.path):
            self.path.mkdir(parents=True, exist_ok=True)
            if not written.exists() and not all(f.match(PARTIAL) for f in self.path.iterdir()):
                raise OutputError(
                    f"{self.path}: holds files, but not a run; choose another folder with -o"
                )
            if overwrite:
                self._clear()
            elif written.exists():
                self._check_same(load(written), recipe)
        with written_whole(written) as temporary:
            temporary.write_text(dumps(recipe), encoding="utf-8")

    def load_state(self) -> dict[str, Any] | None:
        """The state to go on from; None at the start.

        Raises:
            NetworkFileError: The state is damaged.
        """
        return load_state(self.state) if self.state.exists() else None

    def save_state(self, state: Mapping[str, Any]) -> None:
        """Write the state; the one before stays until this one is whole."""
        save_state(self.state, state)

    def append_stats(self, values: Mapping[str, Any]) -> None:
        """Add one line to `stats.jsonl`.

        Raises:
            OutputError: The disk is full or the folder read-only.
        """
        with writing(self.stats), self.stats.open("a", encoding="utf-8") as file:
            file.write(json.dumps(dict(values)) + "\n")

    def take_back_stats(self, cur_nimg: int) -> None:
        """Drop the lines of `stats.jsonl` later than a state.

        Raises:
            OutputError: The disk is full or the folder read-only.
        """
        if not self.stats.exists():
            return
        lines = self.stats.read_text(encoding="utf-8", errors="replace").splitlines()
        kept = [f"{line}\n" for line in lines if _images_shown(line) <= cur_nimg]
        with written_whole(self.stats) as temporary:
            temporary.write_text("".join(kept), encoding="utf-8")

    def _check_same(self, found: Settled, wanted: Settled) -> None:
        if _identity(found) == _identity(wanted):
            return
        there, here = (_dotted(_identity(recipe)) for recipe in (found, wanted))
        differing = [
            f"{key} is {there[key]} there, {here[key]} here"
            for key in here
            if there[key] != here[key]
        ]
        raise OutputError(
            f"{self.path}: holds another run ({'; '.join(differing[:3])}); "
            "choose another folder with -o, or --overwrite it"
        )

    def _clear(self) -> None:
        for pattern in RUN_FILES:
            for file in self.path.glob(pattern):
                file.unlink()


def _dotted(recipe: Settled) -> dict[str, object]:
    """Every value of a recipe under its dotted key."""
    values: dict[str, object] = {}
    for name, value in asdict(recipe).items():
        values |= (
            {f"{name}.{k}": v for k, v in value.items()}
            if isinstance(value, dict)
            else {name: value}
        )
    return values


def newest_network(folder: Path) -> Path:
    """The newest network of a run.

    Raises:
        NetworkFileError: It has none.
    """
    networks = sorted(folder.glob(NETWORKS))
    if not networks:
        begun = RunFolder(path=folder).state.exists()
        way = "go on training until it makes one" if begun else "name a run that has made one"
        raise NetworkFileError(f"{folder}: no {NETWORKS} in this folder; {way}, or name a file")
    return networks[-1]


def _images_shown(line: str) -> float:
    # a killed process may have left half a line: it counts as never written
    try:
        return float(json.loads(line)["cur_nimg"])
    except (ValueError, KeyError, TypeError):
        return float("inf")


def _identity(recipe: Settled) -> Settled:
    return replace(
        recipe,
        report=ReportSection(),
        metrics=MetricsSection(),
        health=HealthSection(),
        train=replace(recipe.train, total_kimg=1.0),
        title="",
    )
