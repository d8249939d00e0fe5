"""The examples of a chunk of text: tokenized, packed, padded and masked."""

import itertools
from collections.abc import Iterator

import numpy as np

from keras_bigs.data.corpus.deduplication import kept_path
from keras_bigs.data.corpus.job import Job
from keras_bigs.data.corpus.job import load_arrays
from keras_bigs.data.corpus.packing import pack
from keras_bigs.data.corpus.sentences import clean
from keras_bigs.data.corpus.sentences import split_sentences
from keras_bigs.data.pretraining import shards
from keras_bigs.errors import DataError

# Rows masked at once; their random numbers take 12 MB at 128 tokens.
MASKING_ROWS = 4096


def make_sequences(job: Job, number: int, tokenizer) -> dict[str, list[list[int]]]:
    """The packed token ids of a chunk, by split."""
    settings = job.settings
    documents = [
        [sentence for paragraph in document for sentence in split_sentences(paragraph)]
        for document in kept_documents(job, number)
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
    documents = kept_documents(job, number)
    held_out = held_out_documents(job, number, len(documents))
    return {
        "validation" if held_out[i] else "train"
        for i, document in enumerate(documents)
        if any(document)
    }


def kept_documents(job: Job, number: int) -> list[list[str]]:
    """The documents of a chunk: their paragraphs, cleaned, without repeated ones.

    Raises:
        DataError: a text cannot be read, or is not the one that was looked at for
            repetitions.
    """
    chunk = job.chunks[number]
    texts = list(job.corpus.documents(chunk))
    kept: Iterator[bool] = itertools.repeat(True)
    if job.settings.deduplicate:
        flags = load_arrays(kept_path(job, number))["kept"].tolist()
        if len(flags) != sum(map(len, texts)):
            raise DataError(
                f"{chunk.source} was changed while it was prepared. Run the same "
                "command again."
            )
        kept = iter(flags)
    return [
        [clean(paragraph) for paragraph in document if next(kept)] for document in texts
    ]


def held_out_documents(job: Job, number: int, count: int) -> np.ndarray:
    """Which of the `count` documents of a chunk are for validation: `(count,)` bool."""
    if number in job.held_out:
        return np.ones(count, bool)
    bits = np.random.Philox(key=[job.settings.seed, 2], counter=[0, 0, number, 0])
    return np.random.Generator(bits).random(count) < job.settings.validation_fraction


def pad(contents: list[list[int]], length: int, pieces: list[str]) -> dict:
    """Sequences between `[CLS]` and `[SEP]`, padded."""
    start, end, pad = (pieces.index(piece) for piece in ("[CLS]", "[SEP]", "[PAD]"))
    input_ids = np.full((len(contents), length), pad, "int32")
    for row, ids in zip(input_ids, contents, strict=True):
        row[: len(ids) + 2] = [start, *ids, end]
    lengths = np.array([len(ids) + 2 for ids in contents])
    input_mask = (np.arange(length) < lengths[:, None]).astype("uint8")
    return {
        "input_ids": input_ids,
        "input_mask": input_mask,
        "segment_ids": np.zeros_like(input_mask),
    }


def mask(masker, examples: dict, number: int, copy: int) -> dict[str, np.ndarray]:
    """The arrays that masking changes or adds."""
    token_ids = examples["input_ids"]
    rows = np.array([(copy, number, row) for row in range(len(token_ids))])
    parts = [
        masker(token_ids[i : i + MASKING_ROWS], rows[i : i + MASKING_ROWS])
        for i in range(0, len(rows), MASKING_ROWS)
    ]
    names = ("input_ids", *shards.MASK_FIELDS)
    return dict(zip(names, map(np.concatenate, zip(*parts, strict=True)), strict=True))
