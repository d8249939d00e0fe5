"""From a corpus to shards of pretraining examples.

The work is cut into chunks of text, and every chunk makes shards of its own, as a pure
function of the chunk and the settings. So the shards are the same bytes whether one
process makes them, several, or Apache Beam (see `runners`); and what was made before
an interruption need not be made again.
"""

import contextlib
import dataclasses
import functools
import gc
import hashlib
import json
import shutil
from collections.abc import Callable
from collections.abc import Iterable
from pathlib import Path

import numpy as np

from keras_bigs.data.corpus.corpus import Corpus
from keras_bigs.data.corpus.deduplication import hash_paragraphs
from keras_bigs.data.corpus.deduplication import is_marked
from keras_bigs.data.corpus.deduplication import kept_path
from keras_bigs.data.corpus.deduplication import mark_repetitions
from keras_bigs.data.corpus.examples import make_sequences
from keras_bigs.data.corpus.examples import mask
from keras_bigs.data.corpus.examples import pad
from keras_bigs.data.corpus.examples import splits_with_text
from keras_bigs.data.corpus.job import Job
from keras_bigs.data.corpus.job import Settings
from keras_bigs.data.corpus.job import has_shards
from keras_bigs.data.corpus.job import load_arrays
from keras_bigs.data.corpus.job_vocabulary import read_vocabulary
from keras_bigs.data.corpus.job_vocabulary import vocabulary_record
from keras_bigs.data.corpus.word_tokenizer import WordTokenizer
from keras_bigs.data.pretraining import shards
from keras_bigs.data.pretraining.masking import Masker
from keras_bigs.errors import DataError
from keras_bigs.files import sha256
from keras_bigs.files import write_text


def plan(
    directory,
    sources: Iterable[str],
    settings: Settings,
    corpus: Corpus | None = None,
    validation_sources: Iterable[str] = (),
    chunk_bytes: int = 8 * 2**20,
) -> Job:
    """Cuts sources into chunks and claims the directory.

    A directory is free for other texts and settings until it has shards.

    Args:
        directory: where the shards will be.
        sources: see `Corpus.chunks`; one at least.
        settings: `Settings`.
        corpus: `Corpus`, for its options.
        validation_sources: more sources, all for validation; then nothing is held out
            of `sources`.
        chunk_bytes: the size of a chunk.

    Raises:
        DataError: no sources, a source that is not readable, or `directory` has shards
            of another job.
        ValueError: `chunk_bytes` is below 1.
    """
    corpus = corpus or Corpus()
    chunks = corpus.chunks(sources, chunk_bytes)
    if not chunks:
        raise DataError(
            "`sources` is empty. Name at least one text file or TensorFlow Dataset."
        )
    held_out = corpus.chunks(validation_sources, chunk_bytes)
    if held_out:
        settings = dataclasses.replace(settings, validation_fraction=0.0)
    numbers = range(len(chunks), len(chunks) + len(held_out))
    job = Job(
        str(directory), corpus, (*chunks, *held_out), frozenset(numbers), settings
    )
    path = job.part("job.json")
    identity = json.dumps(job.identity(), indent=1)
    if path.exists() and path.read_text(encoding="utf-8") != identity:
        if has_shards(directory):
            raise DataError(
                f"{directory} has shards of other texts or settings. Name another "
                "directory."
            )
        _forget(job)
    if not path.exists():
        write_text(path, identity)
    return job


def _forget(job):
    """Removes what an earlier job left that made no shards."""
    path = Path(job.directory) / shards.VOCABULARY
    if path.exists() and sha256(path) == vocabulary_record(job)["sha256"]:
        path.unlink()
    shutil.rmtree(job.part("job.json").parent)


def run(job: Job, runner: Callable) -> dict:
    """Makes all shards that are not there yet, and then the manifest.

    Args:
        job: `Job`, whose directory has `vocabulary.txt`.
        runner: calls a function for every chunk number, see `runners`.

    Returns:
        The manifest.

    Raises:
        DataError: a text cannot be read, nothing is left of the texts, or nothing was
            held out of them.
    """
    numbers = list(range(len(job.chunks)))
    if job.settings.deduplicate and not all(is_marked(job, i) for i in numbers):
        # Marks depend on all texts, so none may be left of an earlier state.
        for i in numbers:
            kept_path(job, i).unlink(missing_ok=True)
        runner(functools.partial(hash_paragraphs, job), numbers, "Deduplicating")
        mark_repetitions(job)
    missing = [i for i in numbers if not _is_made(job, i)]
    if missing:
        _check_splits(job, _splits(job))
        runner(functools.partial(make_shards, job), missing, "Making shards")
    infos = [
        shards.ShardInfo(**info)
        for number in numbers
        for info in _record(job, number)["shards"]
    ]
    _check_splits(job, {info.split for info in infos})
    order = sorted(infos, key=lambda info: info.name)
    shards.write_manifest(job.directory, dataclasses.asdict(job.settings), order)
    return shards.read_manifest(job.directory)[0]


