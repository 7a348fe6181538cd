"""Pickles in the formats of the original releases, made of vectors and of networks of ours."""

import io
import pickle
import sys
from collections import OrderedDict
from contextlib import contextmanager
from types import ModuleType

import numpy as np
import torch

from stylegan_cli.networks.family import build_discriminator, build_generator
from stylegan_cli.recipe import DataSection, GeneratorSection, Settled

PERSISTENCE = "torch_utils.persistence"
NETWORK = "dnnlib.tflib.network"


class Network:
    """Stands in for the class of the TensorFlow releases; a pickle knows only its name."""

    def __init__(self, name, function, variables, *, parts=None, version=4, **options):
        self.state = {
            **({"version": version} if version else {}),
            "name": name,
            "static_kwargs": options,
            "components": parts or {},
            "build_module_src": "raise SystemExit('source text was run')",
            "build_func_name": function,
            "variables": list(variables.items()),
        }

    def __getstate__(self):
        return self.state


class Module:
    """Stands in for a module of the PyTorch releases, with what is said of it in a pickle."""

    def __init__(self, name, tensors, modules=None, **attributes):
        parameters = {key: torch.nn.Parameter(value, False) for key, value in tensors.items()}
        self.meta = {
            "type": "class",
            "version": 6,
            "module_src": "raise SystemExit('source text was run')",
            "class_name": name,
            "state": {
                "training": False,
                "_parameters": OrderedDict(parameters),
                "_buffers": OrderedDict(),
                "_non_persistent_buffers_set": set(),
                "_forward_hooks": OrderedDict(),
                "_modules": OrderedDict(modules or {}),
                **attributes,
            },
        }

    def __reduce__(self):
        return _reconstruct_persistent_obj, (self.meta,)


def _reconstruct_persistent_obj(meta):
    raise AssertionError("only its name is pickled")


def as_modules(state, attributes=None):
    """A tree of modules with these tensors, and attributes by dotted path of a module."""
    return _module("", state, attributes or {})


def _module(path, state, attributes):
    own = {key: value for key, value in state.items() if "." not in key}
    names = list(dict.fromkeys(key.split(".")[0] for key in state if "." in key))
    modules = {
        name: _module(
            f"{path}.{name}".strip("."),
            {k.split(".", 1)[1]: v for k, v in state.items() if k.startswith(f"{name}.")},
            attributes,
        )
        for name in names
    }
    return Module("Layer", own, modules, **attributes.get(path, {}))


def tiny_release(protocol=4):
    """A pickle of the PyTorch releases with a network of 8 px and few numbers."""
    section = GeneratorSection(z_dim=2, w_dim=2, mapping_layers=1, channel_base=16, channel_max=2)
    recipe = Settled(data=DataSection(resolution=8), generator=section)
    G, D = build_generator(recipe, c_dim=0), build_discriminator(recipe, c_dim=0)
    parts = {"G": G, "D": D, "G_ema": G}
    return dumped({key: as_modules(part.state_dict()) for key, part in parts.items()}, protocol)


def classifier_variables():
    """Variables of a classifier of attributes as the TensorFlow release has them, for 16 px."""
    shapes = {"4x4/Conv": (3, 3, 16, 16), "4x4/Dense0": (256, 16), "4x4/Dense1": (16, 1)}
    for lod, width in enumerate((4, 8, 16)):
        side = 16 >> lod
        shapes[f"FromRGB_lod{lod}"] = (1, 1, 3, width)
        if side > 4:
            shapes[f"{side}x{side}/Conv0"] = (3, 3, width, width)
            shapes[f"{side}x{side}/Conv1_down"] = (3, 3, width, 2 * width)
    random = np.random.RandomState(0)
    made = {"lod": np.float32(0)}
    for name, shape in shapes.items():
        made[f"{name}/weight"] = random.randn(*shape).astype(np.float32)
        made[f"{name}/bias"] = random.randn(shape[-1]).astype(np.float32)
    return made


def dumped(root, protocol=4, *, network=NETWORK):
    """A pickle of networks whose classes live in the modules of the originals."""
    file = io.BytesIO()
    with _living_in(Network, network), _living_in(_reconstruct_persistent_obj, PERSISTENCE):
        pickle.dump(root, file, protocol=protocol)
    return file.getvalue()


@contextmanager
def _living_in(thing, module):
    parts = module.split(".")
    names = [".".join(parts[: i + 1]) for i in range(len(parts))]
    before, homes = thing.__module__, {name: ModuleType(name) for name in names}
    setattr(homes[module], thing.__name__, thing)
    sys.modules.update(homes)
    thing.__module__ = module
    try:
        yield
    finally:
        thing.__module__ = before
        for name in names:
            del sys.modules[name]
