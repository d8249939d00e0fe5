"""Fine-tunes a classifier or regressor on your own TSV, CSV or JSONL file.

    python -m recipes.classify --train train.tsv --eval dev.tsv \\
        --text sentence --label label --output runs/mine

From a preset directory (`--model path`), or from scratch at a named size
(`--model mini`), when a WordPiece vocabulary is learnt from the training texts.
Fine-tuning follows the paper's appendix A.2 (tables 8 and 9): AdamW, warm-up over a
tenth of the steps, decay to zero; early stopping on a metric of the evaluation file.

Writes into `--output`: `preset/` for `BiGSTextClassifier.from_preset`, with
`classes.json`; `config.json`; `results.json`; `confusion_matrix.png`, or `scatter.png`
for regression; and with `--predict FILE`, `predictions` in that file's format.
"""

import dataclasses
import json
import pathlib
import time
from typing import Literal

import keras
import numpy as np
import tyro
from matplotlib import pyplot as plt
from rich.console import Console
from sklearn.metrics import ConfusionMatrixDisplay

from keras_bigs import errors
from keras_bigs import files
from keras_bigs import models
from keras_bigs import training
from keras_bigs.data import tables
from keras_bigs.data import vocabulary


@dataclasses.dataclass
class Config:
    """Fine-tunes a BiGS classifier (or regressor) on a table of texts."""

    train: pathlib.Path
    """The training file: .tsv, .csv or .jsonl, in UTF-8."""
    eval: pathlib.Path
    """The evaluation file, with the same columns."""
    text: str
    """The column of the text."""
    label: str
    """The column of the label: a class name, or a number with --regression."""
    text_pair: str | None = None
    """The column of a second text, for tasks on pairs."""
    columns: tuple[str, ...] | None = None
    """Names of all columns, for files without a header line."""
    predict: pathlib.Path | None = None
    """A file to predict labels for; needs the text columns only."""
    predict_columns: tuple[str, ...] | None = None
    """Names of all columns of --predict, if it has no header line."""
    output: pathlib.Path = pathlib.Path("runs/classify")
    """The directory to write to."""
    model: str = "mini"
    """A preset to start from, a directory, name or hub handle; or a size of
    `keras_bigs.models.CONFIGS`, from scratch."""
    regression: bool = False
    """Whether labels are numbers to predict instead of classes."""
    metric: (
        Literal["accuracy", "f1", "matthews", "pearson", "spearman", "rmse"] | None
    ) = None
    """What early stopping watches. Default: accuracy, or pearson with --regression."""
    epochs: int = 5
    """The most epochs to train."""
    patience: int = 2
    """Epochs without a better metric before training stops."""
    batch_size: int = 32
    learning_rate: float = 5e-4
    """The peak learning rate: about 5e-4 from scratch, 1e-5 to 6e-5 from a preset."""
    warmup_proportion: float = 0.1
    weight_decay: float = 0.01
    dropout: float = 0.1
    sequence_length: int = 128
    """Longer texts are cut to this many tokens."""
    vocabulary_size: int = 8000
    """The most word pieces to learn, from scratch only."""
    seed: int = 0


def main(config: Config):
    console = Console()
    data = load(config)
    claim(config)
    keras.utils.set_random_seed(config.seed)
    classifier = build(config, data, console)
    console.print(
        f"{classifier.count_params():,} parameters, {len(data.train):,} training and "
        f"{len(data.eval):,} evaluation examples"
    )
    start = time.time()
    # The batches are tokenized: this model leaves out the task's own preprocessing.
    model = keras.Model(classifier.input, classifier.output)
    history = train(model, classifier, config, data)
    results = {
        "metrics": evaluate(model, batches(classifier, config, data.eval), data),
        "seconds": round(time.time() - start, 1),
        "epochs": history.epoch[-1] + 1,
        "history": history.history,
    }
    save(config, data, classifier, model, results, console)


@dataclasses.dataclass
class Data:
    """The tables, and the targets of the labelled ones.

    `classes` is `None` for regression.
    """

    train: tables.TextTable
    eval: tables.TextTable
    predict: tables.TextTable | None
    classes: list[str] | None
    targets: dict[int, np.ndarray]


