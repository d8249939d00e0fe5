"""The SSM algorithms on a TPU that is not there, by the compiler's estimates.

    pip install '.[tpu]'
    KERAS_BACKEND=jax python -m benchmarks.routing_on_tpus

Compiles forward and backward pass of one causal convolution as for a run, by every
algorithm in turn, for one chip, and reads the compiler's estimate from the program.
From this table `keras_bigs.ssm.convolution` takes which one `method="auto"` is on
accelerators. Nothing is run.
"""

import dataclasses
import functools

import jax
import tyro
from rich.console import Console
from rich.table import Table

from benchmarks import timing
from benchmarks.routing import convolution
from benchmarks.routing import inputs
from keras_bigs.compat.platform import tracing_for
from keras_bigs.training import planning


@dataclasses.dataclass
class Config:
    """Estimates the SSM algorithms on a TPU."""

    topology: str = "v5e:1x1"
    lengths: tuple[int, ...] = (128, 256, 512, 1024, 2048, 4096)
    methods: tuple[str, ...] = ("toeplitz", "fft", "chunked")
    tokens: int = 16384
    dim: int = 1024
    num_kernels: tuple[int, ...] = (1, 32, 128, 1024)
    """1 shares a kernel among all channels; `dim` gives each its own."""
    dtype: str = "bfloat16"


def main(config: Config):
    devices, chip = planning.tpu_topology(config.topology)
    here = jax.sharding.SingleDeviceSharding(devices[0])
    columns = ("kernels", "length", *config.methods, "fastest")
    table = Table(*columns, title=f"{config.topology}, estimated ms")
    cases = [(k, length) for k in config.num_kernels for length in config.lengths]
    for num_kernels, length in timing.progress(cases, "compiling"):
        times = {
            method: 1000
            * cycles(config, num_kernels, length, method, here)
            / chip.clock
            for method in config.methods
        }
        fastest = min(times, key=times.get)
        cells = (f"{t:.2f} ({t / times[fastest]:.2f})" for t in times.values())
        table.add_row(str(num_kernels), str(length), *cells, fastest)
    console = Console(width=100)
    console.print(timing.environment())
    console.print(
        f"{config.tokens} tokens, width {config.dim}, {config.dtype}; forward and "
        "backward; in brackets, the ratio to the fastest"
    )
    console.print(table)


def cycles(config, num_kernels, length, method, device):
    """The compiler's estimate, infinite if the program does not fit."""
    shape = (config.tokens // length, length, config.dim)
    arrays = [
        jax.ShapeDtypeStruct(x.shape, x.dtype, sharding=device)
        for x in jax.eval_shape(lambda: inputs(shape, num_kernels, config.dtype))
    ]

    def step(cotangent, *arguments):
        y, pull_back = jax.vjp(
            functools.partial(convolution, method=method), *arguments
        )
        return y, pull_back(cotangent)

    with tracing_for("accelerator"):
        lowered = jax.jit(step).lower(*arrays)
    try:
        program = planning.read_program(lowered.compile().as_text())
    except jax.errors.JaxRuntimeError as error:
        if "RESOURCE_EXHAUSTED" in str(error) or "Ran out of memory" in str(error):
            return float("inf")
        raise
    return program.cycles


if __name__ == "__main__":
    planning.expect_no_tpu()
    main(tyro.cli(Config))
