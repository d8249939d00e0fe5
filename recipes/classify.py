"""Fine-tunes a classifier or regressor on your own TSV, CSV or JSONL file.

    python -m recipes.classify --train train.tsv --eval dev.tsv \\
        --text sentence --label label --output runs/mine

From a preset (`--model`, a directory, a name or a hub handle), or from scratch at a
named size (`--model mini`), when a WordPiece vocabulary is learnt from the training
texts. Fine-tuning follows the paper's appendix A.2 (tables 8 and 9): AdamW, warm-up
over a tenth of the steps, decay to zero; early stopping on a metric of the evaluation
file.

Killed and started again by the same command, a run goes on and ends with the same bits.
Writes into `--output`: `preset/` for `BiGSTextClassifier.from_preset`, with
`classes.json`; `config.json`; `confusion_matrix.png`, or `scatter.png` for regression;
with `--predict FILE` all columns of that file and the predictions, in its format; and
last `results.json`.
"""

import dataclasses
import json
import pathlib
import shutil
import time
from dataclasses import dataclass
from typing import Any
from typing import Literal

import tyro
from rich.console import Console

import keras_bigs
from keras_bigs import errors
from keras_bigs import files


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
    """The column of the label: a class name, or a number with --regression."""
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


@dataclass(kw_only=True)
class ModelConfig:
    """Where to start from."""

    model: str = "mini"
    """A preset: a directory, a name, or a hub handle such as hf://OWNER/NAME; or a size
    of `keras_bigs.models.CONFIGS`, from scratch."""
    vocabulary: pathlib.Path | None = None
    """A file with one word piece a line: for a preset that has none, as the published
    weights; or from scratch, instead of learning one."""
    vocabulary_size: int = 8000
    """The most word pieces to learn, from scratch."""
    sequence_length: int | None = None
    """Longer texts are cut to this many tokens. Default: 128, or as many as the preset
    takes."""
    dropout: float = 0.1
    """Dropout of embeddings, blocks and output."""


@dataclass(kw_only=True)
class TrainingConfig:
    """How to train."""

    learning_rate: float = 5e-4
    """Peak learning rate: about 5e-4 from scratch, 1e-5 to 6e-5 from a preset."""
    epochs: int = 5
    """The most epochs to train."""
    batch_size: int = 32
    """Examples a step."""
    warmup_proportion: float = 0.1
    """The share of steps in which the learning rate rises."""
    weight_decay: float = 0.01
    """Weight decay of all but biases, norms and SSMs."""
    metric: (
        Literal["accuracy", "f1", "matthews", "pearson", "spearman", "rmse"] | None
    ) = None
    """What early stopping watches. Default: accuracy, or pearson with --regression."""
    patience: int = 2
    """Epochs without a better metric before training stops."""
    seed: int = 0
    """Seed of new weights, dropout and the order of examples."""


@dataclass(kw_only=True)
class Config:
    """Fine-tunes a BiGS classifier (or regressor) on a table of texts."""

    files: FilesConfig
    model: ModelConfig = dataclasses.field(default_factory=ModelConfig)
    training: TrainingConfig = dataclasses.field(default_factory=TrainingConfig)
    regression: bool = False
    """Whether labels are numbers to predict instead of classes."""
    output: pathlib.Path = pathlib.Path("runs/classify")
    """The directory to write to."""


def main(config: Config):
    # A path may have brackets, and should not be broken where a line ends.
    console = Console(markup=False, highlight=False, soft_wrap=True)
    check(config)
    data = load(config.files, config.regression)
    classifier = build(config.model, config.training.seed, data, console)
    with files.lock(config.output):
        run(config, data, classifier, console)


def check(config):
    """Finds out what cannot be trained with, before any work."""
    options = dataclasses.asdict(config.model) | dataclasses.asdict(config.training)
    numbers = {n: x for n, x in options.items() if isinstance(x, int | float)}
    keras_bigs.training.check_ranges(**numbers)
    metrics = keras_bigs.training.metric_names(1 if config.regression else 2)
    if config.training.metric not in (None, *metrics):
        raise errors.ConfigError(
            f"--metric {config.training.metric} does not fit --regression "
            f"{config.regression}. Choose one of {metrics}."
        )
    model = config.model.model
    names = {*keras_bigs.models.CONFIGS, *keras_bigs.models.BiGSBackbone.presets}
    if not (model in names or "://" in model or pathlib.Path(model).is_dir()):
        raise errors.ConfigError(
            f"--model {model} is neither a preset directory, nor a hub handle such as "
            f"hf://OWNER/NAME, nor one of {sorted(names)}."
        )


