"""CoLA by length and by phenomenon, for several models (paper, Figures 7 and 9).

    python -m recipes.glue --task cola --keep_presets --output runs/glue_bigs
    python -m recipes.cola_analysis --annotations cola_annotated \\
        --model BiGS=runs/glue_bigs/cola/RUN/preset,runs/glue_bigs/cola/RUN/preset \\
        BERT=bert_seed_0.tsv,bert_seed_1.tsv --output runs/cola_analysis

The development set with grammatical annotations (Warstadt & Bowman 2019, appendix A.3)
is that of https://github.com/nyu-mll/CoLA. A model is presets of one classifier with
several seeds, or files of their predictions; its score is their mean. Intervals are of
the bootstrap over sentences; other models are tested against the first by exchanging
predictions, with p-values adjusted for all bins, or for all features.

Writes into `--output`: `by_length.png` and `by_phenomenon.png`, also as `.svg`;
`by_feature.svg`, the 63 minor features; `scores.csv`; and last `results.json`.

Expected: in the paper BiGS (large) does better than BERT in 9 of 13 phenomena,
significantly in two.
"""

import dataclasses
import pathlib

import keras_bigs
from keras_bigs import errors
from keras_bigs import files
from keras_bigs.training.command_line import parse_config
from keras_bigs.training.figures import draw
from keras_bigs.training.tables import show


@dataclasses.dataclass(kw_only=True)
class Config:
    """Analyses CoLA by length and by phenomenon."""

    annotations: pathlib.Path
    """The folder with the two files of grammatical annotations."""
    model: tuple[str, ...]
    """Models as NAME=SEED,SEED,...: presets of a classifier, such as preset/ of a run
    of recipes.glue; or TSV files with columns sentence and prediction, 0 or 1."""
    bins: tuple[int, ...] = (1, 5, 7, 9, 12)
    """The fewest words of each bin of lengths."""
    resamples: int = 9999
    """Draws of each interval and of each test."""
    seed: int = 0
    """Seed of the draws."""
    output: pathlib.Path = pathlib.Path("runs/cola_analysis")
    """The directory to write to."""


def main(config: Config):
    analysis = keras_bigs.analysis
    if config.resamples < 1:
        raise errors.ConfigError("--resamples must be at least 1.")
    if not config.bins or list(config.bins) != sorted(set(config.bins)):
        raise errors.ConfigError(f"--bins must ascend. Received: {config.bins}")
    sources = analysis.named(config.model, "model", several=True)
    if len(set(map(len, sources.values()))) > 1:
        numbers = ", ".join(f"{len(seeds)} of {n}" for n, seeds in sources.items())
        raise errors.ConfigError(
            f"--model has {numbers}. To be compared, all need equally many seeds."
        )
    cola = keras_bigs.data.syntax.read_cola_annotations(config.annotations)
    with files.lock(config.output):
        files.claim(
            config.output,
            dataclasses.asdict(config),
            lambda: (config.output / "results.json").exists(),
            free=("output", "annotations"),
        )
        run(config, cola, sources)


def run(config, cola, sources):
    """Predicts, compares, and writes everything."""
    analysis = keras_bigs.analysis
    predictions = {
        name: analysis.cola_predictions(seeds, cola.sentences)
        for name, seeds in sources.items()
    }
    report = analysis.cola_report(
        cola, predictions, config.bins, config.resamples, config.seed
    )
    show(analysis.cola_table(report))
    by_feature = analysis.plot_matthews_by_feature
    for name, plot, rows, kinds in (
        ("length", analysis.plot_matthews_by_length, report.by_length, ("png", "svg")),
        ("phenomenon", by_feature, report.major, ("png", "svg")),
        # Too tall for a picture made of points.
        ("feature", by_feature, report.minor, ("svg",)),
    ):
        pictures = [config.output / f"by_{name}.{kind}" for kind in kinds]
        draw(plot, pictures, rows, report.overall)
    analysis.write_cola(config.output, report)
    print(f"Wrote {config.output}")


def parse(arguments=None):
    """The configuration that the command line asks for."""
    return parse_config(Config, arguments)


if __name__ == "__main__":
    errors.run(files.on_disk(lambda arguments: main(parse(arguments))))
