"""Modules in the pickles of the PyTorch releases, [ADA] and [SG3], as the data they hold.

Such a pickle carries the source text of its modules; it is dropped unread.
"""

from collections.abc import Collection, Iterator, Mapping
from typing import Any

from stylegan_cli.interop.pickles.limits import RefusedError
from stylegan_cli.interop.pickles.machine import Table
from stylegan_cli.interop.pickles.stand_ins import PickledArray
from stylegan_cli.interop.pickles.torch_tensors import PickledTensor


class PickledModule:
    """A module: its class's name, its attributes and its submodules.

    Args:
        meta: Its description in the file.
    """

    def __init__(self, meta: object) -> None:
        if not isinstance(meta, dict) or meta.get("type") != "class":
            raise RefusedError("an object that is not a module")
        name, state = meta.get("class_name"), meta.get("state")
        if not isinstance(name, str) or not isinstance(state, dict):
            raise RefusedError("a module without a name or a state")
        self.class_name, self.state = name, state

    def held(self) -> Collection[object]:
        return (self.state,)

    def tensors(self, prefix: str = "") -> Iterator[tuple[str, PickledTensor]]:
        """Yield names and tensors, as in the state dict of the live module."""
        for group in ("_parameters", "_buffers"):
            for name, value in _table(self.state.get(group)).items():
                if isinstance(value, PickledTensor):
                    yield prefix + name, value
        for name, module in self.modules().items():
            yield from module.tensors(f"{prefix}{name}.")

    def modules(self) -> Mapping[str, "PickledModule"]:
        """Return the direct submodules."""
        inner = _table(self.state.get("_modules"))
        return {name: each for name, each in inner.items() if isinstance(each, PickledModule)}

    def module(self, path: str) -> "PickledModule | None":
        """Return the module at a dotted path, "" for this one; or None."""
        here: PickledModule | None = self
        for step in filter(None, path.split(".")):
            here = here.modules().get(step) if here else None
        return here

    def attribute(self, path: str, name: str, default: object = None) -> object:
        """Return an attribute of the module at a dotted path, NumPy numbers as Python's."""
        module = self.module(path)
        value = module.state.get(name, default) if module else default
        return value.item() if isinstance(value, PickledArray) else value


def _table(value: object) -> Mapping[str, Any]:
    if not isinstance(value, dict):
        return {}
    return {name: each for name, each in value.items() if isinstance(name, str)}


PERSISTENCE_NAMES: Table = {
    ("torch_utils.persistence", "_reconstruct_persistent_obj"): PickledModule,
}
"""The name for modules in the pickles of the PyTorch releases."""
