"""What length buckets are worth: fine-tuning on CoLA, in buckets and at one length.

    KERAS_BACKEND=jax python -m benchmarks.fine_tuning --data_dir glue_data

Two classifiers from the same weights are fine-tuned on the same examples in the same
order of seeds: one in `BucketedBatches`, one with all batches padded to
`--sequence_length`, an epoch of each in turn. Rates are of whole epochs after the first
one, which compiles, without evaluation. The scores are those of the development set
after the last epoch.
"""

import dataclasses
import pathlib
import time

import keras
import numpy as np
import tyro
from rich.console import Console
from rich.table import Table

from benchmarks import timing
from keras_bigs import training
from keras_bigs.data import BucketedBatches
from keras_bigs.training import evaluation
from keras_bigs.training.benchmarks import load_glue
from keras_bigs.training.fine_tuning_config import EncoderConfig


@dataclasses.dataclass
class Config:
    """Fine-tunes on CoLA in buckets and at one length."""

    data_dir: pathlib.Path | None = None
    """The folder with CoLA in the official layout. Default: TensorFlow Datasets."""
    model: str = "bigs_mini_en_uncased"
    sequence_length: int = 128
    train_examples: int | None = 2000
    epochs: int = 3
    batch_size: int = 16
    learning_rate: float = 3e-4
    seeds: tuple[int, ...] = (0, 1, 2)


SIDES = {"buckets": None, "one length": ()}


def main(config: Config):
    if config.epochs < 2:
        raise ValueError(
            "--epochs must be at least 2: the first one compiles. Received: "
            f"{config.epochs}"
        )
    training.use_compilation_cache()
    data = load_glue("cola", config.data_dir, train_examples=config.train_examples)
    console = Console(width=100)
    console.print(timing.environment())
    seconds = {name: [] for name in SIDES}
    scores = {name: [] for name in SIDES}
    for seed in config.seeds:
        runs = {name: Run(config, data, seed, SIDES[name]) for name in SIDES}
        for epoch in range(config.epochs):
            for name, run in runs.items():
                elapsed = run.train(epoch)
                if epoch:
                    seconds[name].append(elapsed)
        for name, run in runs.items():
            scores[name].append(run.score())
    examples = len(data.train[0])
    table = Table(
        "",
        "examples/s",
        "of one length",
        "Matthews, mean ± deviation",
        title=f"CoLA, {examples:,} examples, {config.epochs} epochs, "
        f"{keras.backend.backend()}",
    )
    for name in SIDES:
        ratios = np.array(seconds["one length"]) / np.array(seconds[name])
        deviation = np.std(scores[name], ddof=1) if len(config.seeds) > 1 else 0.0
        table.add_row(
            name,
            f"{examples / np.median(seconds[name]):.1f}",
            f"{np.median(ratios):.2f}",
            f"{np.mean(scores[name]):.3f} ± {deviation:.3f}",
        )
    console.print(table)


class Run:
    """One side: a model, its batches and its optimizer."""

    def __init__(self, config, data, seed, bucket_boundaries):
        keras.utils.set_random_seed(seed)
        encoder = EncoderConfig(
            model=config.model, sequence_length=config.sequence_length
        )
        task = encoder.text_classifier(2, data.texts)
        options = {
            "batch_size": config.batch_size,
            "bucket_boundaries": bucket_boundaries,
        }
        self.batches = BucketedBatches(
            task.preprocessor, *data.train, shuffle=True, seed=seed, **options
        )
        self.validation = BucketedBatches(
            task.preprocessor, *data.validation["dev"], **options
        )
        self.model = keras.Model(task.input, task.output)
        steps = config.epochs * self.batches.steps_per_epoch
        self.model.compile(training.adamw(config.learning_rate, steps), task.loss)

    def train(self, epoch):
        """Trains for an epoch; returns the seconds."""
        first = epoch * self.batches.steps_per_epoch
        dataset = self.batches.dataset(epoch + 1, first)
        start = time.perf_counter()
        self.model.fit(dataset, verbose=0, shuffle=False)
        return time.perf_counter() - start

    def score(self):
        return evaluation.evaluate(self.model, self.validation)["matthews"]


if __name__ == "__main__":
    main(tyro.cli(Config, config=(tyro.conf.OmitArgPrefixes,), use_underscores=True))
