"""Three iterations of configuration R beside those of the original program."""

from dataclasses import dataclass, field, replace

import numpy as np
import pytest
import torch

from stylegan_cli.recipe import loads
from stylegan_cli.training.data import Batch
from stylegan_cli.training.engines import Job, eager
from stylegan_cli.training.inputs import Judging, Nets, Reals
from stylegan_cli.training.iteration import nets_of, train_batch
from stylegan_cli.training.phases import Outcome, blur_sigma, blurred
from stylegan_cli.training.schedule import stage_at
from stylegan_cli.training.state import initial_state
from tests.networks.stylegan3 import load
from tests.networks.vectors import FOLDER, Vectors, deviation
from tests.ops.derivatives import seeded

STEPS = 3
PHASES = {"g": ("Gboth", 0), "d": ("Dmain", 1), "d_reg": ("Dreg", 2)}
"""Name of each phase in the vectors, and the row of its latents."""
OVERRIDES = (
    "generator.family=stylegan3",
    "data.resolution=32",
    "generator.z_dim=16",
    "generator.w_dim=16",
    "generator.channel_base=256",
    "generator.channel_max=12",
    "generator.conv_clamp=256.0",
    "generator.kernel=1",
    "generator.radial_filters=true",
    "discriminator.conv_clamp=256.0",
    "loss.r1_gamma=2.0",
    "loss.r1_interval=2",
    "loss.blur_sigma=10.0",
    "loss.blur_fade_kimg=0.016",
    "train.batch_size=4",
    "train.magnitude_kimg=2.5",
    "train.ema_kimg=1.25",
    "train.ema_rampup=2.0",
)


@dataclass
class GivenInputs:
    """The engine that computes step by step with the original's latents and images."""

    vectors: Vectors
    step: int = 0
    seen: dict[str, torch.Tensor] = field(default_factory=dict)

    def __call__(self, nets: Nets, job: Job) -> Outcome:
        phase, row = PHASES[job.name]
        step = f"step{self.step}"
        z, c = self.vectors[f"{step}/z"][row], self.vectors[f"{step}/c"][row]
        reals = Reals(images=self.vectors[f"{step}/reals"], c=self.vectors[f"{step}/real_c"])
        inputs = job.inputs
        if isinstance(inputs, Judging):
            inputs = replace(inputs, fakes=replace(inputs.fakes, z=z, c=c), reals=reals)
        elif isinstance(inputs, Reals):
            inputs = reals
        else:
            inputs = replace(inputs, z=z, c=c)
        outcome = eager(nets, replace(job, inputs=inputs))
        self.seen |= {f"{step}/{phase}/{k}": v.detach() for k, v in outcome.observed.items()}
        for name, parameter in job.network.named_parameters():
            if parameter.grad is not None:
                self.seen[f"{step}/{phase}/grad/{name}"] = parameter.grad.clone()
        return outcome


@pytest.fixture(scope="module")
def recipe():
    return loads("", overrides=OVERRIDES)


@pytest.fixture(scope="module")
def trained(recipe):
    vectors = Vectors("sg3_train_r_32")
    state = initial_state(recipe, c_dim=0, device=torch.device("cpu"), dtype=torch.float32)
    for G in (state.G, state.G_ema):
        load(G, vectors.below("before/G/"))
    state.D.load_state_dict(vectors.below("before/D/"))
    engine = GivenInputs(vectors)
    for engine.step in range(STEPS):
        train_batch(state, nets_of(state, recipe), recipe, stage_at(recipe, 0), blank(), engine)
    return vectors, engine.seen, state


def blank() -> Batch:
    return Batch(pixels=torch.zeros(4, 32, 32, 3, dtype=torch.uint8), labels=torch.zeros(4, 0))


SAME = {"loss_g": "g_loss", "loss_d": "d_loss", "r1_penalty": "r1_penalty"}
SAME |= {"score_fake": "fake_logits", "score_real": "real_logits"}


def test_losses_scores_and_penalties_are_those_of_the_original(trained):
    vectors, seen, _ = trained
    compared = 0
    for key, value in seen.items():
        start, _, name = key.rpartition("/")
        if name in SAME:
            expected = vectors[f"{start}/{SAME[name]}"]
            torch.testing.assert_close(value.flatten(), expected, rtol=1e-4, atol=1e-4)
            compared += 1
    assert compared == STEPS * 4 + 2


def test_gradients_of_the_first_step_are_those_of_the_original(trained):
    vectors, seen, _ = trained
    expected = {key for key in vectors.arrays if "/grad/" in key}
    assert len(expected) == 7
    for key in expected:
        assert deviation(seen[key], vectors[key]) < 5e-3, key


@pytest.mark.parametrize("name", ["G", "G_ema", "D"])
def test_networks_end_as_in_the_original(trained, name):
    vectors, _, state = trained
    tensors = getattr(state, name).state_dict()
    for key, expected in vectors.below(f"after/{name}/").items():
        if not key.endswith("_filter"):
            torch.testing.assert_close(tensors[key], expected, rtol=0, atol=1e-4, msg=key)


@pytest.mark.parametrize("sigma", ["10.0", "6.25", "1.0", "0.4", "0.34", "0.3"])
def test_the_blur_is_that_of_the_original(sigma):
    with np.load(FOLDER / "sg3_ops.npz", allow_pickle=False) as file:
        images, expected = (torch.tensor(file[f"blur/{key}"]) for key in ("images", sigma))
    torch.testing.assert_close(blurred(images, float(sigma)), expected, rtol=0, atol=2e-6)


def test_the_blur_fades_out(recipe):
    assert [blur_sigma(recipe, n) for n in (0, 8, 16, 24)] == [10, 5, 0, 0]


def test_the_blur_can_be_differentiated_twice():
    images = seeded(0, 1, 2, 5, 6).requires_grad_()
    assert torch.autograd.gradgradcheck(lambda x: blurred(x, 1.2), images)
