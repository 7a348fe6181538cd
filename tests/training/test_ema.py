import pytest
from torch import nn

from stylegan_cli.training.optimizers import ema_decay, update_ema


@pytest.mark.parametrize(
    ("batch_size", "decay"),
    [(4, 0.9997227796), (8, 0.9994456360), (16, 0.9988915793), (32, 0.9977843871),
     (64, 0.9955736832), (256, 0.9824119399)],
)  # fmt: skip
def test_decay_halves_an_old_weight_in_ten_kimg(batch_size, decay):
    got = ema_decay(batch_size=batch_size, ema_kimg=10.0, rampup=0.0, cur_nimg=10**6)
    assert got == pytest.approx(decay, abs=1e-9)


def test_the_first_update_of_a_ramp_is_a_copy():
    assert ema_decay(batch_size=8, ema_kimg=10.0, rampup=0.05, cur_nimg=0) == 0


def test_a_ramp_ends_at_the_full_half_life():
    late = {"batch_size": 8, "ema_kimg": 10.0, "cur_nimg": 10**6}
    assert ema_decay(**late, rampup=0.05) == ema_decay(**late, rampup=0.0)


def test_parameters_are_averaged_and_buffers_copied():
    average, network = nn.BatchNorm1d(1), nn.BatchNorm1d(1)
    nn.init.constant_(network.weight, 3.0)
    network.running_mean.fill_(7.0)
    update_ema(average, network, 0.75)
    assert average.weight.item() == pytest.approx(1.5)
    assert average.running_mean.item() == 7
