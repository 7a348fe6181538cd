from dataclasses import dataclass

import torch

from stylegan_cli.training.engines import tensors_of, with_tensors


@dataclass(frozen=True)
class Inner:
    values: list[torch.Tensor]
    name: str = "kept"


@dataclass(frozen=True)
class Outer:
    first: torch.Tensor
    inner: Inner
    table: dict[str, torch.Tensor]
    number: int | torch.Tensor | None
    nothing: torch.Tensor | None = None


def record(number=7):
    one, two, three, four = torch.arange(4.0)
    return Outer(one, Inner([two, three]), {"four": four}, number)


def test_all_tensors_are_found_in_order_and_numbers_with_them():
    assert [tensor.item() for tensor in tensors_of(record())] == [0, 1, 2, 3, 7]


def test_what_is_no_tensor_is_left_out():
    assert len(tensors_of(record(number=None))) == 4


def test_a_record_is_rebuilt_around_other_tensors():
    rebuilt = with_tensors(record(), [tensor + 1 for tensor in tensors_of(record())])
    assert [tensor.item() for tensor in tensors_of(rebuilt)] == [1, 2, 3, 4, 8]
    assert (rebuilt.inner.name, rebuilt.nothing) == ("kept", None)
