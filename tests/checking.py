"""Types and shapes checked at every call of the package, shapes where there are any.

jaxtyping's hook wraps each function of the package for its shapes, which costs four compilations
and the binding of all arguments at each call. Most functions take and return no arrays; beartype
alone checks the same types of those at a tenth of the price.
"""

import functools
import typing

import jaxtyping

with_shapes = jaxtyping.jaxtyped


def checked(*, typechecker):
    """Return the decorator that the hook puts on functions and classes."""

    def decorate(thing):
        if isinstance(thing, type):
            return with_shapes(typechecker=typechecker)(thing)
        hints = {name: resolved(hint, thing) for name, hint in thing.__annotations__.items()}
        if any(map(has_shape, hints.values())):
            return with_shapes(typechecker=typechecker)(thing)
        return typed(thing, hints, typechecker)

    return decorate


def typed(function, hints, typechecker):
    """Return a function whose types alone are checked; its annotations stay as written."""
    written, function.__annotations__ = function.__annotations__, hints
    try:
        checking = typechecker(function)
    finally:
        function.__annotations__ = written
    if checking is function:
        return function

    @functools.wraps(function)
    def call(*args, **kwargs):
        return (function if jaxtyping.config.jaxtyping_disable else checking)(*args, **kwargs)

    return call


def resolved(hint, function):
    """Return a hint without names in quotes; any type where only type checkers know a name."""
    holder = type("Holder", (), {"__annotations__": {"hint": hint}})
    try:
        return typing.get_type_hints(holder, function.__globals__, include_extras=True)["hint"]
    except Exception:
        return typing.Any


def has_shape(hint):
    """Return whether there is an array in a hint, however deep."""
    if isinstance(hint, list | tuple):
        return any(map(has_shape, hint))
    if isinstance(hint, type) and issubclass(hint, jaxtyping.AbstractArray):
        return True
    return has_shape(typing.get_args(hint))


jaxtyping.jaxtyped = checked
