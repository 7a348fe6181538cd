"""sgtool's own networks and training phases as contenders."""

import itertools
from collections.abc import Callable, Sequence
from dataclasses import replace

import torch
from torch import Tensor, nn

from benchmarks.cases import Case
from benchmarks.contender import Contender, play, steps_of
from stylegan_cli.networks.build import build_discriminator, build_generator, count_parameters
from stylegan_cli.ops import BackendName
from stylegan_cli.runtime import World
from stylegan_cli.training.augment import initial_augmentation
from stylegan_cli.training.draws import PhaseStreams
from stylegan_cli.training.ema import update_ema
from stylegan_cli.training.inputs import Reals, draw_fakes, draw_judging, draw_paths, draw_reals
from stylegan_cli.training.nets import Nets
from stylegan_cli.training.optimizers import adam, step
from stylegan_cli.training.phases import d_main, d_reg, g_main, g_reg


def ours(case: Case, reals: Tensor) -> list[Contender]:
    """The plain formulation, and the fast one in both precisions."""
    return [
        _contender("ours ref", "plain formulation of the same networks", case, reals, "ref"),
        _contender("ours fp32", "", case, reals, "eager"),
        _contender("ours bf16", "", case, reals, "eager", torch.bfloat16),
    ]


def augmented(case: Case, reals: Tensor, p: float) -> list[Contender]:
    """The fast form in both precisions, each with and without [ADA]'s augmentation."""
    section = replace(case.recipe.augment, mode="fixed", p=p)
    changed = replace(case, recipe=replace(case.recipe, augment=section))
    return [
        _contender(f"{kind} {name}", f"p = {p:g}" if kind == "augmented" else "", *rest)
        for name, dtype in (("fp32", torch.float32), ("bf16", torch.bfloat16))
        for kind, rest in (
            ("plain", (case, reals, "eager", dtype)),
            ("augmented", (changed, reals, "eager", dtype)),
        )
    ]


def _contender(
    name: str,
    differs: str,
    case: Case,
    reals: Tensor,
    backend: BackendName,
    dtype: torch.dtype = torch.float32,
) -> Contender:
    training = _Training(case, reals, backend, dtype)
    return Contender(
        name=name,
        steps=steps_of(training),
        differs=differs,
        parameters={
            "G": count_parameters(training.nets.G),
            "D": count_parameters(training.nets.D),
        },
    )


class _Training:
    """The steps of `training.iteration.train_batch`, each on its own."""

    def __init__(self, case: Case, reals: Tensor, backend: BackendName, dtype: torch.dtype) -> None:
        recipe = case.recipe
        train, loss = recipe.train, recipe.loss
        self.case = case
        self.device = reals.device
        G = build_generator(recipe, c_dim=0, dtype=dtype, backend=backend)
        D = build_discriminator(recipe, c_dim=0, dtype=dtype, backend=backend)
        self.reals = Reals(images=reals, c=self._no_labels(range(len(reals))))
        self.nets = Nets(
            G=G.to(self.device).train(),
            D=D.to(self.device).train(),
            loss=loss,
            augmentation=initial_augmentation(recipe, self.device),
            r1_gamma=recipe.loss.r1_gamma,
            n_images=len(reals),
            labels_of=self._no_labels,
            world=World(),
        )
        ema = build_generator(recipe, c_dim=0)
        self.G_ema = ema.to(self.device).eval().requires_grad_(False)
        betas = {"beta1": train.beta1, "beta2": train.beta2}
        self.opt_g = adam(self.nets.G, lr=train.lr_g, interval=loss.pl_interval, **betas)
        self.opt_d = adam(self.nets.D, lr=train.lr_d, interval=loss.r1_interval, **betas)
        self.pl_mean = torch.zeros((), device=self.device)
        self.iterations = itertools.count()

    @torch.no_grad()
    def generate(self) -> None:
        G, n = self.nets.G, self.case.batch_size
        w = G.mapping(torch.randn(n, G.z_dim, device=self.device), self._no_labels(range(n)))
        sides = G.synthesis.noise_resolutions
        noise = [torch.randn(n, 1, side, side, device=self.device) for side in sides]
        G.synthesis(w.unsqueeze(1).expand(-1, G.num_ws, -1), noise)

    def g_main(self) -> None:
        streams = self._streams("g", self.case.batch_size)
        fakes = draw_fakes(self.nets, streams)
        self._update_g(lambda: g_main(self.nets, fakes).loss)

    def g_reg(self) -> None:
        streams = self._streams("g_reg", self.case.pl_batch_size)
        paths = draw_paths(self.nets, streams, self.pl_mean)
        self._update_g(lambda: g_reg(self.nets, paths).loss)

    def d_main(self) -> None:
        streams = self._streams("d", self.case.batch_size)
        judging = draw_judging(self.nets, streams, self.reals)
        self._update_d(lambda: d_main(self.nets, judging).loss)

    def d_reg(self) -> None:
        streams = self._streams("d_reg", self.case.batch_size)
        reals = draw_reals(self.nets, streams, self.reals)
        self._update_d(lambda: d_reg(self.nets, reals).loss)

    def ema(self) -> None:
        update_ema(self.G_ema, self.nets.G, 0.999)

    def _update_g(self, loss: Callable[[], Tensor]) -> None:
        _update(self.nets.G, self.nets.D, self.opt_g, loss)

    def _update_d(self, loss: Callable[[], Tensor]) -> None:
        _update(self.nets.D, self.nets.G, self.opt_d, loss)

    def _streams(self, phase: str, count: int) -> PhaseStreams:
        return PhaseStreams(
            seed=0,
            phase=phase,
            iteration=next(self.iterations),
            samples=range(count),
            device=self.device,
        )

    def _no_labels(self, indices: Sequence[int]) -> Tensor:
        return torch.zeros(len(indices), 0, device=self.device)


def _update(
    network: nn.Module,
    opponent: nn.Module,
    optimizer: torch.optim.Optimizer,
    loss: Callable[[], Tensor],
) -> None:
    play(network, opponent)
    loss().backward()
    step(optimizer, World())
