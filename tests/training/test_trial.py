"""The number of threads of a run."""

import pytest
import torch
from safetensors.torch import load_file

from stylegan_cli.errors import UsageError
from stylegan_cli.training import trial
from stylegan_cli.training.acceleration import Acceleration
from stylegan_cli.training.events import Begun
from stylegan_cli.training.loop import train
from stylegan_cli.training.run_folder import load_state
from tests.tiny import tiny, tiny_run, without_steps


@pytest.fixture(autouse=True)
def two_cores(monkeypatch):
    """A machine of two cores whose user asks for nothing, and a trial that pays."""
    before = torch.get_num_threads()
    for name in trial.VARIABLES:
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setattr(trial, "ALL", 2)
    monkeypatch.setattr(trial, "FEWEST_ITERATIONS", 1)
    yield
    torch.set_num_threads(before)


def begin(dataset, folder, *overrides, count=None, **options):
    """Threads of a session."""
    recipe = tiny("train.total_kimg=0.016", *overrides)
    run = tiny_run(recipe, dataset, folder, acceleration=Acceleration(threads=count))
    events = without_steps(train(run, **options))
    assert isinstance(events[0], Begun)
    return events[0].threads


def test_a_new_run_takes_the_fastest_number(dataset, tmp_path):
    found = begin(dataset, tmp_path / "run")
    assert found.seconds.keys() == {2, 1}
    assert found.count == min(found.seconds, key=found.seconds.get) == torch.get_num_threads()


def test_a_resumed_run_keeps_its_number(dataset, tmp_path):
    for count in (2, None):
        found = begin(dataset, tmp_path / "run", count=count)
    assert (found.count, found.before, found.seconds) == (2, 2, {})
    assert load_state(tmp_path / "run" / "state.pt")["threads"] == 2


def test_what_is_asked_for_counts_more_than_what_was(dataset, tmp_path):
    begin(dataset, tmp_path / "run", count=2)
    found = begin(dataset, tmp_path / "run", count=1)
    assert (found.count, found.before) == (1, 2)


def test_more_threads_than_a_process_can_start_are_refused(dataset, tmp_path):
    with pytest.raises(UsageError, match=r"`threads=99999999`: out of range.* 1-1024"):
        begin(dataset, tmp_path / "run", count=99999999)
    assert not (tmp_path / "run").exists()


def test_the_environment_counts_as_asking(dataset, tmp_path, monkeypatch):
    monkeypatch.setenv("OMP_NUM_THREADS", str(torch.get_num_threads()))
    found = begin(dataset, tmp_path / "run")
    assert (found.count, found.seconds) == (torch.get_num_threads(), {})


def test_short_runs_do_without_a_trial(dataset, tmp_path, monkeypatch):
    monkeypatch.setattr(trial, "FEWEST_ITERATIONS", 1000)
    found = begin(dataset, tmp_path / "run")
    assert (found.count, found.seconds) == (2, {})


def test_a_trial_changes_no_bit_of_the_run(dataset, tmp_path):
    tried = begin(dataset, tmp_path / "tried")
    begin(dataset, tmp_path / "asked", count=tried.count)
    one, other = (
        load_file(sorted((tmp_path / name).glob("network-*"))[-1]) for name in ("tried", "asked")
    )
    assert [name for name in one if not torch.equal(one[name], other[name])] == []


def test_memory_that_does_not_suffice_for_a_trial_ends_nothing(dataset, tmp_path, monkeypatch):
    def fail(*_):
        raise MemoryError

    monkeypatch.setattr(trial, "Trial", fail)
    assert begin(dataset, tmp_path / "run").count == 2
