"""The search for the codes of a batch: started, restarted, pruned, saved, resumed."""

import time
from collections.abc import Iterator
from dataclasses import replace
from math import ceil
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from stylegan_cli.errors import OutputError
from stylegan_cli.latents.sampling import broadcast_layers, map_latents
from stylegan_cli.networks.generator import Generator
from stylegan_cli.networks.noise import noise_maps
from stylegan_cli.runtime import is_out_of_memory, stream_seed, torch_stream
from stylegan_cli.shapes import Ws
from stylegan_cli.studies.projection.descent import Descent
from stylegan_cli.studies.projection.objective import (
    Embed,
    Objective,
    candidates,
    make_objective,
    nearest,
)
from stylegan_cli.studies.projection.options import Choices
from stylegan_cli.studies.projection.spaces import (
    Space,
    Statistics,
    make_space,
    on_sphere,
    with_offsets,
)
from stylegan_cli.studies.projection.states import (
    PictureBatch,
    Record,
    State,
    joined,
    read_states,
    write_states,
)

PRUNED_AT = 0.2
"""Share of the steps after which only one of several starts continues."""
SAVED_EVERY = 5.0
"""Seconds between two states on disk."""
SLOWER = 0.5


class Search:
    """The search for the codes of one batch.

    Args:
        statistics: Of the class; None where z is searched.
        state: Path of saved progress; resumed if it exists.
    """

    def __init__(
        self,
        G: Generator,
        choices: Choices,
        embed: Embed,
        batch: PictureBatch,
        *,
        statistics: Statistics | None,
        state: Path | None = None,
    ) -> None:
        self._G, self._choices, self._batch, self._file = G, choices, batch, state
        self._statistics = statistics
        device = G.mapping.w_avg.device
        self._label = torch.from_numpy(batch.label).to(device)
        self._space: Space = make_space(choices.space, G, self._label, statistics, choices.prior)
        if choices.space == "noise" and batch.offsets is not None:
            self._space = with_offsets(self._space, G, torch.ones_like(batch.offsets[0]), 0.0)
        self._objective = make_objective(
            embed, batch.targets, pixel_weight=choices.pixel_weight, mask=batch.mask
        )
        self._descent = Descent(
            G=G,
            space=self._space,
            steps=choices.steps,
            noise="const" if choices.noise == "const" else "none",
            keep_best=choices.keep_best,
        )
        self._waiting, self._done = self._resumed() or ([self._begin()], [])
        self._saved = time.monotonic()

    @property
    def steps_done(self) -> int:
        """Return the steps taken so far, over all pictures."""
        states = (*self._waiting, *self._done)
        return sum(int(state.step.sum()) for state in states)

    def run(self) -> Iterator[int]:
        """Search to the end; yield the steps taken over all pictures after each one.

        Raises:
            OutputError: A single picture does not fit into memory, or the state cannot be kept.
        """
        while self._waiting:
            state = self._waiting.pop(0)
            objective = self._objective.rows(state.picture)
            while len(state.step):
                try:
                    state = self._descent.step(state, objective, self._draw)
                except (RuntimeError, MemoryError) as error:
                    if not is_out_of_memory(error):
                        raise
                    self._waiting[:0] = _halves(state, error)
                    break
                yield len(state.step)
                left = self._settle(state, objective)
                if len(left.step) != len(state.step):
                    objective = self._objective.rows(left.picture)
                state = left
                self._keep(state)
        self._keep(None)

    def found(self) -> Iterator[Record]:
        """Yield the result for each picture, under its key: the nearest of several attempts."""
        for picture in range(len(self._batch.keys)):
            rows = [
                (float(state.best_distance[row]), number, row)
                for number, state in enumerate(self._done)
                for row in np.flatnonzero(state.picture.numpy() == picture).tolist()
            ]
            if rows:
                _, number, row = min(rows)
                yield self._found(self._done[number], row)

    def distances(self) -> dict[int, float]:
        """Return the least distance of each picture, after the search."""
        return {
            int(picture): float(distance)
            for state in self._done
            for picture, distance in zip(state.picture, state.best_distance, strict=True)
        }

    def _found(self, state: State, row: int) -> Record:
        code, *maps = (value[row : row + 1] for value in state.best)
        key = self._batch.keys[int(state.picture[row])]
        arrays = {"key": np.asarray(np.bytes_(key)), "loss": state.losses[row].numpy()}
        with torch.no_grad():
            for name, beside, codes in (
                ("ws", "style_offsets", code),
                ("trajectory", "style_trajectory", state.path[row]),
            ):
                offsets = self._space.offsets(codes)
                arrays[name] = self._space.ws(codes).cpu().numpy()
                if offsets is not None:
                    arrays[beside] = offsets.cpu().numpy()
        arrays |= {name: arrays[name][0] for name in ("ws", "style_offsets") if name in arrays}
        if self._choices.space == "z":
            arrays["z"] = code[0].cpu().numpy()
        # as they are kept: what is drawn later has the same maps
        kept = (noise[0, 0].cpu().numpy().astype(np.float16) for noise in maps)
        arrays |= {f"noise/{number:02}": each for number, each in enumerate(kept)}
        return Record(name=key, cells={"/": arrays})

    def _begin(self) -> State:
        n, restarts = len(self._batch.keys), self._choices.restarts
        codes = torch.cat([self._start(attempt) for attempt in range(restarts)])
        picture = torch.arange(n).repeat(restarts)
        attempt = torch.arange(restarts).repeat_interleave(n)
        maps = self._fresh_maps(picture, attempt)
        return self._descent.begin(picture, attempt, [codes, *maps])

    def _start(self, attempt: int) -> Tensor:
        """Return the start of an attempt: as chosen, then the mean of W, then random codes."""
        choices, G, n = self._choices, self._G, len(self._batch.keys)
        if attempt == 0 and self._batch.start is not None:
            return self._space.coordinates(self._batch.start, self._batch.offsets)
        if choices.space == "z":
            return self._start_in_z(attempt)
        assert self._statistics is not None
        mean = broadcast_layers(self._statistics.w_mean[None], G.num_ws).expand(n, -1, -1)
        if attempt == 0 and choices.start.best_of:
            z = candidates(G, choices.start.best_of, choices.seed)
            nearest_z = z[nearest(G, z, self._label, self._objective)[:, 0]]
            return self._space.coordinates(self._mapped(nearest_z), None)
        if attempt < 2:
            return self._space.coordinates(mean, None)
        z = candidates(G, choices.restarts, choices.seed)[attempt].expand(n, -1)
        return self._space.coordinates(mean + 0.5 * (self._mapped(z) - mean), None)

    def _start_in_z(self, attempt: int) -> Tensor:
        count = max(self._choices.start.best_of, self._choices.restarts)
        z = on_sphere(candidates(self._G, count, self._choices.seed))
        return z[nearest(self._G, z, self._label, self._objective)[:, attempt]]

    def _mapped(self, z: Tensor) -> Ws:
        labels = self._batch.label.repeat(len(z), axis=0)
        return broadcast_layers(map_latents(self._G, z.cpu().numpy(), labels), self._G.num_ws)

    def _fresh_maps(self, picture: Tensor, attempt: Tensor) -> list[Tensor]:
        if self._choices.noise != "optimise":
            return []
        seeds = [
            stream_seed(self._choices.seed, "projection noise", self._batch.keys[i], j)
            for i, j in zip(picture.tolist(), attempt.tolist(), strict=True)
        ]
        sizes, device = self._G.synthesis.noise_sizes, self._G.mapping.w_avg.device
        # on the CPU, whose random numbers are equal on every machine
        return [each.to(device) for each in noise_maps(sizes, seeds, torch.device("cpu"))]

    def _draw(self, picture: int, attempt: int, step: int, shape: tuple[int, ...]) -> Tensor:
        key = self._batch.keys[picture]
        stream = torch_stream(self._choices.seed, "projection code", key, attempt, step)
        return torch.randn(shape, generator=stream)

    def _settle(self, state: State, objective: Objective) -> State:
        """Remove the rows that are finished, failed or pruned from a state."""
        state = self._revived(state)
        if self._choices.restarts > 1:
            state = self._pruned(state)
        done = self._descent.is_done(state)
        if done.any():
            rows = state.rows(done)
            own = self._objective.rows(rows.picture)
            self._done.append(self._descent.conclude(rows, own))
            state = state.rows(~done)
        return state

    def _revived(self, state: State) -> State:
        """Restart rows of NaN or infinite loss at half the rate; end them the second time."""
        last = state.losses[torch.arange(len(state.step)), state.step - 1]
        broken = ~last.isfinite()
        if not broken.any():
            return state
        again = state.rows(broken & (state.pace.cpu() >= 1))
        if not len(again.step):
            return state.rows(~broken)
        attempt = again.attempt + self._choices.restarts
        values = [again.path[:, 0], *self._fresh_maps(again.picture, attempt)]
        fresh = self._descent.begin(again.picture, attempt, values)
        fresh = replace(fresh, pace=fresh.pace * SLOWER)
        return joined([state.rows(~broken), fresh])

    def _pruned(self, state: State) -> State:
        """Keep the nearest of a picture's attempts once all have run their share."""
        if len(state.picture.unique()) == len(state.picture):
            return state
        if int(state.step.min()) < ceil(PRUNED_AT * self._choices.steps):
            return state
        distance = self._descent.distance(state, self._objective.rows(state.picture)).cpu()
        best = [
            min(np.flatnonzero(state.picture.numpy() == picture), key=lambda row: distance[row])
            for picture in state.picture.unique().tolist()
        ]
        return state.rows(torch.tensor(sorted(map(int, best))))

    def _keep(self, state: State | None) -> None:
        """Save a state at intervals, and one without active rows at the end."""
        if self._file is None:
            return
        if state is not None and time.monotonic() - self._saved < SAVED_EVERY:
            return
        active = [state] if state is not None and len(state.step) else []
        groups = {"waiting": active + self._waiting, "done": self._done}
        write_states(self._file, groups)
        self._saved = time.monotonic()

    def _resumed(self) -> tuple[list[State], list[State]] | None:
        if self._file is None or not self._file.exists():
            return None
        groups = read_states(self._file, self._G.mapping.w_avg.device)
        return groups["waiting"], groups["done"]


def _halves(state: State, error: Exception) -> list[State]:
    if len(state.step) == 1:
        raise OutputError(
            "not even a single picture fits into memory together with what its search needs; "
            "take another `device` or `noise=const`"
        ) from error
    middle = len(state.step) // 2
    return [state.rows(torch.arange(middle)), state.rows(torch.arange(middle, len(state.step)))]
