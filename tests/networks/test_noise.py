import pytest
import torch

from stylegan_cli.networks.noise import noise_maps
from stylegan_cli.sizes import Size

SIZES = (Size(4, 4), Size(8, 4), Size(8, 4), Size(16, 8), Size(16, 8))
CPU = torch.device("cpu")


def test_there_is_one_map_for_each_layer_and_image():
    maps = noise_maps(SIZES, [1, 2, 3], CPU)
    assert [tuple(m.shape) for m in maps] == [(3, 1, *size.shape) for size in SIZES]


@pytest.mark.parametrize("company", [[7], [7, 8], [1, 2, 7], [7, 7]])
def test_an_images_noise_depends_on_its_own_seed_only(company):
    alone = noise_maps(SIZES, [7], CPU)
    among = noise_maps(SIZES, company, CPU)
    for mine, all_of_them in zip(alone, among, strict=True):
        assert torch.equal(mine[0], all_of_them[company.index(7)])


def test_noise_does_not_depend_on_the_global_stream_nor_move_it():
    torch.manual_seed(1)
    first = noise_maps(SIZES, [7], CPU)
    torch.manual_seed(2)
    before = torch.get_rng_state()
    second = noise_maps(SIZES, [7], CPU)
    assert torch.equal(torch.get_rng_state(), before)
    assert all(map(torch.equal, first, second))


def test_seeds_and_layers_are_unrelated():
    maps = noise_maps((Size(32, 32), Size(32, 32)), [0, 1], CPU)
    planes = torch.stack([m[i].flatten() for m in maps for i in (0, 1)])
    apart = torch.corrcoef(planes) - torch.eye(4)
    assert apart.abs().max() < 0.15  # 5 standard errors of 1024 samples


def test_noise_is_standard_normal():
    (plane,) = noise_maps((Size(128, 128),), [3], CPU)
    assert abs(plane.mean().item()) < 0.04
    assert plane.std().item() == pytest.approx(1, abs=0.03)


def test_no_layers_need_no_noise():
    assert noise_maps((), [1, 2], CPU) == []
