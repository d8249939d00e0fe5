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
    check(config)
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
    running = {}
    try:
        while waiting or running:
            for place in range(config.jobs):
                if waiting and place not in running:
                    running[place] = start(waiting.pop(0), place, config)
            time.sleep(2)
            for place, process in [*running.items()]:
                if process.poll() is not None:
                    del running[place]
                    if process.returncode:
                        raise errors.ConfigError(
                            f"{' '.join(process.args)} failed: see its log."
                        )
    finally:
        for process in running.values():
            process.terminate()  # it keeps a checkpoint
        for process in running.values():
            process.wait()


def check(config):
    """Finds out, before any work, whether options go together."""
    if unknown := {*config.architectures} - runs.ARCHITECTURES.keys():
        raise errors.ConfigError(
            f"--architectures {' '.join(sorted(unknown))}: choose among "
            f"{list(runs.ARCHITECTURES)}."
        )
    if config.jobs < 1:
        raise errors.ConfigError(f"--jobs {config.jobs}: at least 1.")
    sizes = ("search_steps", "steps", "batch_size")
    changed = [f"--{n}" for n in sizes if getattr(config, n) != getattr(Config, n)]
    if changed and config.records == HERE:
        raise errors.ConfigError(
            f"{', '.join(changed)}: runs recorded in {HERE} are of other sizes. Name "
            "another folder by --records."
        )


def start(run, place, config):
    """Starts a run, with its own log, and its own core if there are several."""
    command = [sys.executable, "-m", *run.arguments]
    if config.jobs > 1 and hasattr(os, "sched_getaffinity"):
        cores = sorted(os.sched_getaffinity(0))
        command = ["taskset", "-c", str(cores[place % len(cores)]), *command]
    run.directory.mkdir(parents=True, exist_ok=True)
    print(run.directory, flush=True)
    with open(f"{run.directory}.log", "ab") as log:
        return subprocess.Popen(command, stdout=log, stderr=subprocess.STDOUT)


if __name__ == "__main__":
    errors.run(
        lambda arguments: main(tyro.cli(Config, args=arguments, use_underscores=True))
    )
