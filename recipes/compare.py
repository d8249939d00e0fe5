"""Compares pretraining runs: a table, and their loss curves in one picture.

    python -m recipes.compare runs/bigs runs/bert --figure runs/loss.png

The runs may be finished or not.
"""

import json
import pathlib
from dataclasses import dataclass
from typing import Annotated

import tyro
from rich.table import Table

from keras_bigs import errors
from keras_bigs import files
from keras_bigs.training import report
from keras_bigs.training.command_line import parse_config
from keras_bigs.training.tables import show


@dataclass
class Config:
    """Compares pretraining runs."""

    runs: Annotated[tuple[pathlib.Path, ...], tyro.conf.Positional]
    """Output directories of `recipes.pretrain` or `recipes.extend`, finished or not."""
    figure: pathlib.Path = pathlib.Path("runs/loss.png")
    """Where to write the loss curves."""


def main(config: Config):
    table = Table("run", "block", "routing", "parameters", "million tokens", "loss")
    table.add_column("val. loss")
    table.add_column("val. accuracy")
    table.caption = "Tokens: padding not counted."
    histories = {}
    for run in config.runs:
        if not (history := report.read_history(run)):
            print(f"{run} has no history.csv with tokens and is left out.")
            continue
        options = architecture(run)
        name, last = label(run, config.runs), history[-1]
        histories[name] = history
        table.add_row(
            name,
            options.get("block", ""),
            options.get("routing", ""),
            parameters(run),
            f"{last['tokens'] / 1e6:.1f}",
            f"{last['loss']:.3f}",
            *(f"{last[k]:.3f}" for k in ("val_loss", "val_accuracy") if k in last),
        )
    if not histories:
        raise errors.ConfigError("None of the runs has a history.csv with tokens yet.")
    show(table)
    report.plot(histories, config.figure)
    print(f"Wrote {config.figure}")


def label(run, runs):
    """The name of a run; its path, if another has the same name."""
    same = [other for other in runs if other.name == run.name]
    return run.name if len(same) == 1 else str(run)


def architecture(run):
    """A dict of `block` and `routing`; empty for an unfinished run of `extend`."""
    path = run / "preset" / "config.json"
    if path.exists():
        return json.loads(path.read_text(encoding="utf-8"))["config"]
    return json.loads((run / "config.json").read_text(encoding="utf-8"))


def parameters(run):
    """How many weights the model of a finished run has."""
    path = run / "results.json"
    if not path.exists():
        return "(running)"
    return f"{json.loads(path.read_text(encoding='utf-8'))['parameters']:,}"


if __name__ == "__main__":
    errors.run(files.on_disk(lambda arguments: main(parse_config(Config, arguments))))
