"""A batch of pictures, the state of its search, the file that keeps it, and what is found."""

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from jaxtyping import Float, Float32, Int64
from torch import Tensor

from stylegan_cli.errors import OutputError
from stylegan_cli.files import written_whole
from stylegan_cli.latents.codes import Codes, OwnNoise
from stylegan_cli.networks.styles import Styles
from stylegan_cli.shapes import Images
from stylegan_cli.studies.projection.objective import Mask

Variables = tuple[Tensor, ...]
"""The code, then the noise maps if they are optimised; a row per picture."""
Cells = Mapping[str, Mapping[str, np.ndarray]]
"""Stored arrays of a picture, by table and name."""
Measures = Mapping[str, float]
"""Numbers by name."""


@dataclass(frozen=True, kw_only=True)
class PictureBatch:
    """Pictures that are projected together, all of one class.

    Attributes:
        keys: Identity of the pictures, which seeds their random streams.
        start: Codes to begin with instead of the chosen start: ws, or z where that is searched.
        offsets: What is added to the styles of these.
    """

    keys: tuple[str, ...]
    targets: Images
    label: Float32[np.ndarray, "1 c_dim"]
    mask: Mask | None = None
    start: Tensor | None = None
    offsets: Styles | None = None


@dataclass(frozen=True, kw_only=True)
class State:
    """A batch on its way, a row per picture.

    Attributes:
        picture: Number of the picture that a row belongs to; `attempt` that of its start.
        first: Adam's first moments of the values, `second` the second ones.
        best: The values with the least distance so far, counted without noise on the code.
        step: Steps taken.
        pace: Share of the usual rates; halved where a picture had to begin anew.
        losses: Distance before each step; NaN where there was none yet.
        path: Codes on the way, at evenly spaced steps, the start first.
    """

    picture: Int64[Tensor, " n"]
    attempt: Int64[Tensor, " n"]
    values: Variables
    first: Variables
    second: Variables
    best: Variables
    best_distance: Float[Tensor, " n"]
    step: Int64[Tensor, " n"]
    pace: Float[Tensor, " n"]
    losses: Float[Tensor, "n steps"]
    path: Float[Tensor, "n stops ..."]

    def rows(self, chosen: Tensor) -> "State":
        """Return some of the rows, by their numbers."""
        return State.from_tensors({name: each[chosen] for name, each in self.tensors().items()})

    def tensors(self) -> dict[str, Tensor]:
        """Return everything by name, to be kept in a file."""
        named: dict[str, Tensor] = {}
        for name, value in vars(self).items():
            if isinstance(value, tuple):
                named |= {f"{name}.{i}": tensor for i, tensor in enumerate(value)}
            else:
                named[name] = value
        return named

    @classmethod
    def from_tensors(cls, named: dict[str, Tensor]) -> "State":
        """Return the state that `tensors` named."""
        count = sum(name.startswith("values.") for name in named)
        groups = ("values", "first", "second", "best")
        found: dict[str, Any] = {name: named[name] for name in named if "." not in name}
        found |= {each: tuple(named[f"{each}.{i}"] for i in range(count)) for each in groups}
        return cls(**found)


@dataclass(frozen=True, kw_only=True)
class Record:
    """A projected picture.

    Attributes:
        cells: Its arrays, as they are stored; those in the table "/" are enough to draw it.
    """

    name: str
    cells: Cells

    @property
    def key(self) -> str:
        return bytes(self.cells["/"]["key"]).decode()

    @property
    def codes(self) -> Codes:
        """Return the code, with the noise and offsets found with it, as a table of one."""
        found = self.cells["/"]
        maps = tuple(found[name] for name in sorted(found) if name.startswith("noise/"))
        offsets = found.get("style_offsets")
        return Codes(
            ws=found["ws"][None],
            noise_seed=np.zeros(1, np.int64),
            labels=np.zeros((1, 0), np.float32),
            style_offsets=None if offsets is None else offsets[None],
            own_noise=np.array([OwnNoise(maps=maps)]) if maps else None,
        )

    @property
    def measures(self) -> Measures:
        """Return the distances of the projection, and how far out its code lies."""
        return {name: float(value) for name, value in self.cells["measures"].items()}


def joined(states: Sequence[State]) -> State:
    """Return the rows of several states as one."""
    parts = [state.tensors() for state in states]
    return State.from_tensors({name: torch.cat([p[name] for p in parts]) for name in parts[0]})


def write_states(path: Path, groups: Mapping[str, Sequence[State]]) -> None:
    """Write states to a file, whole or not at all."""
    from safetensors.torch import save

    tensors = {
        f"{group}/{number}/{name}": tensor.contiguous().clone()
        for group, states in groups.items()
        for number, state in enumerate(states)
        for name, tensor in state.tensors().items()
    }
    with written_whole(path) as temporary:
        temporary.write_bytes(save(tensors))


def read_states(path: Path, device: torch.device) -> dict[str, list[State]]:
    """Read states that `write_states` wrote.

    Raises:
        OutputError: The file is damaged.
    """
    from safetensors.torch import load_file

    groups: dict[str, list[State]] = {"waiting": [], "done": []}
    named: dict[tuple[str, int], dict[str, Tensor]] = {}
    with damage_in_words(path):
        tensors = load_file(path)
        tensors.pop("failed", None)  # of earlier versions
        for full, tensor in tensors.items():
            group, number, name = full.split("/")
            on_cpu = name in ("picture", "attempt", "step", "losses")
            own = named.setdefault((group, int(number)), {})
            own[name] = tensor if on_cpu else tensor.to(device)
        for place in sorted(named):
            groups[place[0]].append(State.from_tensors(named[place]))
    return groups


@contextmanager
def damage_in_words(path: Path) -> Iterator[None]:
    """Turn what is raised for a damaged state, of a search or of tuning, into an OutputError."""
    from safetensors import SafetensorError

    try:
        yield
    except torch.OutOfMemoryError:
        raise
    except (SafetensorError, OSError, LookupError, ValueError, TypeError, RuntimeError) as error:
        reason = str(error).partition("\n")[0]
        raise OutputError(f"{path}: damaged ({reason}); remove it to begin again") from None