def load(config):
    """Reads and checks every file before any work is done."""
    names = {*models.CONFIGS, *models.BiGSBackbone.presets}
    is_known = config.model in names or "://" in config.model
    if not is_known and not pathlib.Path(config.model).is_dir():
        raise errors.DataError(
            f"--model {config.model} is neither a preset directory, nor a hub handle "
            f"such as hf://OWNER/NAME, nor one of {sorted(names)}."
        )
    columns = {"text": config.text, "text_pair": config.text_pair}
    labelled = {**columns, "label": config.label, "column_names": config.columns}
    train, evaluation = (
        tables.read_table(path, **labelled) for path in (config.train, config.eval)
    )
    predict = None
    if config.predict is not None:
        predict = tables.read_table(
            config.predict, **columns, column_names=config.predict_columns
        )
        clash = {config.text, config.text_pair} & {"prediction", "probability"}
        if clash:
            raise errors.DataError(
                f"--predict writes a column {clash.pop()!r} of its own. Rename the "
                "column of the texts."
            )
    metrics = ("pearson", "spearman", "rmse")
    if not config.regression:
        metrics = ("accuracy", "f1", "matthews")
    if config.metric is None:
        config.metric = metrics[0]
    if config.metric not in metrics:
        raise errors.DataError(
            f"--metric {config.metric} does not fit --regression={config.regression}. "
            f"Choose one of {metrics}."
        )
    if config.regression:
        classes, encode = None, tables.encode_targets
    else:
        classes = tables.label_vocabulary(train.labels)
        if len(classes) < 2:
            raise errors.DataError(
                f"{config.train}: column {config.label!r} has one label only, "
                f"{classes}. A classifier needs two or more."
            )

        def encode(table):
            return tables.encode_labels(table, classes)

    targets = {id(table): encode(table) for table in (train, evaluation)}
    if config.regression and len(set(targets[id(evaluation)])) < 2:
        raise errors.DataError(
            f"{config.eval}: column {config.label!r} must have two different numbers "
            "or more, or nothing can correlate with them."
        )
    return Data(train, evaluation, predict, classes, targets)


def claim(config):
    """Makes the output directory and writes the configuration into it.

    So two runs cannot have the same, and one that cannot be written is found out
    before the work.
    """
    remedy = "Name another directory with --output."
    try:
        config.output.mkdir(parents=True, exist_ok=True)
        if any(config.output.iterdir()):
            raise errors.DataError(
                f"--output {config.output} is not empty. {remedy[:-1]}, or remove it."
            )
        text = json.dumps(dataclasses.asdict(config), indent=2, default=str)
        with open(config.output / "config.json", "x", encoding="utf-8") as file:
            file.write(text)
    except OSError as error:
        raise errors.DataError(
            f"Cannot write to --output {config.output}: {error.strerror}. {remedy}"
        ) from error


def build(config, data, console):
    """The classifier: of a preset, or of a named size with a vocabulary of its own."""
    num_classes = 1 if config.regression else len(data.classes)
    if config.model in models.CONFIGS:
        console.print(f"Learning a vocabulary from {config.train}")
        texts = data.train.texts + (data.train.text_pairs or [])
        pieces = vocabulary.learn_vocabulary(texts, config.vocabulary_size)
        sizes = {**models.CONFIGS[config.model], "vocabulary_size": len(pieces)}
        backbone = models.BiGSBackbone(
            **sizes, max_sequence_length=config.sequence_length, dropout=config.dropout
        )
        preprocessor = models.BiGSTextClassifierPreprocessor(
            models.BiGSTokenizer(pieces), sequence_length=config.sequence_length
        )
        classifier = models.BiGSTextClassifier(
            backbone, num_classes, preprocessor, dropout=config.dropout
        )
    else:
        backbone = models.BiGSBackbone.from_preset(config.model, dropout=config.dropout)
        preprocessor = models.BiGSTextClassifierPreprocessor.from_preset(
            config.model, sequence_length=config.sequence_length
        )
        classifier = models.BiGSTextClassifier(
            backbone, num_classes, preprocessor, dropout=config.dropout
        )
    if config.regression:
        # Start from the mean instead of learning it.
        mean = data.targets[id(data.train)].mean()
        classifier.output_dense.bias.assign([mean])
    return classifier


def batches(classifier, config, table, targets=None, shuffle=False):
    """Length-bucketed batches of a table."""
    return tables.BucketedTextBatches(
        classifier.preprocessor,
        table.texts,
        table.text_pairs,
        targets,
        batch_size=config.batch_size,
        shuffle=shuffle,
        seed=config.seed,
        bucket_boundaries=() if classifier.backbone.depends_on_padding else None,
    )


