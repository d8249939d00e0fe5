"""The shards of a chunk, and the record that says of what they were made."""

import contextlib
import dataclasses
import functools
import gc
import hashlib
import json
from pathlib import Path

import numpy as np

from keras_bigs.data.corpus.corpus import ChunkText
from keras_bigs.data.corpus.deduplication import kept_paragraphs
from keras_bigs.data.corpus.examples import mask
from keras_bigs.data.corpus.examples import pad
from keras_bigs.data.corpus.job import Job
from keras_bigs.data.corpus.sequences import make_sequences
from keras_bigs.data.corpus.word_tokenizer import WordTokenizer
from keras_bigs.data.pretraining import shards
from keras_bigs.data.pretraining.masking import Masker
from keras_bigs.files import sha256
from keras_bigs.files import write_text
from keras_bigs.vocabulary import read_vocabulary


@contextlib.contextmanager
def _without_garbage_collection():
    """A tenth faster: many lists are made here, and no cycles of them."""
    was_enabled = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if was_enabled:
            gc.enable()


@_without_garbage_collection()
def make_shards(job: Job, number: int) -> None:
    """Makes the shards of a chunk, and the record that says so.

    Raises:
        DataError: its text cannot be read, or is not the one that was looked at for
            repetitions.
    """
    text = job.corpus.read(job.chunks[number])
    inputs = _inputs(job, number, text)
    pieces, tokenizer = _tokenizer(
        job.directory, job.settings.lowercase, inputs["vocabulary"]
    )
    sequences = make_sequences(job, number, text, tokenizer)
    # Of an earlier text or vocabulary there may have been more.
    for info in made_shards(job, number):
        (Path(job.directory) / info.name).unlink(missing_ok=True)
    infos = [
        info
        for split, contents in sequences.items()
        if contents
        for info in _write_copies(job, number, split, contents, pieces)
    ]
    record = {"inputs": inputs, "shards": [dataclasses.asdict(i) for i in infos]}
    write_text(_record_path(job, number), json.dumps(record))


def is_made(job: Job, number: int) -> bool:
    """Whether all shards of a chunk are there, undamaged and of the same inputs."""
    path = _record_path(job, number)
    if not path.exists():
        return False
    text = job.corpus.read(job.chunks[number])
    inputs = json.loads(path.read_text(encoding="utf-8"))["inputs"]
    if inputs != _inputs(job, number, text):
        return False
    infos = [(Path(job.directory) / i.name, i) for i in made_shards(job, number)]
    return all(path.exists() and sha256(path) == info.sha256 for path, info in infos)


def made_shards(job: Job, number: int) -> list[shards.ShardInfo]:
    """The shards of a chunk, as far as they are made."""
    path = _record_path(job, number)
    if not path.exists():
        return []
    record = json.loads(path.read_text(encoding="utf-8"))
    return [shards.ShardInfo(**info) for info in record["shards"]]


def _write_copies(job, number, split, contents, pieces):
    """Writes the sequences of a split as often as the settings say."""
    settings = job.settings
    masker = Masker(pieces, settings.masking, settings.seed)
    examples = pad(contents, settings.sequence_length, pieces)
    copies = settings.copies if split == "train" else 1
    # Ids and positions as small as they can be, for every shard the same.
    dtypes = {
        "input_ids": np.min_scalar_type(len(pieces) - 1),
        "masked_lm_ids": np.min_scalar_type(len(pieces) - 1),
        "masked_lm_positions": np.min_scalar_type(settings.sequence_length - 1),
    }
    for copy in range(max(copies, 1)):
        arrays = dict(examples)
        if copies:
            arrays |= mask(masker, examples, number, copy)
        arrays = {
            name: array.astype(dtypes.get(name, array.dtype))
            for name, array in arrays.items()
        }
        name = f"{split}-{copy:02d}-{number:05d}.hdf5"
        yield shards.ShardInfo(
            name=name,
            split=split,
            number=number,
            copy=copy,
            num_examples=len(contents),
            num_tokens=int(examples["input_mask"].sum()),
            sha256=shards.write_shard(Path(job.directory) / name, arrays),
        )


def _inputs(job, number, text: ChunkText) -> dict:
    """Hashes of what the shards of a chunk are made from, besides the settings."""
    inputs = {
        "vocabulary": sha256(Path(job.directory) / shards.VOCABULARY),
        "text": text.fingerprint(),
    }
    if job.settings.deduplicate:
        kept = kept_paragraphs(job, number, text)
        inputs["kept"] = hashlib.sha256(kept.tobytes()).hexdigest()
    return inputs


@functools.lru_cache(1)
def _tokenizer(directory, lowercase, digest):
    """The vocabulary of a job and its tokenizer, made once for each process.

    `digest`, the hash of the vocabulary, only says whether they may be used again.
    """
    pieces = read_vocabulary(Path(directory) / shards.VOCABULARY)
    return pieces, WordTokenizer(pieces, lowercase)


def _record_path(job, number):
    return job.part(f"{number:05d}.json")
