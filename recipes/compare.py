"""Compares pretraining runs: a table, and their loss curves in one picture.

    python -m recipes.compare runs/bigs runs/bert --figure runs/loss.png

The runs may be finished or not.
"""

import csv
import json
import pathlib
from dataclasses import dataclass
from typing import Annotated

import tyro
from rich.console import Console
from rich.table import Table

from keras_bigs import errors
from keras_bigs.training import report as training_report


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
    curves = {}
    for run in config.runs:
        if not (run / "history.csv").exists():
            message = f"{run} has no history.csv and is left out."
            console.print(message, soft_wrap=True)
            continue
        options = json.loads((run / "config.json").read_text(encoding="utf-8"))
        with open(run / "history.csv", encoding="utf-8", newline="") as file:
            rows = csv.DictReader(file)
            history = [{k: float(v) for k, v in row.items()} for row in rows]
        name, step = label(run, config.runs), options["tokens_per_step"]
        curves[name] = (history, step)
        last = history[-1]
        table.add_row(
            name,
            options.get("block", ""),
            options.get("routing", ""),
            parameters(run),
            f"{last['step'] * step / 1e6:.1f}",
            f"{last['loss']:.3f}",
            *(f"{last[k]:.3f}" for k in ("val_loss", "val_accuracy") if k in last),
        )
    if not curves:
        raise errors.ConfigError("None of the runs has a history.csv yet.")
    console.print(table)
    training_report.plot(curves, config.figure)
    console.print(f"Wrote {config.figure}")


def label(run, runs):
    """The name of a run; its path, if another has the same name."""
    same = [other for other in runs if other.name == run.name]
    return run.name if len(same) == 1 else str(run)


def parameters(run):
    """How many weights the model of a finished run has."""
    path = run / "results.json"
    if not path.exists():
        return "(running)"
    return f"{json.loads(path.read_text(encoding='utf-8'))['parameters']:,}"


if __name__ == "__main__":
    errors.run(lambda arguments: main(tyro.cli(Config, args=arguments)))
