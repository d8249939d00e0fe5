"""What finished runs came to, in three small tables that are kept in the repository.

Runs are hours of a core, and need not all be made on one machine: what is recorded
counts as done. `report` adds what it finds to the tables.
"""

import csv
import json

from keras_bigs.data.tables import write_table
from keras_bigs.training.benchmarks.ledger import Ledger
from keras_bigs.training.report import read_history

SEARCH = ("architecture", "learning_rate", "val_loss")
CURVES = (
    "architecture",
    "seed",
    "learning_rate",
    "step",
    "tokens",
    "loss",
    "val_loss",
    "val_accuracy",
)
SCORES = ("architecture", "seed", "measure", "score")
METRICS = {"cola": "matthews", "sst2": "accuracy"}


def searched(directory):
    """Held-out losses of short runs, by architecture and learning rate."""
    return {
        (row["architecture"], float(row["learning_rate"])): float(row["val_loss"])
        for row in _read(directory / "search.csv")
    }


def trained(directory):
    """Evaluations of long runs on their way, lists by architecture and seed."""
    histories = {}
    for row in _read(directory / "curves.csv"):
        run = row.pop("architecture"), int(row.pop("seed"))
        epoch = {name: float(value) for name, value in row.items()}
        histories.setdefault(run, []).append(epoch)
    return histories


def scored(directory):
    """Scores of long runs, by architecture, seed and measure."""
    return {
        (row["architecture"], int(row["seed"]), row["measure"]): float(row["score"])
        for row in _read(directory / "scores.csv")
    }


def write(directory, searched, trained, scored):
    """Writes the tables of all runs."""
    _write(
        directory / "search.csv",
        SEARCH,
        [(*run, _short(loss, 6)) for run, loss in sorted(searched.items())],
    )
    _write(
        directory / "curves.csv",
        CURVES,
        [
            (*run, *(_short(epoch[column], 8) for column in CURVES[2:]))
            for run, history in sorted(trained.items())
            for epoch in history
        ],
    )
    _write(
        directory / "scores.csv",
        SCORES,
        [(*run, _short(score, 6)) for run, score in sorted(scored.items())],
    )


def loss_of(directory, steps):
    """The held-out loss of a short run; `None` if it is not finished, or not of so
    many updates."""
    if _options_of_finished(directory, steps) is None:
        return None
    text = (directory / "results.json").read_text(encoding="utf-8")
    return json.loads(text)["val_loss"]


def history_of(directory, steps):
    """The evaluations of a long run; `None` as for `loss_of`."""
    options = _options_of_finished(directory, steps)
    if options is None:
        return None
    # The rate of each epoch is that of its last update; the peak is of interest.
    peak = {"learning_rate": options["learning_rate"]}
    return [epoch | peak for epoch in read_history(directory)]


def scores_of(directory):
    """What a long run was found to be worth, by the name of the measure."""
    scores = {}
    for task, metric in METRICS.items():
        for row in Ledger(directory / task / "ledger.jsonl").rows:
            # One that diverged has none.
            if "metrics" in row["result"]:
                scores[task] = row["result"]["metrics"][metric]
    for measure in ("agreement", "linzen"):
        path = directory / measure / "results.json"
        if path.exists():
            (groups,) = json.loads(path.read_text("utf-8"))["models"].values()
            for attractors, result in groups.items():
                scores[f"{measure} {attractors}"] = result["all"]["accuracy"]
    return scores


def _options_of_finished(directory, steps):
    """Of a run that has come to its end, of so many updates; otherwise `None`."""
    if not (directory / "results.json").exists():
        return None
    options = json.loads((directory / "config.json").read_text(encoding="utf-8"))
    return options if options["steps"] == steps else None


def _read(path):
    if not path.exists():
        return []
    return list(csv.DictReader(path.read_text(encoding="utf-8").splitlines()))


def _write(path, columns, rows):
    cells = zip(*rows, strict=True) if rows else ([] for _ in columns)
    write_table(path, dict(zip(columns, map(list, cells), strict=True)))


def _short(number, digits):
    short = float(f"{number:.{digits}g}")
    return int(short) if short.is_integer() else short
