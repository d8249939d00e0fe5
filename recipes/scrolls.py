"""Fine-tunes on long texts: ContractNLI or QuALITY (paper, table 3).

    python -m recipes.scrolls --task contract_nli --train train.json --dev dev.json \\
        --model bigs_mini_en_uncased --output runs/contracts

Files are those of the data sets' own releases, or of SCROLLS (JSONL). ContractNLI is a
classification of (contract, hypothesis) in three classes; QuALITY a choice among the
options to a question on an article, with `--articles` where these are in a file of
their own. The paper's settings (table 9): learning rate 3e-5 or 5e-5, decay 0 or 0.01,
batches of 16 or 24, 5 to 10 epochs. Texts are cut to `--sequence_length` tokens; what
is cut off is counted and printed. For more tokens than a preset takes, and to pretrain
it at that length on texts of your own first: `recipes.extend`.

Baselines: `--model bart_base_en` for BART; from scratch `--model mini_stack --routing
sliding_window` for a sliding-window encoder.

Killed and started again by the same command, a run goes on and ends with the same bits.
Writes into `--output`: `predictions.json`, for SCROLLS's evaluation, of `--predict` or
else of `--dev`; `confusion_matrix.png` and `learning_curve.png`; `preset/`;
`config.json`, `command.txt`; and last `results.json`.

Expected: exact match 71.4 (ContractNLI) and 32.8 (QuALITY) with the paper's BiGS for
4,096 tokens.
"""

import pathlib
from dataclasses import dataclass
from dataclasses import field
from typing import Literal

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
    """Fine-tunes on ContractNLI or QuALITY."""

    task: Literal["contract_nli", "quality"]
    """Which data set."""
    train: pathlib.Path
    """The training file."""
    dev: pathlib.Path
    """The development file."""
    predict: pathlib.Path | None = None
    """A file to predict, such as the test set. Default: the development file."""
    articles: pathlib.Path | None = None
    """A JSON file of articles by id, for questions whose articles are not beside
    them."""
    train_examples: int | None = None
    """Train on so many questions or pairs, drawn at random. Default: all."""
    model: EncoderConfig = field(
        default_factory=lambda: EncoderConfig(model="bigs_mini_en_uncased")
    )
    training: FineTuningConfig = field(
        default_factory=lambda: FineTuningConfig(
            learning_rate=5e-5, batch_size=16, patience=None
        )
    )
    output: pathlib.Path = pathlib.Path("runs/scrolls")
    """The directory to write to."""


def main(config: Config):
    config.training.check()
    config.model.check()
    if config.articles is not None and config.task != "quality":
        raise errors.ConfigError("--articles is for --task quality. Leave it out.")
    train, dev = (
        read(config, config.train, config.train_examples),
        read(config, config.dev),
    )
    new = None if config.predict is None else read(config, config.predict)
    print(f"{len(train):,} training and {len(dev):,} development examples")
    scrolls = keras_bigs.training.benchmarks.scrolls
    fine_tune, predict = {
        "contract_nli": (scrolls.fine_tune_contract_nli, scrolls.predict_contract_nli),
        "quality": (scrolls.fine_tune_quality, scrolls.predict_quality),
    }[config.task]
    results = fine_tune(config.output, train, dev, config.model, config.training)
    predictions = predict(config.output / "preset", dev if new is None else new)
    keras_bigs.data.scrolls.write_scrolls_predictions(
        config.output / "predictions.json", predictions
    )
    table = Table("exact match, %", config.task)
    if config.task == "quality":
        table.add_column("hard questions")
    for row in scrolls.comparison(config.task, results):
        table.add_row(*row)
    show(table)
    print(f"Wrote {config.output}")


def read(config, path, number=None):
    """The examples of a file, or so many of them."""
    scrolls = keras_bigs.data.scrolls
    if config.task == "quality":
        examples = scrolls.read_quality(path, config.articles)
        return keras_bigs.data.sampling.draw(examples, number, name="train_examples")
    table = scrolls.read_contract_nli(path)
    return table if number is None else table.draw(number, name="train_examples")


def parse(arguments=None):
    """The configuration that the command line asks for."""
    return parse_config(Config, arguments)


if __name__ == "__main__":
    errors.run(files.on_disk(lambda arguments: main(parse(arguments))))
