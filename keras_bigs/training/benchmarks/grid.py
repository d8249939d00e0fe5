"""All combinations of a few settings, each with several seeds, computed once."""

import dataclasses
import itertools
import json
import pathlib
import shutil
from collections.abc import Callable
from dataclasses import dataclass

from keras_bigs import files
from keras_bigs.errors import ConfigError
from keras_bigs.training.benchmarks.ledger import Ledger
from keras_bigs.training.benchmarks.tables import setting_name
from keras_bigs.training.fine_tuning_config import FineTuningConfig


@dataclass(kw_only=True)
class Grid:
    """What to try: every combination, each with every seed."""

    learning_rates: tuple[float, ...] = (3e-5,)
    """Peak learning rates: about 5e-4 from scratch, 1e-5 to 6e-5 from a preset."""
    weight_decays: tuple[float, ...] = (0.01,)
    """Weight decays of all but biases, norms and SSMs."""
    batch_sizes: tuple[int, ...] = (16,)
    """Examples a step."""
    epochs: tuple[int, ...] = (3,)
    """Numbers of epochs."""
    seeds: tuple[int, ...] = (0, 1, 2, 3, 4, 5)
    """Seeds of new weights, dropout and the order of examples."""

    def check(self, options: FineTuningConfig) -> None:
        """Raises `ConfigError` if there is nothing to try, or a value out of range."""
        for field in dataclasses.fields(self):
            values = getattr(self, field.name)
            if not values or len(set(values)) < len(values):
                raise ConfigError(
                    f"--{field.name} needs one or more different values. Received: "
                    f"{' '.join(map(str, values)) or 'none'}"
                )
        for one in self.options(options):
            one.check()

    def options(self, options: FineTuningConfig) -> list[FineTuningConfig]:
        """`options` with each combination, those of a seed after all of the last."""
        combinations = itertools.product(
            self.seeds,
            self.learning_rates,
            self.weight_decays,
            self.batch_sizes,
            self.epochs,
        )
        return [
            dataclasses.replace(
                options,
                seed=seed,
                learning_rate=learning_rate,
                weight_decay=weight_decay,
                batch_size=batch_size,
                epochs=epochs,
            )
            for seed, learning_rate, weight_decay, batch_size, epochs in combinations
        ]


def run_grid(
    directory,
    task: str,
    settings: dict,
    options: list[FineTuningConfig],
    run: Callable,
    metric: str,
    keep_presets: bool = False,
    say: Callable = print,
) -> list[dict]:
    """Runs what the ledger of a directory does not have yet.

    Killed and called again, it goes on with the run that was interrupted. Each run has
    a directory of its own; of presets, only that of the best run is kept.

    Args:
        directory: gets `ledger.jsonl`, and `<task>/<run>/` for each run.
        task: the name of the task.
        settings: what the results depend on beside `options`, which JSON can hold.
        options: one `FineTuningConfig` a run.
        run: a function of one of them, all settings of the run and its directory that
            fine-tunes and returns the results, see `fine_tuning_run`.
        metric: the metric that says which run is best: the higher the better.
        keep_presets: bool. Whether to keep the presets of all runs.
        say: a function of a line that tells how far it is.

    Returns:
        The rows of these runs in the `Ledger`.
    """
    directory = pathlib.Path(directory)
    ledger = Ledger(directory / "ledger.jsonl")
    rows = []
    for number, one in enumerate(options, 1):
        key = {"task": task, **settings, **one.settings()}
        name = run_name(key)
        row = ledger.find(key)
        done = "" if row is None else " is in the ledger"
        say(f"{task}, run {number} of {len(options)}: {name}{done}")
        if row is None:
            where = directory / task / name
            result = {**run(one, key, where), "directory": str(where)}
            result.pop("history", None)  # in the run's own results.json
            row = ledger.add(key, result)
        rows.append(row)
    best = best_row(rows, metric)
    for row in rows:
        preset = pathlib.Path(row["result"]["directory"]) / "preset"
        if row is not best and preset.exists() and not keep_presets:
            shutil.rmtree(preset)
    return rows


def best_row(rows: list[dict], metric: str) -> dict:
    """The first of the rows with the highest metric."""
    return max(rows, key=lambda row: row["result"]["metrics"][metric])


def run_name(settings: dict) -> str:
    """A short name of a directory for a run, one for each of its settings."""
    digest = files.sha256(json.dumps(settings, sort_keys=True, default=str))[:6]
    return f"{setting_name(settings)}-seed{settings['seed']}-{digest}"
