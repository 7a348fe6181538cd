"""A peer's networks behind one interface, and the training steps that its user would write."""

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from stylegan_cli.benchmark import GENERATE, BenchmarkCase, Contender
from stylegan_cli.training.trial import kinds


class UnavailableError(Exception):
    """A peer's package is missing or cannot be used; the message says why."""


@dataclass(frozen=True, kw_only=True)
class Styles:
    """One w for each layer, `[n, layers, z_dim]` or with `layers_first` `[layers, n, z_dim]`."""

    mapping: nn.Module
    z_dim: int
    layers: int
    layers_first: bool

    def __call__(self, n: int, *, mixed: bool) -> Tensor:
        parts = (self.layers // 2, self.layers - self.layers // 2) if mixed else (self.layers,)
        dim = 0 if self.layers_first else 1
        ws = [self.mapping(torch.randn(n, self.z_dim)).unsqueeze(dim) for _ in parts]
        return torch.cat([w.repeat_interleave(k, dim) for w, k in zip(ws, parts, strict=True)], dim)


@dataclass(frozen=True, kw_only=True)
class Peer:
    """A peer's networks.

    Attributes:
        new_generator: Builds mapping and synthesis network together.
        styles: `(n, mixed)` to the input of `images`; mixed styles come from two latents.
        logits: D's opinion of images.
        path_length_loss: Of styles and their images.
        r1_loss: Of images and their logits.
        differs: Differences from configuration F at the channel counts of the case.
    """

    new_generator: Callable[[], nn.Module]
    G: nn.Module
    D: nn.Module
    styles: Styles
    images: Callable[[Tensor], Tensor]
    logits: Callable[[Tensor], Tensor]
    path_length_loss: Callable[[Tensor, Tensor], Tensor]
    r1_loss: Callable[[Tensor, Tensor], Tensor]
    differs: str

    @property
    def parameters(self) -> dict[str, int]:
        """Return the number of trainable parameters of each network."""
        networks = {"G": self.G, "D": self.D}
        return {name: sum(p.numel() for p in each.parameters()) for name, each in networks.items()}


def contender_of(peer: Peer, case: BenchmarkCase) -> Contender:
    """Return the peer's steps under the names of ours."""
    training = _Training(peer, case)
    iterations = {name: partial(training.iterate, name) for name in kinds(case.recipe.loss)}
    steps = {GENERATE: training.generate, **iterations}
    return Contender(steps=steps, warmup=[GENERATE, max(iterations, key=len)])


class _Training:
    """Non-saturating logistic loss, R1 and path length; Adam with torch's defaults."""

    def __init__(self, peer: Peer, case: BenchmarkCase) -> None:
        self.peer, self.batch_size = peer, case.stage.batch_size
        self.pl_batch_size = max(1, self.batch_size // case.recipe.loss.pl_batch_shrink)
        side = case.stage.level
        self.reals = torch.rand(self.batch_size, 3, side, side) * 2 - 1
        self.average = peer.new_generator().requires_grad_(False)
        self.opt_g, self.opt_d = (
            torch.optim.Adam(network.parameters(), lr=0.002, betas=(0.0, 0.99))
            for network in (peer.G, peer.D)
        )

    def iterate(self, kind: str) -> None:
        """Train on a batch; the name of the kind tells which regularization is due."""
        self._update_g(self._g_loss)
        if "Greg" in kind:
            self._update_g(self._path_length)
        self._update_d(self._d_loss)
        if "Dreg" in kind:
            self._update_d(self._r1)
        with torch.no_grad():
            pairs = (list(each.parameters()) for each in (self.average, self.peer.G))
            torch._foreach_lerp_(*pairs, 0.001)

    @torch.no_grad()
    def generate(self) -> None:
        self.peer.images(self.peer.styles(self.batch_size, mixed=False))

    def _fakes(self) -> Tensor:
        return self.peer.images(self.peer.styles(self.batch_size, mixed=True))

    def _g_loss(self) -> Tensor:
        return F.softplus(-self.peer.logits(self._fakes())).mean()

    def _path_length(self) -> Tensor:
        styles = self.peer.styles(self.pl_batch_size, mixed=True)
        return self.peer.path_length_loss(styles, self.peer.images(styles))

    def _d_loss(self) -> Tensor:
        with torch.no_grad():
            fakes = self._fakes()
        fake, real = self.peer.logits(fakes), self.peer.logits(self.reals)
        return F.softplus(fake).mean() + F.softplus(-real).mean()

    def _r1(self) -> Tensor:
        images = self.reals.detach().requires_grad_()
        return self.peer.r1_loss(images, self.peer.logits(images))

    def _update_g(self, loss: Callable[[], Tensor]) -> None:
        _update(self.peer.G, self.peer.D, self.opt_g, loss)

    def _update_d(self, loss: Callable[[], Tensor]) -> None:
        _update(self.peer.D, self.peer.G, self.opt_d, loss)


def _update(
    network: nn.Module,
    opponent: nn.Module,
    optimizer: torch.optim.Optimizer,
    loss: Callable[[], Tensor],
) -> None:
    network.requires_grad_(True)
    opponent.requires_grad_(False)
    loss().backward()
    optimizer.step()
    optimizer.zero_grad()
