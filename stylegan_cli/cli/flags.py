"""Flags that many commands share, kept together in data classes."""

from collections.abc import Callable, Container
from dataclasses import fields, is_dataclass
from inspect import Parameter, Signature, signature
from typing import Any


def with_flags(
    command: Callable[..., None], *, without: Container[str] = ()
) -> Callable[..., None]:
    """The command with a flag for every field of its parameters that are data classes.

    Args:
        without: Fields that mean nothing to this command; it has no such flags.
    """
    own = signature(command).parameters
    groups = {name: own[name].annotation for name in own if is_dataclass(own[name].annotation)}
    single = [own[name] for name in own if name not in groups]
    flags = {name: _flags(group, without) for name, group in groups.items()}
    shared = [flag for each in flags.values() for flag in each]
    parameters = [*single, *shared]

    def run(**values: Any) -> None:
        filled = {
            name: group(**{flag.name: values.pop(flag.name) for flag in flags[name]})
            for name, group in groups.items()
        }
        command(**values, **filled)

    run.__name__, run.__doc__ = command.__name__, command.__doc__
    # typer reads both to know a command's flags
    run.__annotations__ = {parameter.name: parameter.annotation for parameter in parameters}
    vars(run)["__signature__"] = Signature(parameters)
    return run


def _flags(group: Any, without: Container[str]) -> list[Parameter]:
    return [
        Parameter(field.name, Parameter.KEYWORD_ONLY, default=field.default, annotation=field.type)
        for field in fields(group)
        if field.name not in without
    ]
