"""Fine-tunes a classifier or regressor on your own TSV, CSV or JSONL file.

    python -m recipes.classify --train train.tsv --eval dev.tsv \\
        --text sentence --label label --output runs/mine

From a preset (`--model`, a directory, a name or a hub handle), or from scratch at a
named size (`--model mini`), when a WordPiece vocabulary is learnt from the training
texts. With `--regression` labels are numbers; with `--multi_label` a text has any
number of labels. Fine-tuning follows the paper's appendix A.2 (tables 8 and 9): AdamW,
warm-up over a tenth of the steps, decay to zero; early stopping on a metric of the
evaluation file.

Killed and started again by the same command, a run goes on and ends with the same bits.
Writes into `--output`: `preset/` for `BiGSTextClassifier.from_preset`, with
`classes.json` and with several labels a text `thresholds.json`; `config.json` and
`command.txt`; `learning_curve.png`; `confusion_matrix.png`, for regression
`scatter.png`, or with several labels `label_scores.png`; with `--predict FILE` all
columns of that file and the predictions, in its format; and last `results.json`.
"""

import pathlib
from dataclasses import dataclass
from dataclasses import field
from typing import Literal

import numpy as np
from rich.console import Console

import keras_bigs
from keras_bigs import errors
from keras_bigs import files
from keras_bigs.data.text_files import without_gz
from keras_bigs.training.command_line import parse_config
from keras_bigs.training.fine_tuning_config import EncoderConfig
from keras_bigs.training.fine_tuning_config import FineTuningConfig


@dataclass(kw_only=True)
class FilesConfig:
    """The files and their columns: TSV, CSV or JSONL in UTF-8, also with .gz."""

    train: pathlib.Path
    """The training file."""
    eval: pathlib.Path
    """The evaluation file, with the same columns."""
    text: str
    """The column of the text."""
    label: str
    """The column of the label: a class name; a number with --regression; or with
    --multi_label names with a separator between them, in JSONL also a list."""
    text_pair: str | None = None
    """The column of a second text, for tasks on pairs."""
    predict: pathlib.Path | None = None
    """A file to predict labels for, which needs the text columns only."""
    column_names: tuple[str, ...] | None = None
    """Names of all columns of --train and --eval, if they have no header line."""
    predict_column_names: tuple[str, ...] | None = None
    """Names of all columns of --predict, if it has no header line."""
    quoting: bool | None = None
    """Whether cells may be in double quotes. Default: in CSV, not in TSV."""
    separator: str = "|"
    """What stands between labels with --multi_label."""


@dataclass(kw_only=True)
class Config:
    """Fine-tunes a BiGS classifier (or regressor) on a table of texts."""

    files: FilesConfig
    model: EncoderConfig = field(default_factory=EncoderConfig)
    training: FineTuningConfig = field(default_factory=FineTuningConfig)
    regression: bool = False
    """Whether labels are numbers to predict instead of classes."""
    multi_label: bool = False
    """Whether a text has any number of labels, none included."""
    metric: (
        Literal[
            *("accuracy", "f1", "matthews", "pearson", "spearman", "rmse"),
            *("f1_micro", "f1_macro", "exact_match"),
        ]
        | None
    ) = None
    """What early stopping watches. Default: accuracy; pearson with --regression;
    f1_micro with --multi_label."""
    output: pathlib.Path = pathlib.Path("runs/classify")
    """The directory to write to."""


def main(config: Config):
    # A path may have brackets, and should not be broken where a line ends.
    console = Console(markup=False, highlight=False, soft_wrap=True)
    check(config)
    data, new = load(config)
    if (config.output / "results.json").exists():
        console.print(f"This run is finished: see {config.output / 'results.json'}")
    results = keras_bigs.training.classifier_run(
        config.output, data, config.model, config.training, config.metric
    )
    if new is not None:
        predict(config, data, new, results)
    for name, value in results["metrics"].items():
        console.print(f"{name:>11}  {value:.4f}")
    console.print(f"The best of {results['epochs']} epochs: {results['best_epoch']}")
    if data.multi_label:
        console.print(
            "With a threshold for each label, chosen on the evaluation file (so they "
            "flatter):"
        )
        for name, value in results["metrics_at_thresholds"].items():
            console.print(f"{name:>11}  {value:.4f}")
    console.print(f"Wrote {config.output}")


def check(config):
    """Finds out what cannot be trained with, before any work."""
    config.training.check()
    if config.regression and config.multi_label:
        raise errors.ConfigError("--regression and --multi_label exclude each other.")
    names = keras_bigs.training.metric_names(
        1 if config.regression else 2, config.multi_label
    )
    if config.metric not in (None, *names):
        raise errors.ConfigError(
            f"--metric {config.metric} does not fit --regression {config.regression} "
            f"and --multi_label {config.multi_label}. Choose one of {names}."
        )
    config.model.check()


def load(config):
    """Reads and checks every file: the data, and the table to predict or `None`."""
    tables, names = keras_bigs.data.tables, config.files
    columns = {
        "text": names.text,
        "text_pair": names.text_pair,
        "quoting": names.quoting,
    }
    train, evaluation = (
        tables.read_table(
            path,
            label=names.label,
            column_names=names.column_names,
            multi_label=config.multi_label,
            **columns,
        )
        for path in (names.train, names.eval)
    )
    classes = None
    if config.multi_label:
        classes = tables.multi_label_classes(train, names.separator)
    elif not config.regression:
        classes = tables.class_names(train)
    labels = [
        tables.encode(table, classes, config.multi_label, names.separator)
        for table in (train, evaluation)
    ]
    if config.regression and len(set(labels[1])) < 2:
        raise errors.DataError(
            f"{names.eval}: column {names.label!r} must have two different numbers or "
            "more, or nothing can correlate with them."
        )
    new = None
    if names.predict is not None:
        new = tables.read_table(
            names.predict,
            column_names=names.predict_column_names,
            all_columns=True,
            **columns,
        )
        none = np.zeros((0, 1 if classes is None else len(classes)))
        if clash := new.columns.keys() & prediction_columns(config, classes, none):
            raise errors.DataError(
                f"{names.predict}: predictions are written beside the columns of the "
                f"file, which has one named {clash.pop()!r} already. Rename it."
            )
    data = keras_bigs.training.ClassifierData(
        train=(train.x, labels[0]),
        validation={"eval": (evaluation.x, labels[1])},
        classes=classes,
        multi_label=config.multi_label,
    )
    return data, new


def predict(config, data, new, results):
    """Writes the predictions of the preset beside all columns of the file."""
    outputs = keras_bigs.training.predict_with_preset(
        keras_bigs.models.BiGSTextClassifier, config.output / "preset", new.x
    )
    columns = prediction_columns(
        config, data.classes, outputs, results.get("thresholds")
    )
    suffix = without_gz(config.files.predict.name).suffix
    path = config.output / f"predictions{suffix}"
    keras_bigs.data.tables.write_table(path, new.columns | columns)


def prediction_columns(config, classes, outputs, thresholds=None):
    """What is written beside the columns of the file."""
    from scipy.special import expit

    training = keras_bigs.training
    if not config.multi_label:
        return training.prediction_columns(outputs, classes)
    thresholds = [0.5] * len(classes) if thresholds is None else [*thresholds.values()]
    separator = config.files.separator
    return training.multi_label_columns(expit(outputs), classes, thresholds, separator)


def parse(arguments=None):
    """The configuration that the command line asks for."""
    return parse_config(Config, arguments)


if __name__ == "__main__":
    errors.run(files.on_disk(lambda arguments: main(parse(arguments))))
