from dataclasses import replace

import pytest
import torch
import torch.nn.functional as F

from stylegan_cli.latents.sampling import broadcast_layers
from stylegan_cli.networks.family import build_discriminator, build_generator
from stylegan_cli.runtime import World
from stylegan_cli.sizes import square
from stylegan_cli.training.inputs import (
    Nets,
    PhaseStreams,
    Reals,
    draw_fakes,
    draw_judging,
    draw_paths,
    draw_reals,
)
from stylegan_cli.training.phases import between, d_main, d_reg, g_main, g_reg, judge
from tests.tiny import tiny, tiny_growing

CPU = torch.device("cpu")
NO_LABELS = torch.zeros(4, 0)
LODS = pytest.mark.parametrize(("lod", "side"), [(0.5, 16), (1.0, 8)])


def noise(*shape):
    return torch.randn(*shape, generator=torch.Generator().manual_seed(0))


def streams(iteration=0):
    return PhaseStreams(seed=1, phase="d", iteration=iteration, samples=range(4), device=CPU)


def nets_of(recipe, *, c_dim=0, **loss):
    return Nets(
        G=build_generator(recipe, c_dim=c_dim),
        D=build_discriminator(recipe, c_dim=c_dim),
        loss=replace(recipe.loss, **loss),
        augmentation=None,
        labels=lambda seeds: torch.eye(3)[[seed % 3 for seed in seeds], :c_dim],
        world=World(),
    )


def codes_of(nets):
    """Labels and what the mapping network makes of the first latents in a phase."""
    z, _ = streams().latents(nets.G.z_dim)
    c = nets.labels(streams().seeds("label"))
    return nets.G.mapping(z, c), c


def images_of(nets, ws):
    return nets.G.synthesis(ws, streams().noise(nets.G.synthesis.noise_sizes))


def fakes_of(nets):
    """What G makes in a phase without mixed styles."""
    w, c = codes_of(nets)
    return images_of(nets, broadcast_layers(w, nets.G.num_ws)).detach(), c


def g_loss(nets, iteration=0):
    return g_main(nets, draw_fakes(nets, streams(iteration))).loss


def d_loss(nets, reals, c=NO_LABELS):
    return d_main(nets, draw_judging(nets, streams(), Reals(images=reals, c=c))).loss


def r1_of(D, reals):
    """Scores of D, and R1 with a weight of 1 for reals of the full size."""
    images = reals.clone().requires_grad_()
    scores = D(images, NO_LABELS)
    (gradient,) = torch.autograd.grad(scores.sum(), images, create_graph=True)
    # at half the side, the gradient is twice that of the full-size images
    return scores, (gradient * reals.shape[3] / D.size.width).square().sum((1, 2, 3)).mean() / 2


def assert_same_gradients(loss, expected, D):
    D.zero_grad()
    loss.backward()
    found = [p.grad for p in D.parameters()]
    wanted = torch.autograd.grad(expected, list(D.parameters()), allow_unused=True)
    for mine, theirs in zip(found, wanted, strict=True):
        torch.testing.assert_close(mine, theirs, rtol=1e-4, atol=1e-6)


@pytest.mark.parametrize("n", [1, 2, 3, 4, 8])
def test_fakes_and_reals_are_judged_as_if_alone(n):
    D = build_discriminator(tiny(), c_dim=0)
    fakes, reals = noise(2, n, 3, 16, 16)
    c = torch.zeros(n, 0)
    judged = judge(D, fakes, c, Reals(images=reals, c=c))
    for logits, images in zip(judged, (fakes, reals), strict=True):
        torch.testing.assert_close(logits, D(images, c))


@LODS
def test_r1_in_the_loss_is_that_of_plain_autograd(lod, side):
    nets = nets_of(tiny_growing(), style_mixing_prob=0.0)
    nets.G.lod = nets.D.lod = lod
    reals = noise(4, 3, side, side)
    fakes, _ = fakes_of(nets)
    scores, penalty = r1_of(nets.D, reals)
    expected = (F.softplus(nets.D(fakes, NO_LABELS)) + F.softplus(-scores)).mean() + penalty
    loss = d_loss(nets, reals)
    assert_same_gradients(loss, expected, nets.D)


@LODS
def test_a_lazy_r1_makes_up_for_the_steps_without_it(lod, side):
    nets = nets_of(tiny_growing(), lazy=True, r1_interval=4)
    nets.D.lod = lod
    reals = noise(4, 3, side, side)
    _, penalty = r1_of(nets.D, reals)
    drawn = draw_reals(nets, streams(), Reals(images=reals, c=NO_LABELS))
    assert_same_gradients(d_reg(nets, drawn).loss, 4 * penalty, nets.D)


