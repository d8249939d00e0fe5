"""Shows the kernels by which BiGS routes, and how fine-tuning changes them.

    python -m recipes.kernels --preset bigs_mini_en_uncased OTHER=runs/bigs/preset \\
        --output runs/kernels
    python -m recipes.kernels --preset runs/bigs/preset --before runs/bigs/preset \\
        --after runs/glue/mnli/RUN/preset --output runs/kernels

Paper: section 7.1, Figures 1, 3 and 4. Takes presets of `BiGSBackbone` and of every
task with one, with SSM routing in either block.

Writes into `--output`: `kernels.csv`, all taps; `summary.json`, for each kernel where
its largest tap is, how far 90% of its absolute mass and its mean reach, and its slowest
state, in tokens; `kernel_map` (Figure 3), `kernels` (Figure 1) and, with `--before` and
`--after`, `kernel_change` (Figure 4), each as PNG and SVG.

Expected: in the paper's BiGS (large, full training) layer 1 looks at the next word,
layer 6 at the three words before, layers 14 and 17 far ahead or back; fine-tuning on
MNLI leaves local kernels and widens those of layers 14, 17 and 18. Time: seconds.
"""

import dataclasses
import json
import pathlib
from dataclasses import dataclass

import keras_bigs
from keras_bigs import errors
from keras_bigs import files
from keras_bigs.training.command_line import parse_config
from keras_bigs.training.figures import draw
from keras_bigs.training.figures import pictures
from keras_bigs.training.tables import show


@dataclass(kw_only=True)
class Config:
    """Shows the kernels by which BiGS routes."""

    preset: tuple[str, ...] = ("bigs_mini_en_uncased",)
    """Presets, as NAME=PRESET or PRESET alone."""
    before: str | None = None
    """A preset before fine-tuning, to compare with --after."""
    after: str | None = None
    """The preset that was fine-tuned from --before."""
    changed: int = 3
    """The number of layers to draw of those that changed most."""
    radius: int = 10
    """The farthest relative position in the map of all kernels, in tokens."""
    length: int = 512
    """The number of taps, in tokens."""
    output: pathlib.Path = pathlib.Path("runs/kernels")
    """The directory to write to."""


def main(config: Config):
    presets = keras_bigs.analysis.named(config.preset, "preset")
    if (config.before is None) != (config.after is None):
        raise errors.ConfigError("--before and --after go together: give both or none.")
    if not 0 <= config.radius < config.length:
        raise errors.ConfigError(
            f"--radius {config.radius} must be from 0 to {config.length - 1}, below "
            f"--length {config.length}."
        )
    if config.changed < 1:
        raise errors.ConfigError(f"--changed {config.changed} must be at least 1.")
    with files.lock(config.output):
        files.claim(
            config.output,
            dataclasses.asdict(config),
            lambda: (config.output / "summary.json").exists(),
            free=("output",),
        )
        run(config, presets)


def run(config, presets):
    """Reads all presets, and writes everything."""
    analysis = keras_bigs.analysis
    taps, summaries = {}, {}
    for name, preset in presets.items():
        encoder = keras_bigs.models.load_encoder(preset)
        taps[name] = analysis.routing_kernels(encoder, config.length)
        summaries[name] = analysis.kernel_summary(
            taps[name], analysis.time_constants(encoder)
        )
    results = {"models": summaries}
    show(analysis.kernel_table(summaries))
    if config.before is not None:
        pair = {
            name: analysis.routing_kernels(preset, config.length)
            for name, preset in (("before", config.before), ("after", config.after))
        }
        change = analysis.kernel_change(*pair.values())
        layers = analysis.most_changed(change)
        results["change"] = change.tolist()
        results["most_changed"] = layers.tolist()
        show(analysis.kernel_change_table(*pair.values(), change, layers))
        draw(
            analysis.plot_kernel_change,
            pictures(config.output / "kernel_change"),
            pair,
            layers[: config.changed],
        )
    analysis.write_kernels(config.output / "kernels.csv", taps)
    draw(
        analysis.plot_kernel_map,
        pictures(config.output / "kernel_map"),
        taps,
        config.radius,
    )
    draw(analysis.plot_kernels, pictures(config.output / "kernels"), taps)
    text = json.dumps(results, indent=2)
    files.write_text(config.output / "summary.json", text)
    print(f"Wrote {config.output}")


def parse(arguments=None):
    """The configuration that the command line asks for."""
    return parse_config(Config, arguments)


if __name__ == "__main__":
    errors.run(files.on_disk(lambda arguments: main(parse(arguments))))
