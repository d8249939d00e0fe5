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
from keras_bigs.errors import TrainingDivergedError
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
) -> list[dict]:
    """Runs what the ledger of a directory does not have yet.

    Killed and called again, it goes on with the run that was interrupted. Each run has
    a directory of its own. Of the presets of one call, that of its best run is kept. A
    run that diverges would do so again: that is its result.

    Args:
        directory: gets `ledger.jsonl`, and `<task>/<run>/` for each run.
        task: the name of the task.
        settings: what the results depend on beside `options`; see `run_settings`.
        options: one `FineTuningConfig` a run.
        run: a function of one of them and a directory that fine-tunes and returns the
            results, see `fine_tuning_run`.
        metric: the metric that says which run is best: the higher the better.
        keep_presets: bool. Whether to keep the presets of all runs.

    Returns:
        The rows of these runs in the `Ledger`; `directory` in their results is within
        that of the ledger.

    Raises:
        ConfigError: another process writes to the directory.
    """
    directory = pathlib.Path(directory)
    rows = []
    with files.lock(directory):
        ledger = Ledger(directory / "ledger.jsonl")
        for number, one in enumerate(options, 1):
            key = {"task": task, **settings, **one.settings()}
            where = f"{task}/{run_name(key)}"
            row = ledger.find(key)
            done = "" if row is None else " is in the ledger"
            print(f"Run {number} of {len(options)}: {where}{done}")
            if row is None:
                try:
                    result = run(one, directory / where)
                except TrainingDivergedError as error:
                    result = {"diverged": str(error)}
                result.pop("history", None)  # in the run's own results.json
                row = ledger.add(key, {**result, "directory": where})
                if not keep_presets:
                    _drop_worse_preset(directory, best_row(rows, metric), row, metric)
            rows.append(row)
    return rows


def _drop_worse_preset(directory, best, row, metric):
    """Deletes the preset of a new run, or of the best one before it."""
    if best is not None:
        worse = best if best_row([best, row], metric) is row else row
        preset = directory / worse["result"]["directory"] / "preset"
        shutil.rmtree(preset, ignore_errors=True)


def best_row(rows: list[dict], metric: str) -> dict | None:
    """The first of the rows with the highest metric; `None` if none has any."""
    scored = [row for row in rows if "metrics" in row["result"]]
    return max(scored, key=lambda row: row["result"]["metrics"][metric], default=None)


def run_name(settings: dict) -> str:
    """A short name of a directory for a run, one for each of its settings."""
    digest = files.sha256(json.dumps(settings, sort_keys=True, default=str))[:6]
    return f"{setting_name(settings)}-seed{settings['seed']}-{digest}"
