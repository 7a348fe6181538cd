"""Records of tensors as lists of tensors, which programs take and give."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import fields, is_dataclass, replace
from typing import Any, TypeVar

import torch
from torch import Tensor

Record = TypeVar("Record")


def tensors_of(record: object) -> list[Tensor]:
    """All tensors in a dataclass, its parts, sequences and mappings, in order; numbers are `[]`."""
    if isinstance(record, Tensor):
        return [record]
    if isinstance(record, int | float):
        return [torch.tensor(record)]
    return [tensor for part in _parts(record) for tensor in tensors_of(part)]


def with_tensors(record: Record, tensors: Sequence[Tensor]) -> Record:
    """The same record with these tensors in the places of its own, and of its numbers."""
    rebuilt: Record = _rebuilt(record, iter(tensors))
    return rebuilt


def _parts(record: object) -> list[object]:
    if is_dataclass(record):
        return [getattr(record, field.name) for field in fields(record)]
    if isinstance(record, Mapping):
        return list(record.values())
    return list(record) if isinstance(record, list | tuple) else []


def _rebuilt(record: Any, tensors: Iterator[Tensor]) -> Any:
    if isinstance(record, Tensor | int | float):
        return next(tensors)
    if is_dataclass(record) and not isinstance(record, type):
        names = [field.name for field in fields(record)]
        parts = {name: _rebuilt(getattr(record, name), tensors) for name in names}
        return replace(record, **parts)
    if isinstance(record, Mapping):
        return {name: _rebuilt(part, tensors) for name, part in record.items()}
    if isinstance(record, list | tuple):
        return [_rebuilt(part, tensors) for part in record]
    return record
