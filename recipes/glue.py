"""Fine-tunes on GLUE, with a grid of settings and several seeds (paper, table 1).

    python -m recipes.glue --task cola rte --model bigs_mini_en_uncased \\
        --data_dir glue_data --output runs/glue

Data is that of the official download (`--data_dir`), or of TensorFlow Datasets. One
setting with six seeds by default, as the paper's rows are means of six runs; `--paper`
tries all of table 8. `--init_from` is a preset fine-tuned on MNLI, from which RTE, MRPC
and STS-B start, as in the paper.

Killed and started again by the same command, it goes on, and computes nothing twice:
all results are in `ledger.jsonl` in `--output`, which may hold those of many models.
Writes there also `glue.md`, the table, and `glue.png`, of this command's tasks; a
directory for each run, with a preset of the best; and with `--predict_test`
`submission.zip` for the leaderboard, with placeholders for other tasks.

Expected: the paper's BiGS (large, 11B tokens) 83.3 on average. Time: see
`benchmarks/results.md` for that of small models on two cores.
"""

import dataclasses
import pathlib
from dataclasses import dataclass
from dataclasses import field

import keras_bigs
from keras_bigs import errors
from keras_bigs import files
from keras_bigs.training.benchmarks.grid import Grid
from keras_bigs.training.command_line import parse_config
from keras_bigs.training.fine_tuning_config import EncoderConfig
from keras_bigs.training.fine_tuning_config import FineTuningConfig

TABLE_8 = Grid(
    learning_rates=(1e-5, 2e-5, 3e-5, 5e-5, 6e-5),
    weight_decays=(0.01, 0.1),
    batch_sizes=(16, 32),
    epochs=(3, 5, 8),
)


@dataclass(kw_only=True)
class Config:
    """Fine-tunes on GLUE."""

    task: tuple[str, ...] = ("all",)
    """cola, sst2, mrpc, stsb, qqp, mnli, qnli, rte, wnli, or all of them."""
    data_dir: pathlib.Path | None = None
    """The folder with those of the official download, such as CoLA. Default: TensorFlow
    Datasets."""
    tfds_dir: pathlib.Path | None = None
    """Where TensorFlow Datasets' data are. Default: its own."""
    train_examples: int | None = None
    """Train on so many examples, drawn at random, of tasks that have more. Default: all
    of them."""
    model: EncoderConfig = field(
        default_factory=lambda: EncoderConfig(model="bigs_mini_en_uncased")
    )
    init_from: str | None = None
    """A preset fine-tuned on MNLI, for RTE, MRPC and STS-B to start from."""
    grid: Grid = field(default_factory=Grid)
    paper: bool = False
    """Whether to try all settings of the paper's table 8, instead of those given."""
    warmup_proportion: float = 0.1
    """The share of steps in which the learning rate rises."""
    patience: int | None = None
    """Epochs without a better metric before a run stops. Default: never."""
    keep_presets: bool = False
    """Whether to keep the presets of all runs, not of the best only; such as to start
    from one by --init_from while others are still to come."""
    compilation_cache: bool = True
    """Whether JAX keeps compiled programs on disk."""
    predict_test: bool = False
    """Whether to write a submission for the leaderboard."""
    output: pathlib.Path = pathlib.Path("runs/glue")
    """The directory to write to."""


def main(config: Config):
    glue = keras_bigs.training.benchmarks.glue
    names = glue.task_names(config.task)
    options = FineTuningConfig(
        warmup_proportion=config.warmup_proportion,
        patience=config.patience,
        compilation_cache=config.compilation_cache,
    )
    grid = config.grid
    if config.paper:
        grid = dataclasses.replace(TABLE_8, seeds=grid.seeds)
    grid.check(options)
    config.model.check()
    if config.train_examples is not None and config.train_examples < 1:
        raise errors.ConfigError("--train_examples must be at least 1.")
    encoders = dict.fromkeys(names, config.model)
    if config.init_from is not None:
        # It has a vocabulary of its own.
        start = dataclasses.replace(
            config.model, model=config.init_from, vocabulary=None, routing=None
        )
        start.check()
        encoders |= {name: start for name in names if name in glue.FROM_MNLI}
        if start not in encoders.values():
            raise errors.ConfigError(
                f"--init_from {config.init_from} is for {list(glue.FROM_MNLI)}, and "
                f"none of them is in --task {' '.join(names)}. Leave it out."
            )
    # All files before any work, to find out what is wrong with them.
    where = (config.data_dir, config.tfds_dir)
    data = {n: glue.load_glue(n, *where, config.train_examples) for n in names}
    tests = {}
    if config.predict_test:
        tests = {name: glue.load_test_sets(name, *where) for name in names}
    rows = {
        name: glue.glue_grid(
            config.output,
            name,
            data[name],
            encoders[name],
            grid.options(options),
            config.keep_presets,
        )
        for name in names
    }
    notes = [note for name in names for note in data[name].notes]
    if config.init_from is not None:
        notes.append(f"{', '.join(glue.FROM_MNLI)} start from {config.init_from}.")
    glue.report(config.output, rows, notes)
    if config.predict_test:
        glue.submit(config.output, rows, tests)


def parse(arguments=None):
    """The configuration that the command line asks for."""
    return parse_config(Config, arguments)


if __name__ == "__main__":
    errors.run(files.on_disk(lambda arguments: main(parse(arguments))))
