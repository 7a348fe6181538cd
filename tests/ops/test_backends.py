import pytest
import torch

from stylegan_cli.errors import UsageError
from stylegan_cli.networks.family import build_discriminator, build_generator
from stylegan_cli.ops import BACKENDS, fast, pick_backend, reference
from tests.tiny import tiny


def test_auto_is_the_fast_form(monkeypatch):
    monkeypatch.delenv("SGTOOL_BACKEND", raising=False)
    assert pick_backend() is pick_backend("auto") is pick_backend("eager") is fast


@pytest.mark.parametrize(("value", "form"), [("auto", fast), ("eager", fast), ("ref", reference)])
def test_auto_follows_the_environment(monkeypatch, value, form):
    monkeypatch.setenv("SGTOOL_BACKEND", value)
    assert pick_backend() is form


def test_an_argument_overrides_the_environment(monkeypatch):
    monkeypatch.setenv("SGTOOL_BACKEND", "ref")
    assert pick_backend("eager") is fast


def test_an_unknown_backend_in_the_environment_is_refused_with_the_known_ones(monkeypatch):
    monkeypatch.setenv("SGTOOL_BACKEND", "fastest")
    with pytest.raises(UsageError, match="SGTOOL_BACKEND=fastest: no such backend") as refused:
        pick_backend()
    assert all(name in str(refused.value) for name in BACKENDS)


@pytest.mark.parametrize("build", [build_generator, build_discriminator])
def test_a_backend_that_cannot_run_here_is_refused_when_a_network_is_built(monkeypatch, build):
    monkeypatch.delenv("TRITON_INTERPRET", raising=False)
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    with pytest.raises(UsageError, match="`backend=triton`: "):
        build(tiny(), c_dim=0, backend="triton")
