"""The vocabulary of a corpus that is prepared."""

import collections
import itertools
import json
from collections.abc import Iterable
from pathlib import Path

from keras_bigs.data.corpus.job import Job
from keras_bigs.data.corpus.job import has_shards
from keras_bigs.data.corpus.sentences import clean
from keras_bigs.data.pretraining import shards
from keras_bigs.data.vocabulary import SPECIAL_TOKENS
from keras_bigs.data.vocabulary import learn_vocabulary
from keras_bigs.errors import DataError
from keras_bigs.files import sha256
from keras_bigs.files import write_text


def write_vocabulary(
    job: Job, vocabulary: Iterable[str] | None, size: int, sample_bytes: int
) -> None:
    """Writes `vocabulary.txt`: the pieces given, or learnt from a sample of the texts.

    The sample has as much of the beginning of every chunk. An interrupted job keeps the
    vocabulary that it has.

    Args:
        job: `Job`.
        vocabulary: word pieces, or `None` to learn them.
        size: the most pieces to learn.
        sample_bytes: how many bytes of text, as UTF-8, to learn from.

    Raises:
        DataError: `vocabulary` lacks a special token, has no other pieces, or has a
            piece twice; or the directory has shards of another vocabulary, or a
            `vocabulary.txt` that is not the one written here.
    """
    path = Path(job.directory) / shards.VOCABULARY
    options: dict = {"size": size, "sample_bytes": sample_bytes}
    if vocabulary is not None:
        pieces = list(vocabulary)
        _check(pieces)
        content = _lines(pieces)
        options = {"sha256": sha256(content)}
    before = vocabulary_record(job)
    if before["options"] != options and has_shards(job.directory):
        raise DataError(
            f"{job.directory} has shards of another vocabulary, made with "
            f"{before['options']}. Received: {options}. Name another directory."
        )
    if path.exists():
        digest = sha256(path)
        if digest not in (before["sha256"], options.get("sha256")):
            raise DataError(
                f"{path} is not the vocabulary of this work: it was changed, or is of "
                "another origin. Name another directory, or restore the file."
            )
        if before == {"options": options, "sha256": digest}:
            return
    if vocabulary is None:
        content = _lines(_learn(job, size, sample_bytes))
    # The record first: a vocabulary without one is not ours.
    record = {"options": options, "sha256": sha256(content)}
    write_text(job.part("vocabulary.json"), json.dumps(record, indent=1))
    write_text(path, content)


def vocabulary_record(job):
    """What `write_vocabulary` noted of the vocabulary it wrote."""
    path = job.part("vocabulary.json")
    if not path.exists():
        return {"options": None, "sha256": None}
    return json.loads(path.read_text(encoding="utf-8"))


def _check(pieces):
    """Raises unless texts can be tokenized into the pieces, and masked."""
    counts = collections.Counter(pieces)
    if missing := [token for token in SPECIAL_TOKENS if token not in counts]:
        raise DataError(f"`vocabulary` lacks {missing}. Add a line for each.")
    if len(counts) == len(SPECIAL_TOKENS):
        raise DataError("`vocabulary` has special tokens only. Add word pieces.")
    if repeated := [piece for piece, count in counts.items() if count > 1]:
        raise DataError(
            f"`vocabulary` has pieces more than once ({len(repeated)}): "
            f"{repeated[:5]}. Leave one line of each."
        )


def _learn(job, size, sample_bytes):
    """Word pieces learnt from the beginning of every chunk for training."""
    training = [c for i, c in enumerate(job.chunks) if i not in job.held_out]
    texts = []
    for chunk in training:
        room = sample_bytes // len(training)
        documents = job.corpus.read(chunk).documents()
        for paragraph in itertools.chain.from_iterable(documents):
            texts.append(clean(paragraph))
            # JSON can have halves of characters.
            room -= len(paragraph.encode(errors="surrogatepass"))
            if room < 0:
                break
    return learn_vocabulary(texts, size, lowercase=job.settings.lowercase)


def _lines(pieces):
    return "".join(f"{piece}\n" for piece in pieces)
