"""A fine-tuning run and its directory: everything that it leaves behind."""

import json
import pathlib
import shlex
import shutil
import sys
import time
from collections.abc import Callable
from typing import Any
from typing import NamedTuple

import keras

from keras_bigs import files
from keras_bigs.training.figures import draw
from keras_bigs.training.fine_tuning import fine_tune
from keras_bigs.training.fine_tuning_report import plot_learning_curve


class Prepared(NamedTuple):
    """What a run trains and evaluates.

    Attributes:
        task: the task, untrained.
        train: batches for `fine_tune`.
        validation: what `evaluate` takes.
        evaluate: as for `fine_tune`; `None` for its default.
        metric: the metric that says what epoch is best; `None` for the default.
        report: a function of the task and `FineTuned` that writes what else the run
            leaves, and returns a dict that is added to the results.
        preset_files: a function of the results that returns texts by file name, which
            are kept within the preset.
    """

    task: Any
    train: Any
    validation: Any
    evaluate: Callable | None = None
    metric: str | None = None
    report: Callable | None = None
    preset_files: Callable | None = None


def fine_tuning_run(directory, encoder, options, data, prepare, verbose="auto"):
    """Fine-tunes a task once, and leaves all of it in a directory.

    There is, in the order in which it is written: `config.json`, the options;
    `command.txt`, the command of the process; `learning_curve.png`; what the task
    reports; `preset/`; and last `results.json`. Killed and called again with the same
    options, a run goes on and ends with the same bits. A finished one is only read.

    It sets Keras' seed and dtype policy to those of the options, and leaves them so.

    Args:
        directory: where.
        encoder: `EncoderConfig`.
        options: `FineTuningConfig`.
        data: dict of what else the result depends on, which JSON can hold.
        prepare: a function without arguments that returns `Prepared`; not called if the
            run is finished.
        verbose: as for `keras.Model.fit`.

    Returns:
        What is in `results.json`, a dict: `metrics`, those of the best epoch;
        `best_epoch`, counted from 1; `epochs`; `seconds`, of the process that ended it;
        `parameters`; `history`; and what the task reports.

    Raises:
        ConfigError: the directory has something else in it, or results of other
            options. As `fine_tune` does, else.
    """
    directory = pathlib.Path(directory)
    results_path, working = directory / "results.json", directory / "fine_tuning"
    with files.lock(directory):
        files.claim(
            directory,
            run_settings(encoder, options, data),
            lambda: results_path.exists() or any(working.glob("checkpoints/[0-9]*")),
        )
        if results_path.exists():
            shutil.rmtree(working, ignore_errors=True)
            return json.loads(results_path.read_text(encoding="utf-8"))
        command = f"KERAS_BACKEND={keras.config.backend()} {shlex.join(sys.orig_argv)}"
        files.write_text(directory / "command.txt", f"{command}\n")
        prepared = prepare()
        start = time.time()
        tuned = fine_tune(
            prepared.task,
            prepared.train,
            prepared.validation,
            working,
            learning_rate=options.learning_rate,
            epochs=options.epochs,
            warmup_proportion=options.warmup_proportion,
            weight_decay=options.weight_decay,
            decay=options.decay,
            metric=prepared.metric,
            patience=options.patience,
            evaluate=prepared.evaluate,
            save_every=options.save_every,
            verbose=verbose,
        )
        results = {
            "metrics": validation_metrics(tuned.best),
            "best_epoch": tuned.history.index(tuned.best) + 1,
            "epochs": len(tuned.history),
            "seconds": round(time.time() - start, 1),
            "parameters": prepared.task.count_params(),
            "history": tuned.history,
        }
        draw(
            plot_learning_curve,
            directory / "learning_curve.png",
            tuned.history,
            tuned.metric,
        )
        if prepared.report is not None:
            results |= prepared.report(prepared.task, tuned)
        _save_preset(directory / "preset", prepared, results)
        files.write_text(results_path, json.dumps(results, indent=2))
        # All is safe that was kept to go on.
        shutil.rmtree(working)
        return results


def run_settings(encoder, options, data):
    """All that the result of a run depends on: a dict of the options and the backend.

    Args:
        encoder, options, data: as for `fine_tuning_run`.
    """
    backend = {"backend": keras.config.backend()}
    return {**encoder.settings(), **options.settings(), **data, **backend}


def validation_metrics(epoch):
    """The metrics of the validation data among the logs of an epoch."""
    return {
        name.removeprefix("val_"): value
        for name, value in epoch.items()
        if name.startswith("val_")
    }


def _save_preset(preset, prepared, results):
    if preset.exists():  # of a process that was killed after this
        return
    with files.atomic_write(preset) as temporary:
        prepared.task.save_to_preset(str(temporary))
        if prepared.preset_files is not None:
            for name, text in prepared.preset_files(results).items():
                (temporary / name).write_text(text, encoding="utf-8")
