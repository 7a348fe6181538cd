"""Peak memory of reading a large data set of tar shards: python -m benchmarks.streaming [GiB].

Writes shards of incompressible pictures into a temporary folder, prepares them in a process of its
own and prints the size of the shards, the seconds and the peak of resident memory.
"""

import io
import json
import resource
import subprocess
import sys
import tarfile
import tempfile
import time
from pathlib import Path

import numpy as np
from PIL import Image

SIDE = 512
PICTURES = 64
"""Different pictures, used again and again: making them costs more than reading them."""


def write_shards(folder: Path, total: int, shard: int = 2**28) -> int:
    """Write shards of so many bytes in all; returns the number of pictures."""
    random = np.random.default_rng(0)
    encoded = []
    for _ in range(PICTURES):
        buffer = io.BytesIO()
        pixels = random.integers(0, 256, (SIDE, SIDE, 3), np.uint8)
        Image.fromarray(pixels).save(buffer, "png", compress_level=0)
        encoded.append(buffer.getvalue())
    count = 0
    for number in range(max(1, total // shard)):
        with tarfile.open(folder / f"noise-{number:03d}.tar", "w") as tar:
            for _ in range(shard // len(encoded[0])):
                for suffix, content in (
                    ("png", encoded[count % PICTURES]),
                    ("cls", b"%d" % (count % 10)),
                ):
                    member = tarfile.TarInfo(f"{count:08d}.{suffix}")
                    member.size = len(content)
                    tar.addfile(member, io.BytesIO(content))
                count += 1
    return count


def main() -> None:
    """Measure and print one line of JSON."""
    total = int(float(sys.argv[1] if len(sys.argv) > 1 else 3) * 2**30)
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        pictures = write_shards(folder, total)
        size = sum(path.stat().st_size for path in folder.iterdir())
        command = [sys.executable, "-m", "stylegan_cli", "data", "prepare", str(folder), "-o"]
        began = time.monotonic()
        subprocess.run([*command, str(folder / "out.zip"), "--resolution", "32", "-q"], check=True)
        facts = {
            "pictures": pictures,
            "gib": round(size / 2**30, 2),
            "seconds": round(time.monotonic() - began, 1),
            "peak_rss_mib": resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss // 2**10,
        }
    sys.stdout.write(json.dumps(facts) + "\n")


if __name__ == "__main__":
    main()
