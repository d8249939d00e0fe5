"""Exports a model for another runtime, checks the file there, and says how to use it.

    KERAS_BACKEND=tensorflow python -m recipes.export runs/mine/preset \\
        --format onnx --output runs/mine/onnx
    python runs/mine/onnx/usage.py "a gripping film"

Writes into `--output` the file, the vocabulary, `export.json`, and `usage.py`, which
tokenizes and runs without Keras. The file is run in its own runtime on texts (your own
with `--texts`) at several lengths, and nothing is written where its outputs are not
those of the model.

With `--quantize int8` or `int4` large matrices are stored in so many bits first; with
`--eval` the metrics of a classifier are measured before and after, and
`results.json` has both. `--format preset` then writes it for Keras.
"""

import json
import pathlib
from dataclasses import dataclass
from typing import Annotated
from typing import Literal

import keras
import tyro
from keras_hub.models import TextClassifier
from rich.console import Console

import keras_bigs
from keras_bigs import errors
from keras_bigs import files
from keras_bigs.data import tables
from keras_bigs.training.command_line import parse_config


@dataclass(kw_only=True)
class Config:
    """Exports a model for another runtime, and checks the file there."""

    preset: Annotated[str, tyro.conf.Positional]
    """The model: a directory, a name or a hub handle."""
    format: Literal[
        "tf_saved_model", "onnx", "openvino", "litert", "torch", "jax", "preset"
    ]
    """What to write. Each backend writes some; an error names one that does."""
    output: pathlib.Path
    """The directory to write, which must be new."""
    length: int | None = None
    """The length of all inputs, in tokens. Default: open."""
    texts: pathlib.Path | None = None
    """A file with a text a line, to compare outputs on. Default: four sentences."""
    quantize: Literal["int8", "int4"] | None = None
    """In how many bits to store large matrices."""
    eval: pathlib.Path | None = None
    """A TSV, CSV or JSONL file to evaluate a classifier on, before and after."""
    text: str = "text"
    """Its column of the text."""
    text_pair: str | None = None
    """Its column of a second text."""
    label: str = "label"
    """Its column of the label."""
    column_names: tuple[str, ...] | None = None
    """Names of all its columns, if it has no header line."""
    quoting: bool | None = None
    """Whether its cells may be in double quotes. Default: in CSV, not in TSV."""
    separator: str = "|"
    """What stands between labels, where a text may have several."""


def main(config: Config):
    console = Console(markup=False, highlight=False, soft_wrap=True)
    files.require_new(config.output)
    if config.format == "preset" and (config.length, config.texts) != (None, None):
        raise errors.ConfigError(
            "--length and --texts are for files of other runtimes. Leave them out with "
            "--format preset."
        )
    if config.format != "preset":
        keras_bigs.models.check_export_format(
            config.format, config.quantize is not None
        )
    texts = keras_bigs.models.EXPORT_TEXTS
    if config.texts is not None:
        texts = config.texts.read_text(encoding="utf-8").splitlines()
    model = keras_bigs.models.load_task(config.preset)
    metrics = {}
    if config.eval is not None:
        if not isinstance(model, TextClassifier):
            raise errors.ConfigError(
                f"`--eval` is for classifiers and regressors. {config.preset} holds a "
                f"{type(model).__name__}: leave it out."
            )
        batches = evaluation_batches(config, model)
        metrics["before"] = evaluate(model, batches)
    if config.quantize is not None:
        model.quantize(config.quantize)
        if config.eval is not None:
            metrics[config.quantize] = evaluate(model, batches)
    for name, values in metrics.items():
        console.print(name, {key: round(value, 4) for key, value in values.items()})
    if config.format == "preset":
        with files.atomic_write(config.output) as temporary:
            model.save_to_preset(temporary)
    else:
        found = keras_bigs.models.export_package(
            model,
            config.output,
            config.format,
            tokenizer=keras_bigs.models.load_tokenizer(config.preset),
            texts=texts,
            length=config.length,
        )
        for length, difference in found.differences.items():
            console.print(f"{length} tokens: largest difference {difference:.1e}")
    if metrics:
        files.write_text(config.output / "results.json", json.dumps(metrics, indent=2))
    console.print(f"Written to {config.output}.")


def evaluation_batches(config, model):
    """The evaluation file as batches with labels."""
    classes, names = None, pathlib.Path(config.preset) / "classes.json"
    if model.num_classes > 1:
        if not names.exists():
            raise errors.ConfigError(
                "`--eval` needs the names of classes, which `recipes.classify` writes. "
                f"There is no {names}."
            )
        classes = json.loads(names.read_text(encoding="utf-8"))
    multi_label = getattr(model, "multi_label", False)
    table = tables.read_table(
        config.eval,
        config.text,
        text_pair=config.text_pair,
        label=config.label,
        column_names=config.column_names,
        quoting=config.quoting,
        multi_label=multi_label,
    )
    labels = tables.encode(table, classes, multi_label, config.separator)
    return keras_bigs.data.BucketedBatches.for_task(model, table.x, labels)


def evaluate(model, batches):
    """Metrics of a task on tokenized inputs."""
    training = keras_bigs.training
    tokenized = keras.Model(model.input, model.output)
    return training.evaluate(tokenized, batches, training.label_threshold(model))


if __name__ == "__main__":
    errors.run(files.on_disk(lambda arguments: main(parse_config(Config, arguments))))
