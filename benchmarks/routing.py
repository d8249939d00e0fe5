"""The SSM algorithms against each other, by length.

    KERAS_BACKEND=jax python -m benchmarks.routing

Forward and backward pass of one causal convolution of `tokens` tokens in all, at the
given width, by every algorithm in turn. `keras_bigs.ssm.convolution` takes from this
table which one `method="auto"` is. JAX compiles; TensorFlow and PyTorch run eagerly.
"""

import dataclasses
import functools

import keras
import numpy as np
import tyro
from keras import ops
from rich.console import Console
from rich.table import Table

from benchmarks import timing
from keras_bigs import ssm
from tests.backend import differentiate


@dataclasses.dataclass
class Config:
    """Times the SSM algorithms against each other."""

    lengths: tuple[int, ...] = (128, 256, 512, 1024, 2048, 4096)
    methods: tuple[str, ...] = ("toeplitz", "fft", "chunked")
    tokens: int = 4096
    dim: int = 256
    num_kernels: int = 1
    """1 shares a kernel among all channels; `dim` gives each its own."""
    dtype: str = "float32"
    repeats: int = 10


def main(config: Config):
    backend = keras.backend.backend()
    table = Table("length", *config.methods, "fastest", title=f"{backend}, ms")
    for length in config.lengths:
        _, times = timing.interleave(functions(config, length), config.repeats)
        medians = {name: 1000 * np.median(t) for name, t in times.items()}
        fastest = min(medians, key=medians.get)
        ratios = (
            f"{medians[name]:.1f} ({timing.median_ratio(times, name, fastest):.2f})"
            for name in config.methods
        )
        table.add_row(str(length), *ratios, fastest)
    console = Console(width=100)
    console.print(timing.environment())
    console.print(
        f"{config.tokens} tokens, width {config.dim}, {config.num_kernels} kernels, "
        f"{config.dtype}; forward and backward; in brackets, the median of paired "
        "ratios to the fastest"
    )
    console.print(table)


def functions(config, length):
    """One function an algorithm, ready to time."""
    rng = np.random.default_rng(0)
    shape = (max(1, config.tokens // length), length, config.dim)
    parameters = ssm.initial_parameters(64, config.num_kernels, seed=0)
    arguments = [ops.convert_to_tensor(p, "float32") for p in parameters]
    u, g = (ops.cast(rng.normal(size=shape), config.dtype) for _ in range(2))

    def convolve(u, *arguments, method):
        return ssm.convolve(u, ssm.SSMParameters(*arguments), method=method)

    return {
        method: functools.partial(
            differentiate(functools.partial(convolve, method=method)), g, u, *arguments
        )
        for method in config.methods
    }


if __name__ == "__main__":
    main(tyro.cli(Config))
