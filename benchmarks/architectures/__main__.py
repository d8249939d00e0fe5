"""Makes the runs of `benchmarks/architectures.md`, and its tables and figure.

    python -m recipes.prepare train.txt --validation valid.txt --output shards \\
        --vocabulary_size 8000 --short_sequence_probability 0
    export KERAS_BACKEND=torch
    python -m benchmarks.architectures search --data shards
    python -m benchmarks.architectures train --data shards
    python -m benchmarks.architectures evaluate --glue glue_data --syntax syntax_sets
    python -m benchmarks.architectures report

`search` tries each learning rate on a short run of each architecture; `train` trains
each with the rate of the least held-out loss, with several seeds; `evaluate` measures
agreement, and fine-tunes on CoLA and SST-2; `long` trains on texts of 512 tokens, for
`recipes.positions` to tell what they are worth. They start a recipe once a run, so that
a run that is stopped goes on with the same command; runs that are finished, or
recorded, are passed over. `--jobs 2` keeps two going, with one core each. `report` adds
what is finished to the records, and makes tables and the figure from all of them.
"""

import dataclasses
import os
import pathlib
import subprocess
import sys
import time
from typing import Literal

import tyro

from benchmarks.architectures import report
from benchmarks.architectures import runs
from keras_bigs import errors

HERE = pathlib.Path(__file__).parent


@dataclasses.dataclass
class Config:
    """Pretrains the paper's four architectures alike."""

    action: tyro.conf.Positional[
        Literal["search", "train", "evaluate", "long", "report"]
    ]
    """What to do."""
    data: pathlib.Path = pathlib.Path("runs/architectures/shards")
    """The shards of `recipes.prepare`."""
    long_data: pathlib.Path = pathlib.Path("runs/architectures/shards512")
    """The shards of texts of 512 tokens, with the same vocabulary."""
    glue: pathlib.Path = pathlib.Path("glue_data")
    """The folder with CoLA and SST-2 of the official download."""
    syntax: pathlib.Path = pathlib.Path("syntax")
    """The folder with linzen2016/subj_agr_filtered.text and .gold."""
    output: pathlib.Path = pathlib.Path("runs/architectures")
    """Where the runs are."""
    records: pathlib.Path = HERE
    """Where the tables of all runs are."""
    architectures: tuple[str, ...] = tuple(runs.ARCHITECTURES)
    """Which of them."""
    learning_rates: tuple[float, ...] = (3e-4, 1e-3, 3e-3)
    """What `search` tries."""
    seeds: tuple[int, ...] = (0, 1, 2)
    """Seeds of `train`."""
    search_steps: int = 1000
    """Updates of a run of `search`."""
    steps: int = 8800
    """Updates of a run of `train`."""
    batch_size: int = 32
    """Sequences an update."""
    jobs: int = 1
    """How many runs at a time, with one core each if several."""


def main(config: Config):
    if unknown := {*config.architectures} - runs.ARCHITECTURES.keys():
        raise errors.ConfigError(
            f"--architectures {' '.join(sorted(unknown))}: choose among "
            f"{list(runs.ARCHITECTURES)}."
        )
    if config.action == "report":
        report.write(config)
        return
    make = {
        "search": runs.search,
        "train": runs.train,
        "evaluate": runs.evaluate,
        "long": runs.train_on_long_texts,
    }
    work = make[config.action](config)
    waiting = [run for run in work if not run.is_finished]
    print(f"{len(waiting)} of {len(work)} runs are to be made")
    running = []
    cores = sorted(os.sched_getaffinity(0))[: config.jobs]
    while waiting or running:
        for core in [c for c in cores if c not in {c for c, _ in running}]:
            if waiting:
                running.append((core, start(waiting.pop(0), core, config)))
        time.sleep(2)
        for _, process in running:
            if process.poll() not in (None, 0):
                for _, other in running:
                    other.terminate()  # it keeps a checkpoint
                raise errors.ConfigError(
                    f"{' '.join(process.args)} failed: see its log."
                )
        running = [
            (core, process) for core, process in running if process.poll() is None
        ]


def start(run, core, config):
    """Starts a run, with its own log."""
    command = [sys.executable, "-m", *run.arguments]
    if config.jobs > 1:
        command = ["taskset", "-c", str(core), *command]
    run.directory.mkdir(parents=True, exist_ok=True)
    print(run.directory, flush=True)
    with open(f"{run.directory}.log", "ab") as log:
        return subprocess.Popen(command, stdout=log, stderr=subprocess.STDOUT)


if __name__ == "__main__":
    errors.run(
        lambda arguments: main(tyro.cli(Config, args=arguments, use_underscores=True))
    )
