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
from keras_bigs.vocabulary import same_pieces


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
    batch = read(folder, config.examples)
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
    pieces = masked_lm.preprocessor.tokenizer.get_vocabulary()
    if not same_pieces(pieces, folder.vocabulary):
        raise errors.ConfigError(
            f"--preset {preset} has another vocabulary than --data {folder.path}. "
            "Prepare the shards with the --vocabulary that it was made with."
        )
    length = folder.batches("validation", 1, folder.masking).sequence_length
    longest = masked_lm.backbone.max_sequence_length
    if length > longest:
        raise errors.ConfigError(
            f"--preset {preset} takes {longest} tokens, and the sequences of --data "
            f"{folder.path} have {length}. Extend it by `recipes.extend`, or prepare "
            "shorter ones."
        )
    return masked_lm


def read(folder, most):
    """Held-out texts as one batch, masked as `recipes.pretrain` masks them."""
    number = folder.batches("validation", 1, folder.masking).num_examples
    if most is not None:
        number = min(most, number)
    return folder.batches("validation", number, folder.masking).batch(0)


def parse(arguments=None):
    """The configuration that the command line asks for."""
    return parse_config(Config, arguments)


if __name__ == "__main__":
    errors.run(files.on_disk(lambda arguments: main(parse(arguments))))
