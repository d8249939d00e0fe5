"""Fine-tunes on named entities, from files of one word a line.

    python -m recipes.ner --train train.conll --dev dev.conll \\
        --model bigs_mini_en_uncased --output runs/entities

Files are in columns, as those of CoNLL: the word first and its tag last, IOB1 or IOB2,
sentences between blank lines. Precision, recall and F1 are those of whole entities.

Killed and started again by the same command, a run goes on and ends with the same bits.
Writes into `--output`: `dev_predictions.conll`, word, tag and predicted tag; with
`--predict FILE` the tags of its words, `predictions.conll`; `scores.png` and
`learning_curve.png`; `preset/` for `BiGSTokenClassifier.from_preset`, with
`classes.json`; `config.json`, `command.txt`; and last `results.json`.
"""

import pathlib
from dataclasses import dataclass
from dataclasses import field

from rich.table import Table

import keras_bigs
from keras_bigs import errors
from keras_bigs import files
from keras_bigs.training.command_line import parse_config
from keras_bigs.training.fine_tuning_config import EncoderConfig
from keras_bigs.training.fine_tuning_config import FineTuningConfig
from keras_bigs.training.tables import show


@dataclass(kw_only=True)
class Config:
    """Fine-tunes on named entities."""

    train: pathlib.Path
    """The training file, also with .gz."""
    dev: pathlib.Path
    """The development file, with the same columns."""
    predict: pathlib.Path | None = None
    """A file of words to predict tags for, which needs no tags."""
    word_column: int = 0
    """The index of the column of words."""
    tag_column: int = -1
    """The index of the column of tags. -1 is the last."""
    model: EncoderConfig = field(
        default_factory=lambda: EncoderConfig(model="bigs_mini_en_uncased")
    )
    training: FineTuningConfig = field(default_factory=FineTuningConfig)
    output: pathlib.Path = pathlib.Path("runs/ner")
    """The directory to write to."""


def main(config: Config):
    config.training.check()
    config.model.check()
    conll = keras_bigs.data.conll
    train, dev = (
        conll.read_conll(path, config.word_column, config.tag_column)
        for path in (config.train, config.dev)
    )
    new = None
    if config.predict is not None:
        new = conll.read_conll(config.predict, config.word_column, tag_column=None)
    names = conll.tag_names(train)
    if len(names) == 1:
        raise errors.DataError(f"{config.train} has no entities: all tags are O.")
    print(f"{len(train):,} training and {len(dev):,} development sentences")
    results = keras_bigs.training.benchmarks.fine_tune_ner(
        config.output,
        (train, conll.encode_tags(config.train, train, names)),
        (dev, conll.encode_tags(config.dev, dev, names)),
        names,
        config.model,
        config.training,
    )
    if new is not None:
        task = keras_bigs.models.BiGSTokenClassifier.from_preset(
            str(config.output / "preset"),
            dtype="float32",  # whatever policy this process has trained under
        )
        tags = keras_bigs.training.benchmarks.tag_words(task, new, names)
        conll.write_conll(config.output / "predictions.conll", new, tags)
    table = Table("entities", "precision", "recall", "F1", "number")
    for kind, scores in results["types"].items():
        numbers = (f"{100 * scores[x]:.1f}" for x in ("precision", "recall", "f1"))
        table.add_row(kind, *numbers, f"{scores['support']:,}")
    show(table)
    print(f"Wrote {config.output}")


def parse(arguments=None):
    """The configuration that the command line asks for."""
    return parse_config(Config, arguments)


if __name__ == "__main__":
    errors.run(files.on_disk(lambda arguments: main(parse(arguments))))
