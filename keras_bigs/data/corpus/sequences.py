"""The sequences of a chunk: its documents tokenized, and packed by sentences."""

import numpy as np

from keras_bigs.data.corpus.corpus import ChunkText
from keras_bigs.data.corpus.deduplication import kept_paragraphs
from keras_bigs.data.corpus.job import Job
from keras_bigs.data.corpus.packing import pack
from keras_bigs.data.corpus.sentences import clean
from keras_bigs.data.corpus.sentences import split_sentences


def make_sequences(
    job: Job, number: int, text: ChunkText, tokenizer
) -> dict[str, list[list[int]]]:
    """The packed token ids of a chunk, by split.

    Args:
        job: `Job`.
        number: the number of the chunk.
        text: what was read of it.
        tokenizer: maps strings to lists of token ids.
    """
    settings = job.settings
    documents = [
        [sentence for paragraph in document for sentence in split_sentences(paragraph)]
        for document in kept_documents(job, number, text)
    ]
    ids = iter(tokenizer(sentence for document in documents for sentence in document))
    held_out = held_out_documents(job, number, len(documents))
    sequences: dict[str, list[list[int]]] = {"train": [], "validation": []}
    for i, document in enumerate(documents):
        bits = np.random.Philox(key=[settings.seed, 1], counter=[0, i, number, 0])
        sequences["validation" if held_out[i] else "train"] += pack(
            (next(ids) for _ in document),
            settings.sequence_length - 2,
            settings.short_sequence_probability,
            np.random.Generator(bits),
        )
    return sequences


def splits_with_text(job: Job, number: int) -> set[str]:
    """The splits for which a chunk has text."""
    documents = kept_documents(job, number, job.corpus.read(job.chunks[number]))
    held_out = held_out_documents(job, number, len(documents))
    return {
        "validation" if held_out[i] else "train"
        for i, document in enumerate(documents)
        if any(document)
    }


def kept_documents(job: Job, number: int, text: ChunkText) -> list[list[str]]:
    """The documents of a chunk: their paragraphs, cleaned, without repeated ones."""
    if not job.settings.deduplicate:
        return [[clean(p) for p in document] for document in text.documents()]
    kept = iter(kept_paragraphs(job, number, text).tolist())
    return [
        [clean(paragraph) for paragraph in document if next(kept)]
        for document in text.documents()
    ]


def held_out_documents(job: Job, number: int, count: int) -> np.ndarray:
    """Which of the `count` documents of a chunk are for validation: `(count,)` bool."""
    if number in job.held_out:
        return np.ones(count, bool)
    bits = np.random.Philox(key=[job.settings.seed, 2], counter=[0, 0, number, 0])
    return np.random.Generator(bits).random(count) < job.settings.validation_fraction
