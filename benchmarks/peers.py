"""BiGS beside the encoders that an engineer would use instead, on every backend.

    pip install transformers
    python -m benchmarks.peers --output peers.csv

Encoders of about equally many parameters, each in a process of its own
(`peer_sides.py`), take turns round after round, so that ratios are of one time and one
machine: a training step of masked language modeling, the encoder's outputs of a batch,
and classes of raw strings from the tokenizer on. Libraries run as their users run them:
Keras' defaults; on Hugging Face's side `scaled_dot_product_attention`, fused AdamW, and
ModernBERT's sparse prediction, which its BERT lacks: that projects every token to the
vocabulary. Nobody is compiled by `torch.compile`. In bfloat16 Hugging Face trains by
autocast and infers with 16-bit weights, Keras keeps float32 weights in either. Peak
memory is that of a whole process that has done every task.
"""

import contextlib
import csv
import dataclasses
import itertools
import json
import pathlib
import subprocess
import sys
import tempfile

import numpy as np
import tyro
from rich.console import Console
from rich.table import Table

from benchmarks import timing
from benchmarks.peer_sides import DTYPES
from benchmarks.peer_sides import SIDES
from benchmarks.peer_sides import TASKS
from benchmarks.peer_sides import Case
from keras_bigs import training
from keras_bigs.errors import ConfigError
from keras_bigs.files import atomic_write

COLUMNS = ["side", "length", "batch", "dtype", "task", "tokens", "round", "seconds"]
SHOWN_LINES = 20
"""Of the standard error of a side that has ended early."""


@dataclasses.dataclass
class Config:
    """Times encoders of several libraries side by side."""

    sides: tuple[str, ...] = (
        "bigs:jax",
        "bigs:torch",
        "bert:jax",
        "hf_bert",
        "hf_modernbert",
    )
    """Of `bigs`, `bert` and `fnet`, each with a backend of Keras, `hf_bert` and
    `hf_modernbert`."""
    references: tuple[str, ...] = ("bert:jax", "hf_bert", "hf_modernbert")
    """The sides whose time is the unit."""
    lengths: tuple[int, ...] = (128, 512, 2048)
    tokens: int = 2048
    """Tokens a batch, whatever the length; or one text, where that is longer."""
    batch: int | None = None
    """Texts a batch, instead of `tokens`."""
    dtypes: tuple[str, ...] = ("float32",)
    """Of `float32` and `bfloat16`."""
    tasks: tuple[str, ...] = tuple(TASKS)
    dim: int = 256
    layers: int = 12
    vocabulary_size: int = 30522
    dropout: float = 0.0
    """Of every side, as modern encoders are pretrained."""
    repeats: int = 7
    output: pathlib.Path | None = None
    """A CSV of every measured time; a plot goes beside it."""


class Process:
    """A side that does what it is told, and waits."""

    def __init__(self, side, case):
        # A file and not a pipe, which would fill up and stop the process.
        self._errors = tempfile.TemporaryFile("w+", errors="replace")  # noqa: SIM115
        self._process = subprocess.Popen(
            [
                *(sys.executable, "-m", "benchmarks.peer_sides", side),
                json.dumps(dataclasses.asdict(case)),
            ],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=self._errors,
            text=True,
        )
        self.side = side

    def ask(self, question):
        """What the process answers, a number; `None` to a task that it lacks."""
        # If it has ended, so have its answers, which is noticed below.
        with contextlib.suppress(BrokenPipeError):
            self._process.stdin.write(f"{question}\n")
            self._process.stdin.flush()
        for line in self._process.stdout:
            if line.startswith('{"answer":'):
                return json.loads(line)["answer"]
        self.end()
        self._errors.seek(0)
        lines = self._errors.read().splitlines()[-SHOWN_LINES:]
        raise RuntimeError(
            f"{self.side} ended with status {self._process.returncode} before it had "
            f"answered {question!r}. The last lines of its standard error:\n"
            + "\n".join(lines)
        )

    def end(self):
        # Closing sends what an ended process has not read.
        with contextlib.suppress(BrokenPipeError):
            self._process.stdin.close()
        self._process.wait()


