"""Compares pretraining runs: a table, and their loss curves in one picture.

    python -m recipes.compare runs/bigs runs/bert --figure runs/loss.png

The runs may be finished or not; a step must have as many tokens in each.
"""

import csv
import json
import pathlib
from dataclasses import dataclass
from typing import Annotated

import tyro
from rich.console import Console
from rich.table import Table

from keras_bigs.data import open_shards
from recipes import commands
from recipes import training_report


@dataclass
class Config:
    """Compares pretraining runs."""

    runs: Annotated[tuple[pathlib.Path, ...], tyro.conf.Positional]
    """Output directories of `recipes.pretrain`, finished or not."""
    figure: pathlib.Path = pathlib.Path("runs/loss.png")
    """Where to write the loss curves."""


def main(config: Config):
    console = Console()
    table = Table("run", "block", "routing", "parameters", "million tokens", "loss")
    table.add_column("val. loss")
    table.add_column("val. accuracy")
    histories, tokens = {}, set()
    for run in config.runs:
        if not (run / "history.csv").exists():
            raise commands.ConfigError(f"{run} has no history.csv yet.")
        options = json.loads((run / "config.json").read_text(encoding="utf-8"))
        with open(run / "history.csv", encoding="utf-8", newline="") as file:
            rows = csv.DictReader(file)
            history = [{k: float(v) for k, v in row.items()} for row in rows]
        histories[run.name] = history
        step = options["batch_size"] * sequence_length(options)
        tokens.add(step)
        last = history[-1]
        table.add_row(
            run.name,
            options.get("block", ""),
            options.get("routing", ""),
            parameters(run),
            f"{last['step'] * step / 1e6:.1f}",
            f"{last['loss']:.3f}",
            *(f"{last[k]:.3f}" for k in ("val_loss", "val_accuracy") if k in last),
        )
    if len(tokens) > 1:
        raise commands.ConfigError(
            f"The runs differ in tokens a step: {sorted(tokens)}. Compare them apart."
        )
    console.print(table)
    training_report.plot(histories, tokens.pop(), config.figure)
    console.print(f"Wrote {config.figure}")


def parameters(run):
    """How many weights the model of a finished run has."""
    path = run / "results.json"
    if not path.exists():
        return "(running)"
    return f"{json.loads(path.read_text(encoding='utf-8'))['parameters']:,}"


def sequence_length(options):
    """The length of the sequences that a run was trained on."""
    shards = open_shards(options["data"], "train", verify=False)
    return shards[0].arrays["input_ids"].shape[1]


if __name__ == "__main__":
    commands.run(lambda: main(tyro.cli(Config)))