def train(model, classifier, config, data):
    """Trains with early stopping and leaves the best epoch's weights."""
    targets = data.targets[id(data.train)]
    train_batches = batches(classifier, config, data.train, targets, shuffle=True)
    eval_batches = batches(classifier, config, data.eval)
    steps = train_batches.steps_per_epoch
    model.compile(
        optimizer=training.adamw(
            config.learning_rate,
            config.epochs * steps,
            config.warmup_proportion,
            config.weight_decay,
        ),
        loss="mse"
        if config.regression
        else keras.losses.SparseCategoricalCrossentropy(from_logits=True),
        metrics=None if config.regression else ["accuracy"],
    )
    return model.fit(
        train_batches.dataset(config.epochs),
        epochs=config.epochs,
        steps_per_epoch=steps,
        shuffle=False,
        callbacks=[
            training.EvaluationCallback(lambda: evaluate(model, eval_batches, data)),
            keras.callbacks.EarlyStopping(
                f"val_{config.metric}",
                mode="min" if config.metric == "rmse" else "max",
                patience=config.patience,
                restore_best_weights=True,
                verbose=1,
            ),
        ],
    )


def predict(model, text_batches):
    """Outputs in the order of the file."""
    outputs = model.predict(text_batches.dataset(), verbose=0)
    return outputs[np.argsort(text_batches.order())].astype("float32")


def evaluate(model, eval_batches, data):
    """The metrics of the evaluation file."""
    outputs, targets = predict(model, eval_batches), data.targets[id(data.eval)]
    if data.classes is None:
        return training.regression_metrics(targets, outputs[:, 0])
    classes = outputs.argmax(-1)
    return training.classification_metrics(targets, classes, len(data.classes))


def save(config, data, classifier, model, results, console):
    """Report, figure, preset and predictions."""
    preset = config.output / "preset"
    with files.atomic_write(preset) as temporary:
        classifier.save_to_preset(str(temporary))
        text = json.dumps(data.classes, ensure_ascii=False)
        (temporary / "classes.json").write_text(text, encoding="utf-8")
    files.write_text(config.output / "results.json", json.dumps(results, indent=2))
    console.print(f"Wrote {preset}")
    if data.predict is not None:
        outputs = predict(model, batches(classifier, config, data.predict))
        path = config.output / f"predictions{config.predict.suffix}"
        tables.write_table(path, prediction_columns(config, data, outputs))
        console.print(f"Wrote {path}")
    outputs = predict(model, batches(classifier, config, data.eval))
    console.print(f"Wrote {plot(outputs, data, config.output)}")
    for name, value in results["metrics"].items():
        console.print(f"{name:>10}  {value:.4f}")
    console.print(f"{results['epochs']} epochs in {results['seconds']} s")


def plot(outputs, data, directory):
    """The confusion matrix, or predictions against targets, as a PNG."""
    targets = data.targets[id(data.eval)]
    if data.classes is None:
        figure, axes = plt.subplots(layout="constrained")
        axes.scatter(targets, outputs[:, 0], s=8, alpha=0.4)
        axes.axline((targets.mean(), targets.mean()), slope=1, color="grey", ls=":")
        axes.set(xlabel="label", ylabel="prediction")
        path = directory / "scatter.png"
    else:
        size = min(40.0, max(4.0, 0.5 * len(data.classes) + 2))
        figure, axes = plt.subplots(figsize=(size + 1, size), layout="constrained")
        ConfusionMatrixDisplay.from_predictions(
            targets,
            outputs.argmax(-1),
            labels=range(len(data.classes)),
            display_labels=data.classes,
            xticks_rotation="horizontal" if len(data.classes) < 5 else "vertical",
            cmap="Blues",
            ax=axes,
        )
        path = directory / "confusion_matrix.png"
    with files.atomic_write(path) as temporary:
        figure.savefig(temporary, dpi=150)
    plt.close(figure)
    return path


def prediction_columns(config, data, outputs):
    """The columns of the predictions file: texts, prediction and probability."""
    columns = {config.text: data.predict.texts}
    if config.text_pair is not None:
        columns[config.text_pair] = data.predict.text_pairs
    if data.classes is None:
        return {**columns, "prediction": outputs[:, 0]}
    probabilities = keras.ops.convert_to_numpy(keras.ops.softmax(outputs))
    return {
        **columns,
        "prediction": [data.classes[i] for i in probabilities.argmax(-1)],
        "probability": probabilities.max(-1),
    }


if __name__ == "__main__":
    errors.run(lambda arguments: main(tyro.cli(Config, args=arguments)))
