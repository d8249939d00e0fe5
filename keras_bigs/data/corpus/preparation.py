"""From a corpus to shards of pretraining examples.

Sources are cut into chunks of text (`plan`); a vocabulary is learnt or taken
(`job_vocabulary`); then, in `run`, paragraphs that come again are marked, and every
chunk makes shards of its own, as a pure function of the chunk and the settings. So the
shards are the same bytes whether one process makes them, several, or Apache Beam (see
`runners`); and what was made before an interruption need not be made again.
"""

import dataclasses
import json
import shutil
from collections.abc import Callable
from collections.abc import Iterable
from pathlib import Path

from keras_bigs.data.corpus import deduplication
from keras_bigs.data.corpus.chunk_shards import is_made
from keras_bigs.data.corpus.chunk_shards import made_shards
from keras_bigs.data.corpus.chunk_shards import make_shards
from keras_bigs.data.corpus.corpus import Corpus
from keras_bigs.data.corpus.job import Job
from keras_bigs.data.corpus.job import has_shards
from keras_bigs.data.corpus.job_vocabulary import vocabulary_record
from keras_bigs.data.corpus.sequences import splits_with_text
from keras_bigs.data.corpus.settings import Settings
from keras_bigs.data.pretraining import shards
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
        sources: see `Corpus`; one at least.
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
    chunks = corpus.chunks(sources, chunk_bytes, without=directory)
    if not chunks:
        raise DataError(
            "`sources` is empty. Name at least one text file or TensorFlow Dataset."
        )
    held_out = corpus.chunks(validation_sources, chunk_bytes, without=directory)
    if held_out:
        settings = dataclasses.replace(settings, validation_fraction=0.0)
    numbers = range(len(chunks), len(chunks) + len(held_out))
    job = Job(
        str(directory), corpus, (*chunks, *held_out), frozenset(numbers), settings
    )
    path, identity = job.part("job.json"), job.identity()
    if path.exists():
        before = json.loads(path.read_text(encoding="utf-8"))
        if before == identity:
            return job
        if has_shards(directory):
            _refuse(directory, before, identity)
        _forget(job)
    write_text(path, json.dumps(identity, indent=1))
    return job


def _refuse(directory, before, identity):
    """Raises, since a directory has shards of another job."""
    if before.keys() != identity.keys():
        what = "an earlier version of keras_bigs, which can be trained on as they are"
    else:
        what = f"other {' and '.join(k for k in before if before[k] != identity[k])}"
    raise DataError(f"{directory} has shards of {what}. Name another directory.")


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
    numbers = range(len(job.chunks))
    with runner(job) as for_each:
        if job.settings.deduplicate:
            _mark_repetitions(job, for_each)
        if missing := [i for i in numbers if not is_made(job, i)]:
            _check_splits(job, _splits(job))
            for_each(make_shards, missing, "Making shards")
    infos = [info for number in numbers for info in made_shards(job, number)]
    _check_splits(job, {info.split for info in infos})
    shards.write_manifest(
        job.directory,
        dataclasses.asdict(job.settings),
        sorted(infos, key=lambda info: info.name),
        deduplication.count_repetitions(job) if job.settings.deduplicate else None,
    )
    return shards.read_manifest(job.directory)[0]


def _mark_repetitions(job, for_each):
    """Marks the paragraphs that come again, unless all are marked already."""
    numbers = range(len(job.chunks))
    if all(deduplication.is_marked(job, i) for i in numbers):
        return
    deduplication.forget_marks(job)
    for_each(deduplication.hash_paragraphs, numbers, "Deduplicating")
    deduplication.mark_repetitions(job)


def _splits(job) -> set[str]:
    """The splits that the texts make, as far as must be read to find all of them."""
    holds_out = job.settings.validation_fraction or job.held_out
    wanted = {"train", "validation"} if holds_out else {"train"}
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
    if job.held_out and "validation" not in splits:
        raise DataError(
            "The sources for validation make no example. Name others, or none."
        )
    fraction = job.settings.validation_fraction
    if fraction and "validation" not in splits:
        raise DataError(
            f"`validation_fraction`={fraction} of the documents held out none. Name a "
            "larger fraction; or 0, and sources of their own for validation."
        )
