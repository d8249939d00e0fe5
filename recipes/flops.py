"""Counts floating point operations by length (paper, section 7.4, Table 6).

    python -m recipes.flops --size large --lengths 128 512 1024 4096 \\
        --output runs/flops

For both blocks with every routing, and every algorithm of SSMs. The numbers follow from
the sizes alone: no weights are made, and it takes seconds. `keras_bigs.analysis.flops`
says what is counted.

Writes into `--output`: `flops.csv` and `flops.json`, with the terms that the numbers
are made of; `flops.png` and `flops.svg`, operations a token by length; and last
`flops.md`, the table.

Expected: at 128, 512, 1,024 and 4,096 tokens BiGS (large, by FFT) 8.1e10, 3.2e11,
6.5e11 and 2.6e12, BERT 7.9e10, 3.4e11, 7.2e11 and 4.1e12, as in the paper. These are of
a forward pass, though the paper says of both passes; `--training` counts both.
"""

import dataclasses
import pathlib

import keras_bigs
from keras_bigs import errors
from keras_bigs import files
from keras_bigs.training.command_line import parse_config
from keras_bigs.training.figures import draw
from keras_bigs.training.figures import pictures
from keras_bigs.training.tables import markdown
from keras_bigs.training.tables import show


@dataclasses.dataclass(kw_only=True)
class Config:
    """Counts floating point operations by length."""

    size: str = "large"
    """A size of `keras_bigs.models.CONFIGS`: large, base, small, mini or tiny."""
    lengths: tuple[int, ...] = (128, 512, 1024, 4096)
    """Tokens of a sequence."""
    training: bool = False
    """Whether to count the backward pass too."""
    masked: float = 0.0
    """The share of tokens that the head of a masked language model predicts."""
    output: pathlib.Path = pathlib.Path("runs/flops")
    """The directory to write to."""


def main(config: Config):
    analysis = keras_bigs.analysis
    rows = analysis.flops_by_length(
        config.size, config.lengths, config.training, config.masked
    )
    with files.lock(config.output):
        files.claim(
            config.output,
            dataclasses.asdict(config),
            lambda: (config.output / "flops.md").exists(),
            free=("output",),
        )
        report(config, rows)


def report(config, rows):
    """Prints, draws and saves the counts."""
    analysis = keras_bigs.analysis
    # The paper's are of this alone.
    with_paper = config.size == "large" and not (config.training or config.masked)
    title = f"{config.size}, {'forward and backward' if config.training else 'forward'}"
    table = analysis.flops_table(rows, title, with_paper)
    show(table)
    analysis.write_flops(config.output, rows)
    paths = pictures(config.output / "flops")
    draw(analysis.plot_flops, paths, rows, title, with_paper)
    files.write_text(config.output / "flops.md", markdown(table))
    print(f"Wrote {config.output}")


def parse(arguments=None):
    """The configuration that the command line asks for."""
    return parse_config(Config, arguments)


if __name__ == "__main__":
    errors.run(files.on_disk(lambda arguments: main(parse(arguments))))