@dataclass
class Data:
    """The tables, and the labels of those that have them.

    `classes` is `None` for regression, and `new` without --predict.
    """

    train: Any
    train_labels: Any
    eval: Any
    eval_labels: Any
    classes: list[str] | None
    new: Any


def load(config, regression):
    """Reads and checks every file."""
    tables = keras_bigs.data.tables
    columns = {
        "text": config.text,
        "text_pair": config.text_pair,
        "quoting": config.quoting,
    }
    train, evaluation = (
        tables.read_table(
            path, label=config.label, column_names=config.column_names, **columns
        )
        for path in (config.train, config.eval)
    )
    new = None
    if config.predict is not None:
        new = tables.read_table(
            config.predict,
            column_names=config.predict_column_names,
            all_columns=True,
            **columns,
        )
        if clash := new.columns.keys() & {"prediction", "probability"}:
            raise errors.DataError(
                f"{config.predict}: predictions are written beside the columns of the "
                f"file, which has one named {clash.pop()!r} already. Rename it."
            )
    if not regression:
        classes = tables.class_names(train)
        labels = [tables.encode_labels(table, classes) for table in (train, evaluation)]
        return Data(train, labels[0], evaluation, labels[1], classes, new)
    labels = [tables.encode_targets(table) for table in (train, evaluation)]
    if len(set(labels[1])) < 2:
        raise errors.DataError(
            f"{config.eval}: column {config.label!r} must have two different numbers "
            "or more, or nothing can correlate with them."
        )
    return Data(train, labels[0], evaluation, labels[1], None, new)


def build(config, seed, data, console):
    """The classifier: of a preset, or of a named size."""
    import keras

    models = keras_bigs.models
    keras.utils.set_random_seed(seed)
    from_scratch = config.model in models.CONFIGS
    if from_scratch:
        tokenizer = models.BiGSTokenizer(
            config.vocabulary or learn(config, data, console)
        )
        backbone = models.BiGSBackbone(
            **models.CONFIGS[config.model]
            | {"vocabulary_size": tokenizer.vocabulary_size()},
            max_sequence_length=config.sequence_length or 128,
            dropout=config.dropout,
        )
    else:
        tokenizer = models.BiGSTokenizer.from_preset(
            config.model, **vocabulary_of_preset(config)
        )
        backbone = models.BiGSBackbone.from_preset(
            config.model, dropout=config.dropout, embedding_dropout=None
        )
    most = backbone.max_sequence_length
    if (config.sequence_length or 0) > most:
        raise errors.ConfigError(
            f"--sequence_length {config.sequence_length} is above the {most} tokens "
            f"that --model {config.model} takes. Give at most {most}, or make the "
            "model longer first: python -m recipes.extend"
        )
    preprocessor = models.BiGSTextClassifierPreprocessor(
        tokenizer, sequence_length=config.sequence_length or min(128, most)
    )
    num_classes = 1 if data.classes is None else len(data.classes)
    classifier = models.BiGSTextClassifier(
        backbone, num_classes, preprocessor, dropout=config.dropout
    )
    if data.classes is None:
        # Start from the mean instead of learning it.
        classifier.output_dense.bias.assign([data.train_labels.mean()])
    return classifier


def learn(config, data, console):
    """A vocabulary of the training texts."""
    console.print(f"Learning a vocabulary from {data.train.path}")
    texts = data.train.texts + (data.train.text_pairs or [])
    return keras_bigs.data.vocabulary.learn_vocabulary(texts, config.vocabulary_size)


def vocabulary_of_preset(config):
    """How to load the tokenizer of a preset, which may need a vocabulary."""
    from keras_bigs.convert.vocabulary import has_vocabulary

    has_one = has_vocabulary(config.model)
    if has_one and config.vocabulary is not None:
        raise errors.ConfigError(
            f"--model {config.model} has a vocabulary of its own. Leave out "
            "--vocabulary."
        )
    if has_one:
        return {}
    if config.vocabulary is None:
        raise errors.ConfigError(
            f"--model {config.model} comes without a vocabulary. Give its own by "
            "--vocabulary FILE, one word piece a line; that of the published weights "
            "is BERT's, uncased: vocab.txt of google-bert/bert-base-uncased."
        )
    return {"vocabulary": config.vocabulary}


