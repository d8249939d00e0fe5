"""Shows which token of a text moved which, layer by layer.

    python -m recipes.influence --preset bigs_mini_en_uncased BERT=runs/bert/preset \\
        --text "the keys to the old cabinet [MASK] on the table ." \\
        --layers 0 5 11 --output runs/influence

Exact, from the Jacobian of each layer and of the whole encoder; see
`keras_bigs.analysis.influence`. Beside it what routes in these layers, where that has
weights: an SSM's taps, which are the same for every text, or attention's probabilities.
Takes presets of BiGS of any block and routing, of every task with one, and keras-hub's
BERT.

Paper: it has no such figure. Section 7.1 says that kernels are static and section 7.2
that gates make up for it: here is what both do together, in the same units as for
attention.

Writes into `--output`: `influence.png` and `influence.svg`, maps over the tokens;
`by_position.png` and `by_position.svg`, the mean share of influence by relative
position; `influence.csv`, all numbers; and last `results.json`, the table.

Hardware: two busy CPU cores, JAX: 11 s for the whole of a model of 12 layers of width
192 and a text of 14 tokens, one more for each layer. Time goes with the square of the
length, and with the cube of the width.
"""

import dataclasses
import json
import pathlib
from dataclasses import dataclass

from rich.progress import track

import keras_bigs
from keras_bigs import errors
from keras_bigs import files
from keras_bigs.training.command_line import parse_config
from keras_bigs.training.figures import draw
from keras_bigs.training.figures import pictures
from keras_bigs.training.tables import show


@dataclass(kw_only=True)
class Config:
    """Shows which token of a text moved which."""

    preset: tuple[str, ...] = ("bigs_mini_en_uncased",)
    """Presets, as NAME=PRESET or PRESET alone."""
    text: str = "the keys to the old cabinet [MASK] on the table ."
    """The text, which may have [MASK]."""
    pair: str | None = None
    """A second text, which follows the first after [SEP]."""
    layers: tuple[int, ...] | None = None
    """Which layers, from 0. Default: the first, the middle and the last of each
    model."""
    output: pathlib.Path = pathlib.Path("runs/influence")
    """The directory to write to."""


def main(config: Config):
    presets = keras_bigs.analysis.named(config.preset, "preset")
    with files.lock(config.output):
        files.claim(
            config.output,
            dataclasses.asdict(config),
            lambda: (config.output / "results.json").exists(),
            free=("output",),
        )
        run(config, presets)


def run(config, presets):
    """Computes all maps, and writes everything."""
    analysis = keras_bigs.analysis
    # All models before any work, to find out what is wrong with them.
    loaded = {name: load(config, name, preset) for name, preset in presets.items()}
    maps = []
    for name, (encoder, tokens, inputs, layers) in loaded.items():
        steps = analysis.influence_maps(name, encoder, tokens, inputs, layers)
        # The last ones take no time.
        maps += track(steps, f"{name}: layers", total=len(layers) + 1)
    summary = analysis.influence_summary(maps)
    show(analysis.influence_table(summary))
    plots = {
        "influence": analysis.plot_influence,
        "by_position": analysis.plot_influence_by_position,
    }
    for name, plot in plots.items():
        draw(plot, pictures(config.output / name), maps)
    analysis.write_influence(config.output / "influence.csv", maps)
    tokens = {name: tokens for name, (_, tokens, _, _) in loaded.items()}
    text = json.dumps({"tokens": tokens, "maps": summary}, indent=2)
    files.write_text(config.output / "results.json", text)
    print(f"Wrote {config.output}")


def load(config, name, preset):
    """A preset's encoder; the text's tokens and inputs; and which layers."""
    analysis, models = keras_bigs.analysis, keras_bigs.models
    # In single precision, whatever it was trained in.
    encoder = analysis.encoder_of(models.load_encoder(preset, dtype="float32"))
    tokenizer = models.load_tokenizer(preset, special_tokens_in_strings=True)
    text = config.text if config.pair is None else (config.text, config.pair)
    length = encoder.max_sequence_length
    tokens, inputs = analysis.token_inputs(tokenizer, text, length)
    number = encoder.num_layers
    layers = config.layers
    if layers is None:
        layers = sorted({0, number // 2, number - 1})
    wrong = [layer for layer in layers if not 0 <= layer < number]
    if wrong:
        raise errors.ConfigError(
            f"--layers {wrong[0]}: {name} has layers from 0 to {number - 1}."
        )
    return encoder, tokens, inputs, layers


def parse(arguments=None):
    """The configuration that the command line asks for."""
    return parse_config(Config, arguments)


if __name__ == "__main__":
    errors.run(files.on_disk(lambda arguments: main(parse(arguments))))
