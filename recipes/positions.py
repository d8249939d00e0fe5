"""Where in a text masked tokens are found: what long contexts are worth.

    python -m recipes.prepare texts --output shards512 --sequence_length 512 \\
        --vocabulary shards/vocabulary.txt
    python -m recipes.positions --preset BiGS=runs/bigs512/preset \\
        BERT=runs/bert512/preset --data shards512 --output runs/positions

Computes the masked LM loss of each preset by the position of the masked token, on
held-out texts that reach into the last part. All presets see the same texts and masks,
and have the vocabulary of the shards.

Writes into `--output`: `positions.csv`, and `positions` as a figure (PNG and SVG).

Expected: tokens at either end have context on one side only, so their loss is higher.
"""

import pathlib
from dataclasses import dataclass

import keras_bigs
from keras_bigs import errors
from keras_bigs import files
from keras_bigs.data.tables import write_table
from keras_bigs.training.command_line import parse_config
from keras_bigs.training.figures import draw
from keras_bigs.training.figures import pictures
from keras_bigs.training.tables import show


@dataclass(kw_only=True)
class Config:
    """Computes masked LM losses by position in the text."""

    preset: tuple[str, ...]
    """Presets of masked language models, as NAME=PRESET or PRESET alone."""
    data: pathlib.Path
    """The shards of `recipes.prepare`, with held-out texts."""
    examples: int | None = None
    """The most texts to read, drawn at random. Default: all that are held out."""
    parts: int = 8
    """Into how many parts texts are divided."""
    batch_size: int = 32
    """Texts that are computed at once."""
    output: pathlib.Path = pathlib.Path("runs/positions")
    """The directory to write to."""


def main(config: Config):
    analysis = keras_bigs.analysis
    presets = analysis.named(config.preset, "preset")
    for option in ("examples", "parts", "batch_size"):
        value = getattr(config, option)
        if value is not None and value < 1:
            raise errors.ConfigError(f"--{option} {value}: at least 1.")
    folder = keras_bigs.data.open_shard_folder(config.data)
    # All before any work, to find out what is wrong with them.
    models = {name: load(preset, folder) for name, preset in presets.items()}
    batch = analysis.held_out_batch(folder, config.examples)
    for name, masked_lm in models.items():
        analysis.check_length(masked_lm, batch, name)
    results = {
        name: analysis.loss_by_position(
            masked_lm, batch, config.parts, config.batch_size, progress=True
        )
        for name, masked_lm in models.items()
    }
    show(analysis.position_table(results))
    rows = [(name, *part) for name, parts in results.items() for part in parts]
    columns = ("model", *analysis.PositionLoss._fields)
    write_table(
        config.output / "positions.csv",
        dict(zip(columns, map(list, zip(*rows, strict=True)), strict=True)),
    )
    paths = pictures(config.output / "positions")
    draw(analysis.plot_loss_by_position, paths, results)
    print(f"Wrote {config.output}")


def load(preset, folder):
    """A preset's masked language model, if it reads the shards."""
    masked_lm = keras_bigs.analysis.load_masked_lm(preset)
    folder.check_vocabulary(masked_lm.preprocessor.tokenizer, f"--preset {preset}")
    return masked_lm


def parse(arguments=None):
    """The configuration that the command line asks for."""
    return parse_config(Config, arguments)


if __name__ == "__main__":
    errors.run(files.on_disk(lambda arguments: main(parse(arguments))))