def run(config, data, classifier, console):
    """Trains, and writes everything."""
    training, settings = keras_bigs.training, config.training
    options = {
        **dataclasses.asdict(config.files),
        **dataclasses.asdict(config.model),
        **dataclasses.asdict(config.training),
        "regression": config.regression,
        "train_sha256": files.sha256(config.files.train),
        "eval_sha256": files.sha256(config.files.eval),
    }
    results_path = config.output / "results.json"
    working = config.output / "fine_tuning"
    files.claim(
        config.output,
        options,
        lambda: results_path.exists() or any(working.glob("checkpoints/[0-9]*")),
        free=("train", "eval"),
    )
    if results_path.exists():
        console.print(f"This run is finished: see {results_path}")
        return
    console.print(
        f"{classifier.count_params():,} parameters, {len(data.train):,} training and "
        f"{len(data.eval):,} evaluation examples"
    )

    def batches(table, labels=None, shuffle=False):
        return keras_bigs.data.tables.BucketedTextBatches.from_table(
            table,
            classifier,
            labels,
            batch_size=settings.batch_size,
            shuffle=shuffle,
            seed=settings.seed,
        )

    validation = batches(data.eval, data.eval_labels)
    start = time.time()
    tuned = training.fine_tune(
        classifier,
        batches(data.train, data.train_labels, shuffle=True),
        validation,
        working,
        learning_rate=settings.learning_rate,
        epochs=settings.epochs,
        warmup_proportion=settings.warmup_proportion,
        weight_decay=settings.weight_decay,
        metric=settings.metric,
        patience=settings.patience,
    )
    results = {
        "metrics": {
            name.removeprefix("val_"): value
            for name, value in tuned.best.items()
            if name.startswith("val_")
        },
        "best_epoch": tuned.history.index(tuned.best) + 1,
        "epochs": len(tuned.history),
        "seconds_of_last_process": round(time.time() - start, 1),
        "history": tuned.history,
    }
    preset = config.output / "preset"
    if not preset.exists():
        with files.atomic_write(preset) as temporary:
            classifier.save_to_preset(str(temporary))
            text = json.dumps(data.classes, ensure_ascii=False)
            (temporary / "classes.json").write_text(text, encoding="utf-8")
    console.print(f"Wrote {preset}")
    draw(config.output, data, training.predict(tuned.model, validation), console)
    if data.new is not None:
        outputs = training.predict(tuned.model, batches(data.new))
        columns = training.prediction_columns(outputs, data.classes)
        suffix = pathlib.Path(config.files.predict.name.removesuffix(".gz")).suffix
        path = config.output / f"predictions{suffix}"
        keras_bigs.data.tables.write_table(path, data.new.columns | columns)
        console.print(f"Wrote {path}")
    files.write_text(results_path, json.dumps(results, indent=2))
    # All is safe that was kept to go on.
    shutil.rmtree(working)
    for name, value in results["metrics"].items():
        console.print(f"{name:>10}  {value:.4f}")
    console.print(f"The best of {results['epochs']} epochs: {results['best_epoch']}")


def draw(output, data, outputs, console):
    """The confusion matrix, or predictions against labels."""
    training = keras_bigs.training
    try:
        if data.classes is None:
            path = output / "scatter.png"
            training.plot_predictions(path, data.eval_labels, outputs[:, 0])
        else:
            path = output / "confusion_matrix.png"
            training.plot_confusion_matrix(
                path, data.eval_labels, outputs.argmax(-1), data.classes
            )
        console.print(f"Wrote {path}")
    except ImportError as error:
        console.print(f"No figure. {error}")


def parse(arguments=None):
    """The configuration that the command line asks for."""
    return tyro.cli(
        Config,
        args=arguments,
        use_underscores=True,
        config=(tyro.conf.OmitArgPrefixes,),
    )


if __name__ == "__main__":
    errors.run(lambda arguments: main(parse(arguments)))
