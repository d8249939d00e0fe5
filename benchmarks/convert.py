"""Time and memory of converting a full-size checkpoint of the original.

    KERAS_BACKEND=jax python -m benchmarks.convert

Writes random weights of `large` in the original's Flax layout to a temporary folder,
converts them in a process of its own, reads the result back as the command does, and
compares that process's peak memory with the size of the checkpoint (Linux only).
"""

import dataclasses
import pathlib
import subprocess
import sys
import tempfile
import time

import tyro
from rich.console import Console

from benchmarks import timing
from keras_bigs import convert
from keras_bigs import models

CONVERT = """
import sys
from benchmarks import timing
from keras_bigs.convert.conversion import convert
base = timing.peak_memory()
convert(sys.argv[1], sys.argv[2])
print(base, timing.peak_memory())
"""


@dataclasses.dataclass
class Config:
    """Measures the conversion of a checkpoint of the original."""

    size: str = "large"
    """A size of `keras_bigs.models.CONFIGS`."""


def main(config: Config):
    console = Console()
    console.print(timing.environment())
    with tempfile.TemporaryDirectory() as folder:
        source, target = pathlib.Path(folder) / "original", f"{folder}/preset"
        backbone = models.BiGSBackbone(
            **models.CONFIGS[config.size], mask_padding=False
        )
        convert.save_original(models.BiGSMaskedLM(backbone), source)
        del backbone
        size = (source / "flax_model.msgpack").stat().st_size / 2**20
        start = time.perf_counter()
        result = subprocess.run(
            [sys.executable, "-c", CONVERT, str(source), target],
            stdout=subprocess.PIPE,
            text=True,
            check=True,
        )
        seconds = time.perf_counter() - start
    base, peak = map(float, result.stdout.splitlines()[-1].split())
    console.print(
        f"{config.size}: checkpoint {size:.0f} MiB, {seconds:.0f} s, peak {peak:.0f} "
        f"MiB, {peak / size:.2f} of the checkpoint ({base:.0f} MiB before it began)"
    )


if __name__ == "__main__":
    main(tyro.cli(Config))
