"""Training steps for a peer's networks, as its user would write them in plain torch."""

from collections.abc import Callable
from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from benchmarks.cases import pl_batch_size
from benchmarks.contender import Peer, UnavailableError, contender_of, play
from benchmarks.peer_labml import labml
from benchmarks.peer_lucidrains import lucidrains
from benchmarks.peer_model import PeerModel
from stylegan_cli.benchmark.measuring import BenchmarkCase


@dataclass(frozen=True, kw_only=True)
class Field:
    """The peers that can be timed here, and the reasons for the others."""

    there: dict[str, Peer]
    left_out: dict[str, str]


def peers(case: BenchmarkCase) -> Field:
    """Return every installed peer; StyleGAN2 only."""
    field = Field(there={}, left_out={})
    if case.recipe.generator.family != "stylegan2":
        return field
    for name, build in (("labml-nn", labml), ("stylegan2-pytorch", lucidrains)):
        try:
            field.there[name] = _peer(build(case), case)
        except UnavailableError as error:
            field.left_out[name] = str(error)
    return field


def _peer(model: PeerModel, case: BenchmarkCase) -> Peer:
    return Peer(
        contender=contender_of(_Training(model, case), case),
        differs=model.differs,
        parameters={"G": _count(model.G), "D": _count(model.D)},
    )


class _Training:
    """Non-saturating logistic loss, R1 and path length; Adam with torch's defaults."""

    def __init__(self, model: PeerModel, case: BenchmarkCase) -> None:
        self.model, self.batch_size = model, case.stage.batch_size
        self.pl_batch_size = pl_batch_size(case)
        side = case.stage.level
        self.reals = torch.rand(self.batch_size, 3, side, side) * 2 - 1
        self.average = model.new_generator().requires_grad_(False)
        self.opt_g = torch.optim.Adam(model.G.parameters(), lr=0.002, betas=(0.0, 0.99))
        self.opt_d = torch.optim.Adam(model.D.parameters(), lr=0.002, betas=(0.0, 0.99))

    @torch.no_grad()
    def generate(self) -> None:
        self.model.images(self.model.styles(self.batch_size, mixed=False))

    def g_main(self) -> None:
        self._update_g(lambda: F.softplus(-self.model.logits(self._fakes())).mean())

    def g_reg(self) -> None:
        def loss() -> Tensor:
            styles = self.model.styles(self.pl_batch_size, mixed=True)
            return self.model.path_length_loss(styles, self.model.images(styles))

        self._update_g(loss)

    def d_main(self) -> None:
        def loss() -> Tensor:
            with torch.no_grad():
                fakes = self._fakes()
            fake, real = self.model.logits(fakes), self.model.logits(self.reals)
            return F.softplus(fake).mean() + F.softplus(-real).mean()

        self._update_d(loss)

    def d_reg(self) -> None:
        def loss() -> Tensor:
            images = self.reals.detach().requires_grad_()
            return self.model.r1_loss(images, self.model.logits(images))

        self._update_d(loss)

    @torch.no_grad()
    def ema(self) -> None:
        torch._foreach_lerp_(
            list(self.average.parameters()), list(self.model.G.parameters()), 0.001
        )

    def _fakes(self) -> Tensor:
        return self.model.images(self.model.styles(self.batch_size, mixed=True))

    def _update_g(self, loss: Callable[[], Tensor]) -> None:
        _update(self.model.G, self.model.D, self.opt_g, loss)

    def _update_d(self, loss: Callable[[], Tensor]) -> None:
        _update(self.model.D, self.model.G, self.opt_d, loss)


def _update(
    network: nn.Module,
    opponent: nn.Module,
    optimizer: torch.optim.Optimizer,
    loss: Callable[[], Tensor],
) -> None:
    play(network, opponent)
    loss().backward()
    optimizer.step()
    optimizer.zero_grad()


def _count(module: nn.Module) -> int:
    return sum(parameter.numel() for parameter in module.parameters())
