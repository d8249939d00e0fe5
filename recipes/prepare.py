"""Turns a corpus into shards for pretraining.

    python -m recipes.prepare books.txt wiki.jsonl.gz texts/ --output shards
    python -m recipes.prepare wikipedia/20230601.en:train --data_dir ~/tfds \\
        --output shards --vocabulary vocab.txt

Reads text files (one paragraph a line, blank lines between documents), JSONL files,
both also compressed by gzip, and TensorFlow Datasets; leaves out repeated paragraphs;
learns a WordPiece vocabulary, or takes one; tokenizes; packs the sentences of a
document into sequences of 128 tokens; and masks 15% of the tokens, as the paper does
(section 5, after Izsak et al. 2021).

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

from keras_bigs import errors
from keras_bigs.data.corpus import preparation
from keras_bigs.data.corpus import runners
from keras_bigs.data.corpus.corpus import Corpus
from keras_bigs.data.corpus.interruption import explain_interruptions
from keras_bigs.data.corpus.job import hold
from keras_bigs.data.corpus.job_vocabulary import write_vocabulary
from keras_bigs.data.corpus.report import summarize
from keras_bigs.data.corpus.settings import Settings
from keras_bigs.vocabulary import read_vocabulary


@dataclass
class Config:
    """Turns a corpus into shards for pretraining."""

    sources: Annotated[tuple[str, ...], tyro.conf.Positional]
    """Text files, JSONL files, directories of such files, quoted patterns such as
    "texts/**/*.txt", or TensorFlow Datasets as `name:split`."""
    output: pathlib.Path
    """Where to write the shards."""
    validation: tuple[str, ...] = ()
    """Sources to hold out. Without any, a share of all documents is held out."""
    text_field: str = "text"
    """The field of JSONL or of a TensorFlow Dataset that has the text."""
    data_dir: str | None = None
    """Where the data of TensorFlow Datasets are."""
    vocabulary: pathlib.Path | None = None
    """A file with one word piece a line. Without one, a vocabulary is learnt."""
    vocabulary_size: int = 30522
    """The most word pieces to learn, where no vocabulary is given."""
    vocabulary_sample: int = 10_000_000
    """How many bytes of text to learn from, where no vocabulary is given."""
    settings: Settings = field(default_factory=Settings)
    chunk_bytes: int = 8 * 2**20
    """About how many bytes of text make a shard."""
    processes: int | None = None
    """The most processes to work with. Default: one for each core."""
    beam: tuple[str, ...] | None = None
    """Flags of Apache Beam to run in it, such as `runner=DirectRunner`."""


def main(config: Config):
    console, start = Console(), time.perf_counter()
    # First: Apache Beam may not be there.
    if config.beam is None:
        runner = runners.local_runner(config.processes)
    else:
        runner = runners.beam_runner([f"--{flag}" for flag in config.beam])
    with explain_interruptions(), hold(config.output):
        job = preparation.plan(
            config.output,
            config.sources,
            config.settings,
            Corpus(config.text_field, config.data_dir),
            config.validation,
            config.chunk_bytes,
        )
        pieces = config.vocabulary and read_vocabulary(config.vocabulary)
        with console.status("Learning a vocabulary"):
            write_vocabulary(
                job, pieces, config.vocabulary_size, config.vocabulary_sample
            )
        learnt = time.perf_counter()
        manifest = preparation.run(job, runner)
    summarize(job, manifest, console)
    megabytes = sum(chunk.num_bytes for chunk in job.chunks) / 1e6
    seconds = time.perf_counter() - learnt
    console.print(
        f"{megabytes:,.1f} MB of text in {seconds:.1f} s, {megabytes / seconds:.1f} "
        f"MB/s, after {learnt - start:.1f} s for the vocabulary"
    )


if __name__ == "__main__":
    errors.run(
        lambda arguments: main(
            tyro.cli(
                Config,
                args=arguments,
                config=(tyro.conf.OmitArgPrefixes,),
                use_underscores=True,
            )
        )
    )
