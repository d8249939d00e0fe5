"""How far apart a model can match two texts (paper, section 7.2, figure 6, table 4).

    python -m recipes.glue --task qnli --model runs/gated/preset --keep_presets \\
        --data_dir glue_data --output runs/qnli
    python -m recipes.qnli_distance --data_dir glue_data --output runs/distance \\
        --model BiGS=runs/qnli/qnli/RUN/preset STACK/SSM=runs/stack_qnli/qnli/RUN/preset

Evaluates classifiers of QNLI on its development set: accuracy by the length of the
pair; and the adversarial variant, on pairs that all models label alike, with more and
more distractor phrases between question and sentence. Several seeds of a model are
given with commas between.

Writes into `--output`: `results.json`, and `lengths` and `distractors` as figures (PNG
and SVG).

Expected: the paper's STACK/SSM falls from 77.4 to 69.7% with distractors, BiGS stays
(77.7%).
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
    """Evaluates classifiers of QNLI by length, and with distractors."""

    model: tuple[str, ...]
    """Presets of classifiers of QNLI, as NAME=PRESET, or NAME=PRESET,PRESET for several
    seeds."""
    data_dir: pathlib.Path | None = None
    """The folder with those of the official download, such as QNLI. Default: TensorFlow
    Datasets."""
    tfds_dir: pathlib.Path | None = None
    """Where TensorFlow Datasets' data are. Default: its own."""
    examples: int | None = None
    """Evaluate on so many examples, drawn at random. Default: all."""
    distractors: tuple[int, ...] = (0, 1, 2, 4, 8)
    """Numbers of phrases between question and sentence."""
    output: pathlib.Path = pathlib.Path("runs/qnli_distance")
    """The directory to write to."""


def main(config: Config):
    analysis = keras_bigs.analysis
    models = analysis.named(config.model, "model", several=True)
    with files.lock(config.output):
        files.claim(
            config.output,
            dataclasses.asdict(config),
            lambda: (config.output / "results.json").exists(),
            free=("output", "data_dir", "tfds_dir"),
        )
        run(config, models)


def run(config, models):
    """Evaluates all models, and writes everything."""
    analysis = keras_bigs.analysis
    table = keras_bigs.data.glue.read_glue(
        keras_bigs.data.glue.GLUE_TASKS["qnli"], "dev", config.data_dir, config.tfds_dir
    )
    if config.examples is not None:
        table = table.draw(config.examples, name="examples")
    results = analysis.qnli_distance(models, table, config.distractors)
    for table in analysis.qnli_tables(results):
        show(table)
    files.write_text(config.output / "results.json", json.dumps(results, indent=2))
    draw(
        analysis.plot_by_length,
        pictures(config.output / "lengths"),
        results["lengths"],
    )
    draw(
        analysis.plot_distractors,
        pictures(config.output / "distractors"),
        results["distractors"],
    )
    print(f"Wrote {config.output}")


def parse(arguments=None):
    """The configuration that the command line asks for."""
    return parse_config(Config, arguments)


if __name__ == "__main__":
    errors.run(files.on_disk(lambda arguments: main(parse(arguments))))
