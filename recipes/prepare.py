"""Turns a corpus into shards for pretraining.

    python -m recipes.prepare books.txt wiki.jsonl --output shards
    python -m recipes.prepare wikipedia/20230601.en:train --data_dir ~/tfds \\
        --output shards --vocabulary vocab.txt

Reads text files (one paragraph a line, blank lines between documents), JSONL files and
TensorFlow Datasets; leaves out repeated paragraphs; learns a WordPiece vocabulary, or
takes one; tokenizes; packs the sentences of a document into sequences of 128 tokens;
and masks 15% of the tokens, as the paper does (section 5, after Izsak et al. 2021).

Writes `*.hdf5` shards, `vocabulary.txt` and `manifest.json` into `--output`. Run the
same command again to go on after an interruption, or to mend damaged shards. The bytes
do not depend on how many processes make them, nor on Apache Beam (`--beam`).
"""

import pathlib
import time
from dataclasses import dataclass
from dataclasses import field
from typing import Annotated

import tyro
from rich.console import Console
from rich.table import Table

from keras_bigs import errors
from keras_bigs.data import Settings
from keras_bigs.data import read_vocabulary
from keras_bigs.data.corpus import preparation
from keras_bigs.data.corpus import runners
from keras_bigs.data.corpus.corpus import Corpus
from keras_bigs.data.corpus.job_vocabulary import write_vocabulary


@dataclass
class Config:
    """Turns a corpus into shards for pretraining."""

    sources: Annotated[tuple[str, ...], tyro.conf.Positional]
    """Text files, JSONL files, or TensorFlow Datasets as `name:split`."""
    output: pathlib.Path
    """The directory to write."""
    validation: tuple[str, ...] = ()
    """Sources to hold out. Without any, a share of all documents is."""
    text_field: str = "text"
    """The field of JSONL or a TensorFlow Dataset that has the text."""
    data_dir: str | None = None
    """Where the data of TensorFlow Datasets are."""
    vocabulary: pathlib.Path | None = None
    """A file with one word piece a line. Without one, a vocabulary is learnt."""
    vocabulary_size: int = 30522
    """The most word pieces to learn. Not used with `--vocabulary`."""
    vocabulary_sample: int = 10_000_000
    """How many bytes of text to learn from. Not used with `--vocabulary`."""
    settings: Annotated[Settings, tyro.conf.arg(name="")] = field(
        default_factory=Settings
    )
    chunk_bytes: int = 8 * 2**20
    """About how much text makes a shard."""
    processes: int | None = None
    """How many processes work. Default: one for each core."""
    beam: tuple[str, ...] | None = None
    """Run in Apache Beam with these flags, such as `runner=DirectRunner`."""


def main(config: Config):
    console, start = Console(), time.perf_counter()
    # First: Apache Beam may not be there.
    if config.beam is None:
        runner = runners.local_runner(config.processes)
    else:
        runner = runners.beam_runner([f"--{flag}" for flag in config.beam])
    job = preparation.plan(
        config.output,
        config.sources,
        config.settings,
        Corpus(config.text_field, config.data_dir),
        config.validation,
        config.chunk_bytes,
    )
    pieces = None
    if config.vocabulary is not None:
        pieces = read_vocabulary(config.vocabulary)
    with console.status("Learning a vocabulary"):
        write_vocabulary(job, pieces, config.vocabulary_size, config.vocabulary_sample)
    learnt = time.perf_counter()
    manifest = preparation.run(job, runner)
    megabytes = sum(chunk.size for chunk in job.chunks) / 1e6
    seconds = time.perf_counter() - learnt
    table = Table("", "examples", "tokens", "shards", title=str(config.output))
    for name, split in manifest["splits"].items():
        table.add_row(
            name, *(f"{split[k]:,}" for k in ("examples", "tokens", "shards"))
        )
    console.print(table)
    console.print(
        f"{megabytes:,.1f} MB of text in {seconds:.1f} s, {megabytes / seconds:.1f} "
        f"MB/s, after {learnt - start:.1f} s for the vocabulary"
    )


if __name__ == "__main__":
    errors.run(lambda arguments: main(tyro.cli(Config, args=arguments)))
