"""The paper's four architectures, pretrained alike: the runs of `architectures.md`.

    python -m recipes.prepare train.txt --validation valid.txt --output shards \\
        --vocabulary_size 8000 --short_sequence_probability 0
    KERAS_BACKEND=torch python -m benchmarks.architectures search --data shards
    KERAS_BACKEND=torch python -m benchmarks.architectures train --data shards
    python -m benchmarks.architectures report

`search` tries each learning rate on a short run of each architecture; `train` trains
each with the rate of the least held-out loss, with several seeds. They start
`recipes.pretrain` once a run, so that a run that is stopped goes on with the same
command; runs that are finished are passed over. `--jobs 2` keeps two going, with one
core each. `report` writes what came of them: tables, curves as CSV, figures.
"""

import dataclasses
import os
import pathlib
import subprocess
import sys
import time
from typing import Literal

import tyro

from benchmarks import architecture_report
from benchmarks.architecture_runs import ARCHITECTURES
from benchmarks.architecture_runs import LAYERS
from benchmarks.architecture_runs import WIDTH
from benchmarks.architecture_runs import slug
from keras_bigs.errors import ConfigError


@dataclasses.dataclass
class Config:
    """Pretrains the paper's four architectures alike."""

    action: tyro.conf.Positional[Literal["search", "train", "report"]]
    """What to do."""
    data: pathlib.Path = pathlib.Path("runs/architectures/shards")
    """The shards of `recipes.prepare`."""
    output: pathlib.Path = pathlib.Path("runs/architectures")
    """Where the runs are."""
    architectures: tuple[str, ...] = tuple(ARCHITECTURES)
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
    if unknown := {*config.architectures} - ARCHITECTURES.keys():
        raise ConfigError(
            f"--architectures {' '.join(sorted(unknown))}: choose among "
            f"{list(ARCHITECTURES)}."
        )
    if config.action == "report":
        architecture_report.write(config.output)
        return
    runs = search_runs(config) if config.action == "search" else train_runs(config)
    waiting = [run for run in runs if not (run[0] / "results.json").exists()]
    print(f"{len(runs) - len(waiting)} of {len(runs)} runs are finished")
    running = []
    cores = sorted(os.sched_getaffinity(0))[: config.jobs]
    while waiting or running:
        for core in [c for c in cores if c not in {c for c, _ in running}]:
            if waiting:
                running.append((core, start(*waiting.pop(0), core, config)))
        time.sleep(2)
        for _, process in running:
            if process.poll() not in (None, 0):
                raise ConfigError(f"{' '.join(process.args)} failed: see its log.")
        running = [
            (core, process) for core, process in running if process.poll() is None
        ]


def search_runs(config):
    """Directories and options of the short runs."""
    return [
        (
            config.output / "search" / f"{slug(name)}-{rate:g}",
            ARCHITECTURES[name]
            | {"learning_rate": rate}
            | evaluated(4, config.search_steps),
        )
        for rate in config.learning_rates
        for name in config.architectures
    ]


def train_runs(config):
    """Directories and options of the long runs."""
    rates = {
        name: architecture_report.best_rate(config.output / "search", name)
        for name in config.architectures
    }
    return [
        (
            config.output / "train" / f"{slug(name)}-seed{seed}",
            ARCHITECTURES[name]
            | {"learning_rate": rates[name], "seed": seed}
            | evaluated(20, config.steps),
        )
        for seed in config.seeds
        for name in config.architectures
    ]


def evaluated(times, steps):
    """Options of a run of so many updates, evaluated and saved so many times."""
    period = steps // times
    return {"steps": steps, "steps_per_epoch": period, "save_every": period}


def start(directory, options, core, config):
    """Starts a run, with its own log."""
    options = {
        "data": config.data,
        "output": directory,
        "num_layers": LAYERS,
        "hidden_dim": WIDTH,
        "dropout": 0.0,
        "dtype": "mixed_bfloat16",
        "warmup_proportion": 0.1,
        "batch_size": config.batch_size,
        "validation_examples": 2048,
        "keep": 20,
        **options,
    }
    arguments = [f"--{name}={value}" for name, value in options.items()]
    command = [sys.executable, "-m", "recipes.pretrain", "mini", *arguments]
    if config.jobs > 1:
        command = ["taskset", "-c", str(core), *command]
    directory.mkdir(parents=True, exist_ok=True)
    print(directory, flush=True)
    with open(f"{directory}.log", "ab") as log:
        return subprocess.Popen(command, stdout=log, stderr=subprocess.STDOUT)


if __name__ == "__main__":
    main(tyro.cli(Config, use_underscores=True))
