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
from dataclasses import dataclass
from dataclasses import field
from typing import Annotated

import tyro

from keras_bigs import errors
from keras_bigs import files
from keras_bigs.data.corpus import runners
from keras_bigs.data.corpus.corpus import Corpus
from keras_bigs.data.corpus.prepare_corpus import prepare_corpus
from keras_bigs.data.corpus.settings import Settings
from keras_bigs.training.command_line import parse_config
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
    # First: Apache Beam may not be there.
    if config.beam is None:
        runner = runners.local_runner(config.processes)
    else:
        runner = runners.beam_runner([f"--{flag}" for flag in config.beam])
    prepare_corpus(
        config.sources,
        config.output,
        config.settings,
        Corpus(config.text_field, config.data_dir),
        validation=config.validation,
        vocabulary=config.vocabulary and read_vocabulary(config.vocabulary),
        vocabulary_size=config.vocabulary_size,
        vocabulary_sample=config.vocabulary_sample,
        chunk_bytes=config.chunk_bytes,
        runner=runner,
    )


if __name__ == "__main__":
    errors.run(files.on_disk(lambda arguments: main(parse_config(Config, arguments))))
