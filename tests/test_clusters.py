"""The Slurm script of the guide, under a scheduler that is three lines of shell."""

import os
import re
import subprocess
import sys
from pathlib import Path

from stylegan_cli.recipe import dumps
from tests.processes import free_port
from tests.tiny import tiny

ROOT = Path(__file__).parents[1]
SCHEDULER = {
    "srun": 'exec "$@"',
    "scontrol": "echo 127.0.0.1",
    "torchrun": f'exec {sys.executable} -m torch.distributed.run "$@"',
}
SETTINGS = {
    "SLURM_NNODES": "1",
    "SLURM_GPUS_ON_NODE": "2",
    "SLURM_JOB_ID": "7",
    "SLURM_JOB_NODELIST": "here",
    "OMP_NUM_THREADS": "1",
}


def test_the_slurm_script_trains_in_two_processes(image_folder, tmp_path):
    page = (ROOT / "docs" / "clusters.md").read_text(encoding="utf-8")
    (script,) = re.findall(r"```bash\n(.*?)```", page, re.DOTALL)
    for name, body in SCHEDULER.items():
        program = tmp_path / "bin" / name
        program.parent.mkdir(exist_ok=True)
        program.write_text(f"#!/bin/bash\n{body}\n")
        program.chmod(0o755)
    (tmp_path / "tiny.toml").write_text(dumps(tiny("train.total_kimg=0.016")))
    here = {"stylegan2-f": "tiny.toml --device cpu", "photos.zip": str(image_folder)}
    for shown, meant in {**here, "29500": free_port()}.items():
        assert shown in script
        script = script.replace(shown, meant)
    path = f"{tmp_path / 'bin'}:{os.environ['PATH']}"
    done = subprocess.run(
        ["bash", "-c", script],
        cwd=tmp_path,
        env={**os.environ, "PYTHONPATH": str(ROOT), **SETTINGS, "PATH": path},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    assert (tmp_path / "runs" / "faces" / "network-000000.016.safetensors").exists()
