import pytest
import torch

from stylegan_cli.runtime import World
from stylegan_cli.training.state import Stats


def test_means_are_over_all_values_since_the_reset():
    stats = Stats(device=torch.device("cpu"))
    stats.add("loss", torch.tensor([5.0]))
    stats.reset()
    stats.add("loss", torch.tensor([1.0, 2.0]))
    stats.add("loss", torch.tensor(6.0))
    assert stats.means(World()) == {"loss": pytest.approx(3)}
