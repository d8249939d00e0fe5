"""Fine-tuning on a task of GLUE (paper, section 6.1 and table 8)."""

import pathlib
import statistics
import warnings

from keras_bigs import files
from keras_bigs.data.glue.reading import read_glue
from keras_bigs.data.glue.submission import write_submission
from keras_bigs.data.glue.tasks import GLUE_TASKS
from keras_bigs.data.tables.labels import encode_labels
from keras_bigs.data.tables.labels import encode_targets
from keras_bigs.errors import ConfigError
from keras_bigs.errors import DataError
from keras_bigs.models import BiGSTextClassifier
from keras_bigs.training.benchmarks import paper
from keras_bigs.training.benchmarks.grid import best_row
from keras_bigs.training.benchmarks.grid import run_grid
from keras_bigs.training.benchmarks.ledger import summarize
from keras_bigs.training.benchmarks.tables import plot_scores
from keras_bigs.training.benchmarks.tables import score_table
from keras_bigs.training.classifier_run import ClassifierData
from keras_bigs.training.classifier_run import classifier_run
from keras_bigs.training.classifier_run import predict_with_preset
from keras_bigs.training.figures import draw
from keras_bigs.training.fine_tuning_run import run_settings
from keras_bigs.training.tables import markdown
from keras_bigs.training.tables import show

# By the convention of Izsak et al. 2021: these start from a model of MNLI.
FROM_MNLI = ("rte", "mrpc", "stsb")
# The diagnostic set, which MNLI's models predict.
DIAGNOSTIC = "ax"
# Columns of the paper's table 1 that are shown beside results.
COLUMNS = ("BERT, 11B", "STACK/SSM, 11B", "GATED/ATT, 11B", "BiGS, 11B", "BiGS, 97B")


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


def load_glue(name, data_dir=None, tfds_dir=None, train_examples=None):
    """Reads the training and development splits of a task of GLUE.

    Args:
        name: of a task in `GLUE_TASKS`, but not "ax".
        data_dir, tfds_dir: as for `read_glue`.
        train_examples: int. How many training examples to draw at random, of tasks that
            have more; `None` for all.

    Returns:
        `ClassifierData`, whose notes say what is not official.

    Raises:
        DataError: a file is missing or damaged.

    Example:
    ```python
    data = keras_bigs.training.benchmarks.load_glue("cola", data_dir="glue_data")
    texts, labels = data.train
    ```
    """
    task, notes = GLUE_TASKS[name], []

    def labelled(split, number=None):
        with warnings.catch_warnings(record=True) as caught:
            warnings.simplefilter("always")
            table = read_glue(task, split, data_dir, tfds_dir)
        notes.extend(f"{name}: {warning.message}" for warning in caught)
        if number is not None and number < len(table):
            notes.append(f"{name}: {number:,} of {len(table):,} training examples.")
            table = table.draw(number)
        if task.classes is None:
            return table.x, encode_targets(table)
        return table.x, encode_labels(table, task.classes)

    return ClassifierData(
        train=labelled("train", train_examples),
        validation={split: labelled(split) for split in task.dev_splits},
        classes=None if task.classes is None else list(task.classes),
        notes=tuple(notes),
    )


def load_test_sets(name, data_dir=None, tfds_dir=None):
    """Reads what the leaderboard wants predictions for.

    Args:
        name: of a task in `GLUE_TASKS`; with "mnli" the diagnostic set, "ax", too.
        data_dir, tfds_dir: as for `read_glue`.

    Returns:
        dict of dicts of texts, or of tuples of both texts, by the name of the task and
        of the split.

    Raises:
        DataError: a file is missing or damaged, or has not as many rows as the official
            one.
    """
    sets = {}
    for task in (name, DIAGNOSTIC) if name == "mnli" else (name,):
        sets[task] = {}
        for split in GLUE_TASKS[task].test_splits:
            table = read_glue(GLUE_TASKS[task], split, data_dir, tfds_dir)
            expected = GLUE_TASKS[task].num_examples[split]
            if len(table) != expected:
                raise DataError(
                    f"{table.path} has {len(table):,} rows, and the leaderboard wants "
                    f"predictions for the official {expected:,}. Download it again, or "
                    "go without --predict_test."
                )
            sets[task][split] = table.x
    return sets