def _splits(job) -> set[str]:
    """The splits that the texts make, as far as must be read to find all of them."""
    wanted = {"train", "validation"} if job.settings.validation_fraction else {"train"}
    found: set[str] = set()
    for number in range(len(job.chunks)):
        found |= splits_with_text(job, number)
        if found >= wanted:
            break
    return found


def _check_splits(job, splits):
    """Raises if nothing is left of the texts, or nothing was held out of them."""
    if "train" not in splits:
        raise DataError("The texts make no training example.")
    fraction = job.settings.validation_fraction
    if fraction and "validation" not in splits:
        raise DataError(
            f"`validation_fraction`={fraction} of the documents held out none. Name a "
            "larger fraction; or 0, and sources of their own for validation "
            "(--validation)."
        )


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
    """Makes the shards of a chunk, and the record that says so."""
    settings, infos, inputs = job.settings, [], _inputs(job, number)
    pieces, tokenizer = _tokenizer(
        job.directory, settings.lowercase, inputs["vocabulary"]
    )
    sequences = make_sequences(job, number, tokenizer)
    # Of an earlier text or vocabulary there may have been more.
    if before := _record(job, number):
        for info in before["shards"]:
            (Path(job.directory) / info["name"]).unlink(missing_ok=True)
    masker = Masker(pieces, settings.masking, settings.seed)
    # Ids and positions as small as they can be, for every shard the same.
    dtypes = {
        "input_ids": np.min_scalar_type(len(pieces) - 1),
        "masked_lm_ids": np.min_scalar_type(len(pieces) - 1),
        "masked_lm_positions": np.min_scalar_type(settings.sequence_length - 1),
    }
    for split, contents in sequences.items():
        if not contents:
            continue
        examples = pad(contents, settings.sequence_length, pieces)
        copies = settings.copies if split == "train" else 1
        for copy in range(max(copies, 1)):
            arrays = dict(examples)
            if copies:
                arrays |= mask(masker, examples, number, copy)
            arrays = {
                name: array.astype(dtypes.get(name, array.dtype))
                for name, array in arrays.items()
            }
            name = f"{split}-{copy:02d}-{number:05d}.hdf5"
            digest = shards.write_shard(Path(job.directory) / name, arrays)
            tokens = int(examples["input_mask"].sum())
            infos.append(
                shards.ShardInfo(
                    name, split, number, copy, len(contents), tokens, digest
                )
            )
    record = {"inputs": inputs, "shards": [dataclasses.asdict(i) for i in infos]}
    write_text(job.part(f"{number:05d}.json"), json.dumps(record))


def _inputs(job, number) -> dict:
    """Hashes of what the shards of a chunk are made from, besides the settings."""
    inputs = {
        "vocabulary": sha256(Path(job.directory) / shards.VOCABULARY),
        "text": job.corpus.fingerprint(job.chunks[number]),
    }
    if job.settings.deduplicate:
        kept = load_arrays(kept_path(job, number))["kept"]
        inputs["kept"] = hashlib.sha256(kept.tobytes()).hexdigest()
    return inputs


@functools.lru_cache(1)
def _tokenizer(directory, lowercase, digest):
    """The vocabulary of a job and its tokenizer, made once for each process.

    `digest`, the hash of the vocabulary, only says whether they may be used again.
    """
    pieces = read_vocabulary(directory)
    return pieces, WordTokenizer(pieces, lowercase)


def _is_made(job, number):
    """Whether all shards of a chunk are there, undamaged and of the same inputs."""
    record = _record(job, number)
    if record is None or record["inputs"] != _inputs(job, number):
        return False
    paths = [(Path(job.directory) / i["name"], i["sha256"]) for i in record["shards"]]
    return all(p.exists() and sha256(p) == digest for p, digest in paths)


def _record(job, number) -> dict | None:
    """What is noted of the shards of a chunk: their inputs and `ShardInfo`s."""
    path = job.part(f"{number:05d}.json")
    return json.loads(path.read_text(encoding="utf-8")) if path.exists() else None
