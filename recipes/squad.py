"""Fine-tunes on SQuAD 1.1 (paper, table 2), with the official metrics.

    python -m recipes.squad --train train-v1.1.json --dev dev-v1.1.json \\
        --model bigs_mini_en_uncased --output runs/squad

Data is that of the official release, or of TensorFlow Datasets without `--train` and
`--dev`. The paper's settings (table 9): learning rate 4e-5 or 6e-5, batches of 32, two
epochs. Long contexts are read in overlapping windows.

Killed and started again by the same command, a run goes on and ends with the same bits.
Writes into `--output`: `predictions.json`, for the official evaluation script, and
`nbest_predictions.json`; `scores.png` and `learning_curve.png`; `preset/` for
`BiGSQuestionAnswerer.from_preset`; `config.json`, `command.txt`; last `results.json`.

Expected: F1 89.5 with the paper's BiGS for 512 tokens (table 2).
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
    """Fine-tunes on SQuAD 1.1."""

    train: pathlib.Path | None = None
    """The training file, train-v1.1.json. Default: TensorFlow Datasets."""
    dev: pathlib.Path | None = None
    """The development file, dev-v1.1.json. Default: TensorFlow Datasets."""
    tfds_dir: pathlib.Path | None = None
    """Where TensorFlow Datasets' data are. Default: its own."""
    train_examples: int | None = None
    """Train on so many questions, drawn at random. Default: all."""
    dev_examples: int | None = None
    """Evaluate on so many questions, drawn at random. Default: all."""
    model: EncoderConfig = field(
        default_factory=lambda: EncoderConfig(model="bigs_mini_en_uncased")
    )
    training: FineTuningConfig = field(
        default_factory=lambda: FineTuningConfig(
            learning_rate=4e-5, epochs=2, patience=None
        )
    )
    stride: int = 128
    """How many tokens later each window of a long context starts than the last one."""
    max_answer_length: int = 30
    """The most tokens of a predicted answer."""
    n_best: int = 20
    """How many answers to each question to write."""
    output: pathlib.Path = pathlib.Path("runs/squad")
    """The directory to write to."""


def main(config: Config):
    config.training.check()
    config.model.check()
    keras_bigs.training.check_ranges(
        stride=config.stride,
        max_answer_length=config.max_answer_length,
        n_best=config.n_best,
    )
    squad, draw = keras_bigs.data.squad, keras_bigs.data.sampling.draw
    train, dev = (
        draw(
            squad.read_squad_tfds(split, config.tfds_dir)
            if path is None
            else squad.read_squad(path),
            number,
            name=name,
        )
        for path, split, number, name in (
            (config.train, "train", config.train_examples, "train_examples"),
            (config.dev, "validation", config.dev_examples, "dev_examples"),
        )
    )
    print(f"{len(train):,} training and {len(dev):,} development questions")
    results = keras_bigs.training.benchmarks.fine_tune_squad(
        config.output,
        train,
        dev,
        config.model,
        config.training,
        config.stride,
        config.max_answer_length,
        config.n_best,
    )
    table = Table("SQuAD 1.1, dev", "exact match", "F1")
    for row in keras_bigs.training.benchmarks.squad.comparison(results):
        table.add_row(*row)
    show(table)
    print(f"Wrote {config.output}")


def parse(arguments=None):
    """The configuration that the command line asks for."""
    return parse_config(Config, arguments)


if __name__ == "__main__":
    errors.run(files.on_disk(lambda arguments: main(parse(arguments))))
