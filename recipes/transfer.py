"""What pretraining is worth downstream, on its way (paper, section 7.2, Figure 5).

    python -m recipes.pretrain mini --data shards --output runs/gated \\
        --save_every 500 --steps_per_epoch 500 --keep 100
    python -m recipes.transfer --run BiGS=runs/gated STACK/SSM=runs/stack \\
        --task cola --data_dir glue_data --output runs/transfer

Fine-tunes from checkpoints of finished pretraining runs, with several seeds each, and
shows the score by the masked LM loss on held-out text. Only checkpoints at the end of
an epoch count, whose loss is known: train with `--save_every` equal to
`--steps_per_epoch`, and `--keep` enough of them.

Killed and started again by the same command, it goes on. Writes into `--output`:
`transfer.png` and `transfer.svg`, `results.json`, and for each run a folder with the
presets and `ledger.jsonl`.

Expected: in the paper, on MNLI, the gated model gains as BERT does while the loss
falls; STACK/SSM, with a similar loss, gains less.
"""

import json
import pathlib
from dataclasses import dataclass

import keras_bigs
from keras_bigs import errors
from keras_bigs import files
from keras_bigs.training.benchmarks.grid import Grid
from keras_bigs.training.command_line import parse_config
from keras_bigs.training.figures import draw
from keras_bigs.training.figures import pictures
from keras_bigs.training.fine_tuning_config import EncoderConfig
from keras_bigs.training.fine_tuning_config import FineTuningConfig
from keras_bigs.training.tables import show


@dataclass(kw_only=True)
class Config:
    """Fine-tunes from the checkpoints of pretraining runs."""

    run: tuple[str, ...]
    """Directories of `recipes.pretrain`, as NAME=DIRECTORY."""
    task: str = "mnli"
    """A task of GLUE."""
    checkpoints: int | None = None
    """The most checkpoints of a run, evenly chosen. Default: all."""
    data_dir: pathlib.Path | None = None
    """The folder with those of the official download, such as CoLA. Default: TensorFlow
    Datasets."""
    tfds_dir: pathlib.Path | None = None
    """Where TensorFlow Datasets' data are. Default: its own."""
    train_examples: int | None = None
    """Train on so many examples, drawn at random. Default: all."""
    sequence_length: int | None = None
    """Longer texts are cut to this many tokens. Default: as many as the model takes,
    but no more than 128."""
    dropout: float = 0.1
    """Dropout of embeddings, blocks and output."""
    learning_rate: float = 3e-5
    """Peak learning rate."""
    epochs: int = 3
    """The most epochs to train."""
    batch_size: int = 16
    """Examples a step."""
    seeds: tuple[int, ...] = (0, 1, 2)
    """Seeds of new weights, dropout and the order of examples."""
    compilation_cache: bool = True
    """Whether JAX keeps compiled programs on disk."""
    output: pathlib.Path = pathlib.Path("runs/transfer")
    """The directory to write to."""


def main(config: Config):
    glue, analysis = keras_bigs.training.benchmarks.glue, keras_bigs.analysis
    runs = analysis.named(config.run, "run")
    if config.task == "all":
        raise errors.ConfigError("--task all: a figure is of one task of GLUE.")
    (task,) = glue.task_names([config.task])
    directories = {name: config.output / name.replace("/", "-") for name in runs}
    if len({*directories.values()}) < len(runs):
        raise errors.ConfigError(
            f"--run: {', '.join(runs)} would share a directory. Choose other names."
        )
    grid = Grid(
        learning_rates=(config.learning_rate,),
        batch_sizes=(config.batch_size,),
        epochs=(config.epochs,),
        seeds=config.seeds,
    )
    options = FineTuningConfig(
        patience=None, compilation_cache=config.compilation_cache
    )
    grid.check(options)
    if config.checkpoints is not None and config.checkpoints < 1:
        raise errors.ConfigError("--checkpoints must be at least 1.")
    data = glue.load_glue(task, config.data_dir, config.tfds_dir, config.train_examples)
    encoder = EncoderConfig(
        sequence_length=config.sequence_length, dropout=config.dropout
    )
    # Of all runs before any is fine-tuned, to find out what is wrong with them.
    checkpoints = {
        name: keras_bigs.training.checkpoints_as_presets(
            run, directories[name] / "presets", config.checkpoints
        )
        for name, run in runs.items()
    }
    points = {
        name: analysis.transfer(
            checkpoints[name],
            directories[name],
            task,
            data,
            encoder,
            grid.options(options),
        )
        for name in runs
    }
    table = analysis.transfer_table(points, task)
    table.caption = "\n".join(data.notes)
    show(table)
    results = {n: [point._asdict() for point in run] for n, run in points.items()}
    files.write_text(config.output / "results.json", json.dumps(results, indent=2))
    draw(analysis.plot_transfer, pictures(config.output / "transfer"), points, task)
    print(f"Wrote {config.output}")


def parse(arguments=None):
    """The configuration that the command line asks for."""
    return parse_config(Config, arguments)


if __name__ == "__main__":
    errors.run(files.on_disk(lambda arguments: main(parse(arguments))))