@pytest.mark.parametrize(("lazy", "factor"), [(True, 2), (False, 1)])
def test_lazy_path_lengths_make_up_for_the_steps_without_them(lazy, factor):
    nets = nets_of(tiny(), lazy=lazy, pl_interval=2, pl_weight=3.0, style_mixing_prob=0.0)
    w, _ = codes_of(nets)
    ws = broadcast_layers(w, nets.G.num_ws)
    directions = streams().pixel_noise(3, square(16)) / 16
    (gradient,) = torch.autograd.grad((images_of(nets, ws) * directions).sum(), ws)
    lengths = gradient.square().sum(2).mean(1).sqrt()
    mean = torch.tensor(0.5)
    penalty = (lengths - (0.99 * mean + 0.01 * lengths.mean())).square().mean()
    loss = g_reg(nets, draw_paths(nets, streams(), mean)).loss
    torch.testing.assert_close(loss.detach(), factor * 3.0 * penalty)


@pytest.mark.parametrize("c_dim", [0, 3])
def test_wgan_gp_is_that_of_plain_autograd(c_dim):
    nets = nets_of(tiny_growing("loss.r1_gamma=0.0", family="progan"), c_dim=c_dim)
    nets.G.lod = nets.D.lod = 1.0
    D, reals, real_c = nets.D, noise(4, 3, 8, 8), torch.eye(3)[[0, 1, 2, 0], :c_dim]
    fakes, fake_c = fakes_of(nets)
    shares = streams().shares()
    mixed = (reals + shares * (fakes - reals)).requires_grad_()
    (gradient,) = torch.autograd.grad(D(mixed, real_c)[:, 0].sum(), mixed, create_graph=True)
    # at half the side, the gradient is twice that of the full-size images
    penalty = (gradient.flatten(1).norm(dim=1) / 2 - 1).square().mean()
    on_fakes, on_reals = D(fakes, fake_c), D(reals, real_c)
    expected = (on_fakes[:, 0] - on_reals[:, 0] + 0.001 * on_reals[:, 0].square()).mean()
    if c_dim:
        expected = expected + F.cross_entropy(on_fakes[:, 1:], fake_c.argmax(1))
        expected = expected + F.cross_entropy(on_reals[:, 1:], real_c.argmax(1))
    loss = d_loss(nets, reals, real_c)
    assert_same_gradients(loss, expected + 10 * penalty, D)


def test_images_between_lie_on_the_way_of_each_pair():
    fakes, reals = noise(2, 3, 1, 2, 2)
    shares = torch.tensor([0.0, 0.25, 1.0]).reshape(-1, 1, 1, 1)
    found = between(fakes, reals, shares)
    torch.testing.assert_close(found[0], reals[0])
    torch.testing.assert_close(found[1], 0.75 * reals[1] + 0.25 * fakes[1])
    torch.testing.assert_close(found[2], fakes[2])


@pytest.mark.parametrize(("lod", "crossovers"), [(0.0, {1, 2, 3, 4, 5}), (1.0, {1, 2, 3})])
def test_styles_mix_among_the_layers_there_are(lod, crossovers):
    nets = nets_of(tiny_growing(), style_mixing_prob=1.0)
    nets.G.lod = nets.D.lod = lod
    seen = []
    nets.G.synthesis.register_forward_pre_hook(lambda _, inputs: seen.append(inputs[0]))
    for iteration in range(40):
        g_loss(nets, iteration)
    changes = [(ws[0, 1:] != ws[0, :-1]).any(1).nonzero().flatten().tolist() for ws in seen]
    assert {len(change) for change in changes} == {1}
    assert {change[0] + 1 for change in changes} == crossovers


def test_the_mean_of_w_is_that_of_the_first_codes_of_a_phase():
    nets = nets_of(tiny(), style_mixing_prob=1.0)
    found = g_main(nets, draw_fakes(nets, streams())).w_mean
    w, _ = codes_of(nets)
    torch.testing.assert_close(found, w.detach().mean(0))


def test_a_generator_without_styles_never_mixes():
    nets = nets_of(tiny_growing(family="progan"), style_mixing_prob=1.0)
    assert g_loss(nets).isfinite()


def test_classes_count_in_the_loss_of_g():
    nets = nets_of(tiny_growing(family="progan"), c_dim=3)
    fakes, c = fakes_of(nets)
    verdicts = nets.D(fakes, c)
    expected = F.cross_entropy(verdicts[:, 1:], c.argmax(1)) - verdicts[:, 0].mean()
    torch.testing.assert_close(g_loss(nets), expected)
