"""Values as TOML."""

from collections.abc import Mapping

import tomli_w


def inline(value: object) -> str:
    """The value as TOML writes it after `key =`, on one line."""
    if isinstance(value, Mapping):
        entries = (tomli_w.dumps({key: inner}).strip() for key, inner in value.items())
        return "{" + ", ".join(entries) + "}"
    if isinstance(value, list | tuple):
        return "[" + ", ".join(map(inline, value)) + "]"
    return tomli_w.dumps({"v": value}).removeprefix("v = ").strip().replace("\n", " ")