def fine_tune_glue(directory, name, data, encoder, options, verbose="auto"):
    """Fine-tunes a classifier on a task, or a regressor on STS-B.

    The best epoch is that of the metric in the paper's table 1. See `classifier_run`
    for what the run leaves.

    Args:
        directory: where.
        name: of the task.
        data: what `load_glue` returns.
        encoder: `EncoderConfig`.
        options: `FineTuningConfig`.
        verbose: as for `keras.Model.fit`.

    Returns:
        As `classifier_run`.
    """
    return classifier_run(
        directory,
        data,
        encoder,
        options,
        metric=GLUE_TASKS[name].paper_metric,
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
        # Once: it reads all files of a preset. Each run has options of its own.
        run_settings(encoder, options[0], {"data_sha256": data.fingerprint}),
        options,
        lambda one, where: fine_tune_glue(where, name, data, encoder, one),
        GLUE_TASKS[name].paper_metric,
        keep_presets,
    )


def report(directory, rows, notes=()):
    """Prints, writes and draws the scores beside the paper's table 1.

    Args:
        directory: gets `glue.md` and `glue.png`.
        rows: rows of the `Ledger` by the name of the task.
        notes: what is said below the table.
    """
    groups, others = {}, {}
    for name, runs in rows.items():
        task = GLUE_TASKS[name]
        groups[name] = summarize(runs, task.paper_metric)
        for metric in task.metrics:
            if metric != task.paper_metric:
                others[f"{name}, {metric}"] = summarize(runs, metric)
        for split in task.dev_splits[1:]:
            of_split = [
                {**row, "result": {"metrics": row["result"]["splits"][split]}}
                for row in runs
                if "splits" in row["result"]
            ]
            others[f"{name}, {split}"] = summarize(of_split, task.paper_metric)
    diverged = [
        f"{name}: all {len(rows[name])} runs diverged. Try a lower learning rate."
        for name, summaries in groups.items()
        if not summaries
    ]
    groups = {name: summaries for name, summaries in groups.items() if summaries}
    columns = {column: paper.GLUE[column] for column in COLUMNS}
    caption = [
        "F1 of MRPC and QQP, Matthews' correlation of CoLA, Spearman's of STS-B, else "
        "accuracy. BERT to BiGS: the paper's, large, means of six.",
        *diverged,
        *notes,
    ]
    if groups.keys() >= paper.GLUE[COLUMNS[0]].keys():
        best = [groups[name][0]["mean"] for name in paper.GLUE[COLUMNS[0]]]
        averages = ", ".join(
            f"{column} {statistics.fmean(scores.values()):.1f}"
            for column, scores in columns.items()
        )
        caption.insert(
            0,
            f"Average of the best setting of each of the paper's eight tasks: "
            f"{100 * statistics.fmean(best):.1f} ({averages}).",
        )
    table = score_table("GLUE, development sets, %", groups | others, columns)
    table.caption = "\n".join(caption)
    show(table)
    directory = pathlib.Path(directory)
    files.write_text(directory / "glue.md", markdown(table))
    draw(plot_scores, directory / "glue.png", groups, columns)


def submit(directory, rows, test_sets):
    """Writes `submission.zip` with the predictions of the best run of each task.

    Args:
        directory: that of the ledger.
        rows: rows of the `Ledger` by the name of the task.
        test_sets: what `load_test_sets` returns, by the name of the task.

    Raises:
        ConfigError: the preset of the best run of a task is gone.
    """
    directory = pathlib.Path(directory)
    predictions = {}
    for name, runs in rows.items():
        best = best_row(runs, GLUE_TASKS[name].paper_metric)
        if best is None:
            continue
        run = directory / best["result"]["directory"]
        preset = run / "preset"
        if not preset.exists():
            raise ConfigError(
                f"{preset}, of the best run of {name}, is gone. Delete {run} and that "
                f"run's line from {directory / 'ledger.jsonl'}, and it is computed "
                "again."
            )
        is_regression = GLUE_TASKS[name].classes is None
        for task, splits in test_sets[name].items():
            for split, x in splits.items():
                outputs = predict_with_preset(BiGSTextClassifier, preset, x)
                values = outputs[:, 0] if is_regression else outputs.argmax(-1)
                predictions.setdefault(task, {})[split] = values
    path = directory / "submission.zip"
    placeholders = write_submission(path, predictions)
    print(f"Wrote {path}")
    if placeholders:
        print(f"Placeholders, which are no results: {', '.join(placeholders)}")
