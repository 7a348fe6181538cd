import pytest
import torch

from stylegan_cli.errors import NetworkFileError, OutputError
from stylegan_cli.training.run_folder import load_state, save_state


def test_a_state_comes_back(tmp_path):
    save_state(tmp_path / "state.pt", {"pl_mean": torch.tensor(2.0), "cur_nimg": 3})
    state = load_state(tmp_path / "state.pt")
    assert (state["pl_mean"].item(), state["cur_nimg"]) == (2, 3)


@pytest.mark.parametrize("kept", [0, 10, 500])
def test_a_cut_state_is_refused_in_words(tmp_path, kept):
    path = tmp_path / "state.pt"
    save_state(path, {"pl_mean": torch.zeros(100)})
    path.write_bytes(path.read_bytes()[:kept])
    with pytest.raises(NetworkFileError, match="damaged training state"):
        load_state(path)


def test_a_state_cannot_run_code(tmp_path):
    class Evil:
        def __reduce__(self):
            return print, ("executed",)

    torch.save({"schema": 1, "evil": Evil()}, tmp_path / "state.pt")
    with pytest.raises(NetworkFileError, match="damaged training state"):
        load_state(tmp_path / "state.pt")


def test_a_failed_write_keeps_the_state_before(tmp_path, monkeypatch):
    path = tmp_path / "state.pt"
    save_state(path, {"cur_nimg": 1})

    def full_disk(*_):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(torch, "save", full_disk)
    with pytest.raises(OutputError, match="No space left"):
        save_state(path, {"cur_nimg": 2})
    monkeypatch.undo()
    assert load_state(path)["cur_nimg"] == 1
    assert [file.name for file in tmp_path.iterdir()] == ["state.pt"]
