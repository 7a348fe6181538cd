"""`sgtool info`: what a file holds, or what sgtool finds on this machine."""

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from stylegan_cli import api
from stylegan_cli.cli import console
from stylegan_cli.cli.network import find_network, local
from stylegan_cli.cli.options import QuietFlag, with_flags

LONGEST_NAME = 200


@with_flags
def info(files: list[Path] | None = None, /, json: bool = False, quiet: QuietFlag = False) -> None:
    """Describe files.

    Reads networks, runs, studies, codes (.npz, .npy), data sets and recipes. Without files, prints
    versions, devices and the network that commands use by default.

    Args:
        files (FILE): Networks, run folders, training states, studies, videos, codes, data sets,
            recipes, network files of other programs, addresses of networks.

    Examples:
        sgtool info
        sgtool info portraits-64
        sgtool info runs/people runs/people/network-000200.safetensors --json
        sgtool info https://example.org/ffhq.safetensors
        sgtool info results/mix-0a1b2c3d/mix.h5 people.zip
    """
    facts = [api.describe(local(path)) for path in files] if files else [_machine()]
    if json:
        console.echo_json(facts if len(facts) > 1 else facts[0])
        return
    for each in facts:
        console.echo_table(("fact", "value"), list(_rows(each)))


def _machine() -> dict[str, Any]:
    import torch

    threads = torch.get_num_threads()
    gpus = [torch.cuda.get_device_name(i) for i in range(torch.cuda.device_count())]
    return {
        "versions": api.versions(),
        "devices": [f"cpu, {threads} thread{'s' * (threads != 1)}", *gpus],
        "default_network": str(find_network(None)),
    }


def _rows(facts: Mapping[str, Any], prefix: str = "") -> Iterator[tuple[str, str]]:
    """Yield facts as rows of a table: nested ones with dotted names, lists on one line."""
    for key, value in facts.items():
        # a strange file may repeat a name of megabytes in thousands of rows
        name = (prefix + key)[:LONGEST_NAME]
        if isinstance(value, Mapping):
            yield from _rows(value, f"{name}.")
        elif isinstance(value, list):
            yield name, ", ".join(map(_short, value))
        else:
            yield name, "" if value is None else _short(value)


def _short(value: object) -> str:
    if isinstance(value, Mapping):
        return " ".join(f"{key} {_short(inner)}" for key, inner in value.items() if inner)
    return f"{value:.6g}" if isinstance(value, float) else str(value)
