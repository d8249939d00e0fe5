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
    shape = (max(1, config.tokens // length), length, config.dim)
    arguments = inputs(shape, config.num_kernels, config.dtype)
    return {
        method: functools.partial(
            differentiate(functools.partial(convolution, method=method)), *arguments
        )
        for method in config.methods
    }


def inputs(shape, num_kernels, dtype):
    """A gradient of the output, the input, and the parameters of the SSMs."""
    rng = np.random.default_rng(0)
    g, u = (ops.cast(rng.normal(size=shape), dtype) for _ in range(2))
    parameters = ssm.initial_parameters(64, num_kernels, seed=0)
    return g, u, *(ops.convert_to_tensor(p, "float32") for p in parameters)


def convolution(u, *parameters, method):
    """Of inputs by SSMs."""
    return ssm.convolve(u, ssm.SSMParameters(*parameters), method=method)


if __name__ == "__main__":
    main(tyro.cli(Config))
