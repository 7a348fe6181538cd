import pytest
import torch

from stylegan_cli.benchmark import BenchmarkForm, cases, forms
from stylegan_cli.training.trial import kinds
from tests.tiny import tiny, tiny_growing

CPU = torch.device("cpu")


def test_networks_that_grow_are_a_case_at_every_resolution():
    found = cases("grown", tiny_growing())
    assert [case.stage.level for case in found] == [8, 16]
    assert sum(case.kimg for case in found) == pytest.approx(0.048)


def test_other_networks_are_one_case():
    (case,) = cases("fixed", tiny())
    assert (case.stage.level, case.kimg, case.stage.batch_size) == (16, 0.064, 8)


def test_a_batch_size_holds_at_every_resolution():
    found = cases("grown", tiny_growing(), batch_size=3)
    assert [case.stage.batch_size for case in found] == [3, 3]


def test_forms_that_are_asked_for_are_taken_in_every_combination():
    found = forms(CPU, ["bf16", "fp32"], ["ref", "eager"])
    assert [form.name for form in found] == ["ref bf16", "ref fp32", "eager bf16", "eager fp32"]


def test_the_plain_form_is_compared_by_itself_in_one_precision():
    assert forms(CPU, ["fp32", "bf16"]) == [
        BenchmarkForm("fp32", "ref"),
        BenchmarkForm("fp32", "auto"),
        BenchmarkForm("bf16", "auto"),
    ]


def test_compiled_forms_come_beside_the_others():
    found = forms(CPU, ["fp32"], engines=["eager", "compiled"])
    assert [form.name for form in found] == ["ref fp32", "auto fp32", "auto fp32 compiled"]


def test_lazy_regularizers_make_three_kinds_of_iterations():
    shares = {name: kind.share for name, kind in kinds(tiny().loss).items()}
    assert shares == {"step": 0.5, "step+Greg": 0.25, "step+Greg+Dreg": 0.25}


def test_without_lazy_regularizers_all_iterations_are_alike():
    (only,) = kinds(tiny_growing().loss).values()
    assert (only.iteration, only.share) == (0, 1.0)


@pytest.mark.parametrize(("g_every", "d_every"), [(4, 16), (4, 6), (1, 1), (3, 2)])
def test_regularizers_come_as_often_as_the_recipe_says(g_every, d_every):
    found = kinds(tiny(f"loss.pl_interval={g_every}", f"loss.r1_interval={d_every}").loss)
    share = {word: sum(k.share for n, k in found.items() if word in n) for word in ("Greg", "Dreg")}
    assert share == pytest.approx({"Greg": 1 / g_every, "Dreg": 1 / d_every})
