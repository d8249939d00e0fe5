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

from rich.table import Table

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
    lengths, distances = results["lengths"], results["distractors"]
    by_length = Table("tokens", "examples", *models, title="QNLI accuracy by length, %")
    for rows in zip(*lengths.values(), strict=True):
        scores = (f"{100 * row['accuracy']:.1f}" for row in rows)
        by_length.add_row(rows[0]["bin"], f"{rows[0]['examples']:,}", *scores)
    show(by_length)
    by_distance = Table("distractors", *models, title="QNLI accuracy, %")
    for number in dict.fromkeys(row["distractors"] for row in distances):
        rows = [row for row in distances if row["distractors"] == number]
        scores = (f"{100 * row['accuracy']:.1f}" for row in rows)
        by_distance.add_row(str(number), *scores)
    most, few = max(distances[0]["examples"]), min(distances[0]["examples"])
    by_distance.caption = (
        f"On the {few:,} to {most:,} pairs of a seed that all models label alike. Left "
        f"out, as longer than a model takes: {results['too_long']['lengths']:,} of "
        f"{results['pairs']:,} above, {results['too_long']['distractors']:,} here. The "
        "paper, without and with: "
        + "; ".join(f"{n} {a}, {b}" for n, (a, b) in analysis.TABLE_4.items())
    )
    show(by_distance)
    files.write_text(config.output / "results.json", json.dumps(results, indent=2))
    draw(
        analysis.plot_by_length,
        pictures(config.output / "lengths"),
        lengths,
    )
    draw(
        analysis.plot_distractors,
        pictures(config.output / "distractors"),
        distances,
    )
    print(f"Wrote {config.output}")


def parse(arguments=None):
    """The configuration that the command line asks for."""
    return parse_config(Config, arguments)


if __name__ == "__main__":
    errors.run(files.on_disk(lambda arguments: main(parse(arguments))))
