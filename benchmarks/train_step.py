"""BiGS against other encoders: training step and inference, by length.

    KERAS_BACKEND=jax python -m benchmarks.train_step

Masked language models of equal numbers of parameters, to 1.1% (12 gated layers for 13
of BERT's; FNet, whose mixing has no weights, gets 19), the same tokens a step, 15% of
them predicted. BERT and FNet are keras-hub's; the paper's other architectures,
STACK/SSM, GATED/ATT and STACK/ATT, are this package's. A training step is
`train_on_batch` with AdamW and dropout; inference is `predict_on_batch` of the
backbone. All models and lengths take turns, so that models are compared at one length,
and lengths at an equal number of tokens. Peak memory is that of a process which takes
two steps of one model (Linux only).
"""

import dataclasses
import subprocess
import sys

import keras
import numpy as np
import tyro
from rich.console import Console
from rich.table import Table

from benchmarks import timing
from benchmarks.compared_models import NAMES
from benchmarks.compared_models import masked_batch
from benchmarks.compared_models import masked_lm


@dataclasses.dataclass
class Config:
    """Times encoders side by side."""

    lengths: tuple[int, ...] = (128, 512, 2048)
    tokens: int = 2048
    """Tokens a step, whatever the length."""
    dim: int = 256
    dtype: str = "float32"
    """Of the computation: a Keras dtype policy."""
    rematerialize: bool = False
    """Whether this package's compute blocks again in the backward pass."""
    vocabulary_size: int = 30522
    repeats: int = 10
    models: tuple[str, ...] = ("BiGS", "BERT", "FNet")
    """Some of BiGS, STACK/SSM, GATED/ATT, STACK/ATT, BERT and FNet."""
    memory: bool = True
    """Whether to measure peak memory, one process a model and length."""
    only_memory_of: str | None = None
    """Used by the benchmark itself."""


def main(config: Config):
    unknown = sorted({*config.models} - {*NAMES})
    if unknown:
        raise ValueError(f"--models are some of {NAMES}. Received: {unknown}")
    keras.config.set_dtype_policy(config.dtype)
    if config.only_memory_of is not None:
        step = steps(config, config.lengths[0], [config.only_memory_of])[0]
        for _ in range(2):
            step[config.only_memory_of]()
        print(timing.peak_memory())
        return
    console = Console(width=120)
    console.print(timing.environment())
    console.print(f"{keras.backend.backend()}, {config.tokens} tokens a step")
    train, infer, sizes = {}, {}, {}
    for length in config.lengths:
        for sides, more in zip(
            (train, infer, sizes), steps(config, length, config.models), strict=True
        ):
            sides.update({(length, name): side for name, side in more.items()})
    first, train = timing.interleave(train, config.repeats)
    _, infer = timing.interleave(infer, config.repeats)
    reference = "BERT" if "BERT" in config.models else config.models[0]
    shortest = config.lengths[0]
    table = Table(
        "length", "model", "parameters", "first call s", "tokens/s", "step ms",
        f"of {reference}'s", f"of length {shortest}'s", "inference ms",
        f"of {reference}'s", "peak MiB",
    )  # fmt: skip
    for side in train:
        length, name = side
        table.add_row(
            str(length),
            name,
            f"{sizes[side]:,}",
            f"{first[side]:.1f}",
            f"{config.tokens / np.median(train[side]):,.0f}",
            f"{1000 * np.median(train[side]):.0f}",
            f"{timing.median_ratio(train, side, (length, reference)):.2f}",
            f"{timing.median_ratio(train, side, (shortest, name)):.2f}",
            f"{1000 * np.median(infer[side]):.0f}",
            f"{timing.median_ratio(infer, side, (length, reference)):.2f}",
            peak_memory(config, length, name) if config.memory else "",
        )
    console.print(table)


def steps(config, length, names):
    """Training steps, inferences and sizes of the named models, by name."""
    if config.tokens % length:
        raise ValueError(
            f"--tokens {config.tokens} must be a multiple of each of --lengths, or the "
            f"tokens of a step are not equal. Received: length {length}"
        )
    x, y = masked_batch(config.tokens // length, length, config.vocabulary_size)
    train, infer, sizes = {}, {}, {}
    for name in names:
        task = build(config, length, name)
        train[name] = bind(task.train_on_batch, {k: x[k] for k in task.input}, y)
        features = {k: x[k] for k in task.backbone.input}
        infer[name] = bind(task.backbone.predict_on_batch, features)
        sizes[name] = task.count_params()
    return train, infer, sizes


def bind(function, *arguments):
    """The function without arguments."""
    return lambda: function(*arguments)


def build(config, length, name):
    """A compiled masked language model."""
    task = masked_lm(
        name,
        length,
        config.dim,
        config.vocabulary_size,
        rematerialize=config.rematerialize,
    )
    task.compile(
        optimizer=keras.optimizers.AdamW(1e-4),
        loss=keras.losses.SparseCategoricalCrossentropy(from_logits=True),
        jit_compile=keras.backend.backend() == "jax",
    )
    return task


def peak_memory(config, length, name):
    """Peak resident memory of two training steps in a new process, MiB."""
    command = [sys.executable, "-m", "benchmarks.train_step"]
    command += ["--lengths", str(length), "--tokens", str(config.tokens)]
    command += ["--dim", str(config.dim), "--only_memory_of", name]
    command += ["--vocabulary_size", str(config.vocabulary_size)]
    command += ["--dtype", config.dtype]
    command += ["--rematerialize"] * config.rematerialize
    result = subprocess.run(command, stdout=subprocess.PIPE, text=True, check=True)
    return f"{float(result.stdout.splitlines()[-1]):.0f}"


if __name__ == "__main__":
    main(tyro.cli(Config))
