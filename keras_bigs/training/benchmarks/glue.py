"""Fine-tuning on a task of GLUE (paper, section 6.1 and table 8)."""

import json
import pathlib

import keras
import rich

from keras_bigs import files
from keras_bigs.data.glue.reading import read_glue
from keras_bigs.data.glue.submission import write_submission
from keras_bigs.data.glue.tasks import GLUE_TASKS
from keras_bigs.data.tables.labels import encode_labels
from keras_bigs.data.tables.labels import encode_targets
from keras_bigs.errors import ConfigError
from keras_bigs.training.benchmarks import paper
from keras_bigs.training.benchmarks.grid import best_row
from keras_bigs.training.benchmarks.grid import run_grid
from keras_bigs.training.benchmarks.ledger import summarize
from keras_bigs.training.benchmarks.tables import markdown
from keras_bigs.training.benchmarks.tables import plot_scores
from keras_bigs.training.benchmarks.tables import score_table
from keras_bigs.training.classifier_run import ClassifierData
from keras_bigs.training.classifier_run import classifier_run
from keras_bigs.training.figures import draw

# By the convention of Izsak et al. 2021: these start from a model of MNLI.
FROM_MNLI = ("rte", "mrpc", "stsb")
# The diagnostic set, which MNLI's models predict.
DIAGNOSTIC = "ax"
# Columns of the paper's table 1 that are shown beside results.
COLUMNS = ("BERT, 11B", "BiGS, 11B", "BiGS, 97B")


def task_names(names):
    """Names of tasks that can be trained, for names of them or "all".

    Raises:
        ConfigError: there is no such task.
    """
    known = [name for name in GLUE_TASKS if name != DIAGNOSTIC]
    if unknown := {*names} - {*known, "all"}:
        raise ConfigError(
            f"--task {sorted(unknown)[0]} is not one of {[*known, 'all']}."
            + (
                f" {DIAGNOSTIC} is predicted with mnli by --predict_test."
                if DIAGNOSTIC in unknown
                else ""
            )
        )
    return known if "all" in names else list(dict.fromkeys(names))


def load_glue(
    name, data_dir=None, tfds_dir=None, predict_test=False, train_examples=None
):
    """Reads a task of GLUE.

    Args:
        name: of a task in `GLUE_TASKS`, but not "ax".
        data_dir, tfds_dir: as for `read_glue`.
        predict_test: bool. Whether to read what the leaderboard wants predictions for:
            the test splits, and with "mnli" the diagnostic set, as "ax".
        train_examples: int. How many training examples to draw at random, of tasks that
            have more; `None` for all.

    Returns:
        `ClassifierData`: development splits to validate on, test splits as new.

    Raises:
        DataError: a file is missing or damaged.

    Example:
    ```python
    data = keras_bigs.training.benchmarks.load_glue("cola", data_dir="glue_data")
    texts, labels = data.train
    ```
    """
    task = GLUE_TASKS[name]

    def read(split, task=task):
        return read_glue(task, split, data_dir, tfds_dir)

    def labelled(split, number=None):
        table = read(split)
        if number is not None and number < len(table):
            table = table.draw(number)
        if task.classes is None:
            return table.x, encode_targets(table)
        return table.x, encode_labels(table, task.classes)

    new = {}
    if predict_test:
        new = {split: read(split).x for split in task.test_splits}
        if name == "mnli":
            new[DIAGNOSTIC] = read("test", GLUE_TASKS[DIAGNOSTIC]).x
    return ClassifierData(
        train=labelled("train", train_examples),
        validation={split: labelled(split) for split in task.dev_splits},
        classes=None if task.classes is None else list(task.classes),
        new=new,
    )


def fine_tune_glue(name, data, encoder, options, settings, directory, verbose="auto"):
    """Fine-tunes a classifier on a task, or a regressor on STS-B.

    The best epoch is that of the metric in the paper's table 1. See `classifier_run`;
    with test splits there is `test_predictions.json` too, for `write_submission`.

    Args:
        name: of the task.
        data: what `load_glue` returns.
        encoder: `EncoderConfig`.
        options: `FineTuningConfig`.
        settings: as for `fine_tuning_run`.
        directory: where.
        verbose: as for `keras.Model.fit`.

    Returns:
        As `classifier_run`.
    """

    def report(outputs, results):
        predictions = {
            split: (x[:, 0] if data.classes is None else x.argmax(-1)).tolist()
            for split, x in outputs.items()
            if split in data.new
        }
        if predictions:
            path = directory / "test_predictions.json"
            files.write_text(path, json.dumps(predictions))
        return {}

    return classifier_run(
        directory,
        data,
        encoder,
        options,
        settings,
        metric=GLUE_TASKS[name].paper_metric,
        report=report,
        verbose=verbose,
    )


def glue_grid(directory, name, data, encoder, options, keep_presets=False):
    """Fine-tunes on a task once for each of several options; see `run_grid`.

    Args:
        directory: of the ledger.
        name: of the task.
        data: what `load_glue` returns.
        encoder: `EncoderConfig`.
        options: list of `FineTuningConfig`.
        keep_presets: bool.

    Returns:
        Rows of the `Ledger`.
    """
    return run_grid(
        directory,
        name,
        {
            **vars(encoder),
            "data_sha256": data.fingerprint(),
            "backend": keras.config.backend(),
        },
        options,
        lambda one, settings, where: fine_tune_glue(
            name, data, encoder, one, settings, where
        ),
        GLUE_TASKS[name].paper_metric,
        keep_presets,
    )


def report(directory, rows):
    """Prints, writes and draws the scores beside the paper's table 1.

    Args:
        directory: gets `glue.md` and `glue.png`.
        rows: rows of the `Ledger` by the name of the task.
    """
    groups = {}
    for name, runs in rows.items():
        metric = GLUE_TASKS[name].paper_metric
        groups[name] = summarize(runs, metric)
    columns = {column: paper.GLUE[column] for column in COLUMNS}
    table = score_table("GLUE, development sets, %", groups, columns)
    table.caption = (
        "F1 of MRPC and QQP, Matthews' correlation of CoLA, Spearman's of STS-B, else "
        "accuracy. BERT, BiGS: the paper's, large, means of six."
    )
    rich.print(table)
    files.write_text(pathlib.Path(directory) / "glue.md", markdown(table))
    draw(plot_scores, pathlib.Path(directory) / "glue.png", groups, columns)


def submit(directory, rows):
    """Writes `submission.zip` with the predictions of the best run of each task.

    Args:
        directory: where.
        rows: rows of the `Ledger` by the name of the task, of runs with test sets.
    """
    predictions = {}
    for name, runs in rows.items():
        best = best_row(runs, GLUE_TASKS[name].paper_metric)
        path = pathlib.Path(best["result"]["directory"]) / "test_predictions.json"
        if not path.exists():
            raise ConfigError(
                f"{path} is missing: the best run of {name} was made without "
                "--predict_test, or its directory is gone. Name another --output."
            )
        splits = json.loads(path.read_text(encoding="utf-8"))
        if DIAGNOSTIC in splits:
            predictions[DIAGNOSTIC] = {"test": splits.pop(DIAGNOSTIC)}
        predictions[name] = splits
    path = pathlib.Path(directory) / "submission.zip"
    placeholders = write_submission(path, predictions)
    print(f"Wrote {path}")
    if placeholders:
        print(f"Placeholders, which are no results: {', '.join(placeholders)}")