def main(config: Config):
    refuse_unknown("sides", config.sides, SIDES)
    refuse_unknown("references", config.references, SIDES)
    refuse_unknown("dtypes", config.dtypes, DTYPES)
    refuse_unknown("tasks", config.tasks, TASKS)
    console = Console(width=140)
    console.print(timing.environment())
    rows = []
    for dtype in config.dtypes:
        for length in config.lengths:
            batch = config.batch or max(1, config.tokens // length)
            case = Case(
                length=length,
                batch=batch,
                dtype=dtype,
                dim=config.dim,
                layers=config.layers,
                vocabulary_size=config.vocabulary_size,
                dropout=config.dropout,
            )
            times, first, facts = measure(config, case)
            rows += [
                (
                    *(side, length, batch, dtype, task, case.tokens_of(task)),
                    *(i, round(seconds, 6)),
                )
                for (side, task), all_seconds in times.items()
                for i, seconds in enumerate(all_seconds)
            ]
            if config.output is not None:
                write(config.output, rows)
            for table in tables(config, case, times, first, facts):
                console.print(table)
    if config.output is not None:
        plot(config.output, rows)


def refuse_unknown(argument, values, known):
    """Raises `ConfigError` unless all values of an argument are known."""
    if unknown := [value for value in values if value not in known]:
        raise ConfigError(
            f"--{argument} {' '.join(unknown)}: choose among {', '.join(known)}."
        )


def measure(config, case):
    """Times and first calls by side and task; `(parameters, memory)` by side."""
    processes = [Process(side, case) for side in config.sides]
    times, first, facts = {}, {}, {}
    for process in timing.progress(processes, "compiling"):
        for task in config.tasks:
            seconds = process.ask(task)
            if seconds is not None:
                first[process.side, task] = seconds
                times[process.side, task] = []
                # The second call may compile what the first one left out.
                process.ask(task)
        facts[process.side] = [process.ask("parameters")]
    for _ in timing.progress(range(config.repeats), "timing"):
        for task in config.tasks:
            for process in processes:
                if (process.side, task) in times:
                    times[process.side, task].append(process.ask(task))
    for process in processes:
        facts[process.side].append(process.ask("memory"))
        process.end()
    return {key: np.array(t) for key, t in times.items()}, first, facts


def tables(config, case, times, first, facts):
    """One table a task, with a row a side."""
    for task in config.tasks:
        result = Table(
            *("side", "parameters", "ms", "tokens/s"),
            *(f"of {name}" for name in config.references),
            *("first call s", "peak MiB"),
            title=f"{task}: {case.batch} x {case.length} tokens, {case.dtype}",
        )
        for side in config.sides:
            if (side, task) not in times:
                continue
            parameters, memory = facts[side]
            seconds = np.median(times[side, task])
            result.add_row(
                side,
                f"{parameters:,}",
                f"{1000 * seconds:.0f}",
                f"{case.tokens_of(task) / seconds:,.0f}",
                *(
                    f"{timing.median_ratio(times, (side, task), (reference, task)):.2f}"
                    if (reference, task) in times
                    else ""
                    for reference in config.references
                ),
                f"{first[side, task]:.1f}",
                f"{memory:.0f}",
            )
        yield result


def write(path, rows):
    """The CSV of every time."""
    with atomic_write(path) as temporary, open(temporary, "w", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(COLUMNS)
        writer.writerows(rows)


def plot(path, rows):
    """Microseconds a token against length, a panel a task, beside the CSV."""
    rows = [dict(zip(COLUMNS, row, strict=True)) for row in rows]
    seen = {name: list(dict.fromkeys(row[name] for row in rows)) for name in COLUMNS}
    panels = len(seen["task"])
    with training.figure(
        *(path.with_suffix(suffix) for suffix in (".png", ".svg")),
        ncols=panels,
        figsize=(3.5 * panels, 3.5),
        squeeze=False,
    ) as axes:
        for axis, task in zip(axes[0], seen["task"], strict=True):
            for (i, side), (dtype, style) in itertools.product(
                enumerate(seen["side"]), zip(seen["dtype"], ("-", "--"), strict=False)
            ):
                points = microseconds(rows, side=side, dtype=dtype, task=task)
                if points:
                    axis.plot(
                        *zip(*points, strict=True),
                        style,
                        marker="o",
                        color=f"C{i}",
                        linewidth=2.5 if side.startswith("bigs") else 1.2,
                        label=SIDES[side] if dtype == seen["dtype"][0] else None,
                    )
            axis.set(title=TASKS[task], xlabel="length in tokens", xscale="log")
            axis.set_xticks(seen["length"], [f"{n:,}" for n in seen["length"]])
            axis.minorticks_off()
            axis.set_ylim(bottom=0)
        axes[0][0].set_ylabel("microseconds a token")
        axes[0][0].legend(fontsize=8)


def microseconds(rows, **chosen):
    """`(length, median of the microseconds a token)` of some rows."""
    times = {}
    for row in rows:
        if chosen.items() <= row.items():
            time = 1e6 * row["seconds"] / row["tokens"]
            times.setdefault(row["length"], []).append(time)
    return [(length, np.median(values)) for length, values in times.items()]


if __name__ == "__main__":
    main(tyro.cli(Config))
