import pytest
import torch

from stylegan_cli.runtime import World
from stylegan_cli.training.augment import draw, initial_augmentation
from tests.tiny import tiny

CPU = torch.device("cpu")
KNOWN, GUESSED = torch.ones(8, 1), torch.tensor([[1.0], [-1.0]]).repeat(4, 1)


def augmentation(*overrides, mode="ada"):
    return initial_augmentation(tiny(f"augment.mode={mode}", *overrides), CPU)


def p_after(scores, *overrides, start=0.0, iterations=4, batch_size=64):
    found = augmentation(*overrides)
    found.p = start
    for iteration in range(1, iterations + 1):
        found.observe(scores)
        found.adjust(iteration=iteration, batch_size=batch_size, world=World())
    return found.p


def test_without_augmentation_there_is_none():
    assert augmentation(mode="none") is None


def test_ada_begins_without_augmentation_and_a_fixed_p_stays():
    assert augmentation().p == 0
    fixed = augmentation("augment.p=0.3", mode="fixed")
    fixed.observe(KNOWN)
    fixed.adjust(iteration=4, batch_size=8, world=World())
    assert fixed.p == 0.3


@pytest.mark.parametrize(("batch_size", "step"), [(64, 0.000512), (32, 0.000256)])
def test_p_takes_500_kimg_from_0_to_1(batch_size, step):
    assert p_after(KNOWN, batch_size=batch_size) == pytest.approx(step)
    assert p_after(KNOWN, "augment.ada_kimg=100.0", batch_size=batch_size) == pytest.approx(
        5 * step
    )


def test_p_is_adjusted_when_it_is_due_only():
    assert p_after(KNOWN, iterations=3) == 0
    assert p_after(KNOWN, iterations=12) == pytest.approx(3 * 0.000512)
    assert p_after(KNOWN, "augment.interval=1", iterations=3) == pytest.approx(3 * 0.000128)


def test_p_falls_where_d_knows_less_than_the_target():
    assert p_after(GUESSED, start=0.5) == pytest.approx(0.5 - 0.000512)
    assert p_after(GUESSED, "augment.target=-0.5", start=0.5) == pytest.approx(0.5 + 0.000512)


def test_p_rests_on_target():
    assert p_after(GUESSED, "augment.target=0.0", start=0.5) == 0.5


def test_p_stays_between_0_and_its_limit():
    assert p_after(GUESSED) == 0
    assert p_after(KNOWN, "augment.p_max=0.7", start=0.7) == 0.7


def test_only_signs_since_the_last_adjustment_count():
    found = augmentation()
    for iteration, scores in enumerate((KNOWN, GUESSED), start=1):
        found.observe(scores)
        found.adjust(iteration=4 * iteration, batch_size=64, world=World())
    assert found.p == 0


def test_a_state_goes_on_where_it_was():
    before, after = augmentation(), augmentation()
    before.p = 0.25
    before.observe(GUESSED)
    after.load_state_dict(before.state_dict())
    assert after.p == 0.25
    assert torch.equal(after.signs, before.signs)


def test_the_images_depend_on_their_seeds_alone():
    found = augmentation("augment.pipe=bgcfnc")
    found.p = 1.0
    images = torch.randn(4, 3, 16, 16, generator=torch.Generator().manual_seed(0))
    whole = found(images, draw([5, 6, 7, 8]))
    halves = torch.cat([found(images[:1], draw([5])), found(images[1:], draw([6, 7, 8]))])
    torch.testing.assert_close(whole, halves, rtol=0, atol=1e-5)
    assert not torch.allclose(whole, found(images, draw([1, 2, 3, 4])))


def test_p_moves_faster_where_training_starts_from_a_network():
    fast = augmentation("init.network=runs/photos").section.ada_kimg
    assert (augmentation().section.ada_kimg, fast) == (500, 100)
    assert augmentation("init.network=runs/photos", "augment.ada_kimg=50.0").section.ada_kimg == 50
