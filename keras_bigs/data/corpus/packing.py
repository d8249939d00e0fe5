"""Sentences of a document packed into sequences of bounded length."""

from collections.abc import Iterable
from collections.abc import Iterator

import numpy as np


def pack(
    sentences: Iterable[list[int]],
    length: int,
    short_sequence_probability: float,
    rng: np.random.Generator,
) -> Iterator[list[int]]:
    """Packs the sentences of one document (Izsak et al. 2021, section 3).

    Whole sentences fill a sequence until the next one does not fit. One that is longer
    than a sequence is cut. There are no sentence pairs: the paper drops next-sentence
    prediction. Every token comes once and in order.

    Args:
        sentences: the token ids of each sentence, without special tokens.
        length: the most tokens of a sequence, `"[CLS]"` and `"[SEP]"` not counted.
        short_sequence_probability: how often a sequence gets a random lower limit, from
            2 on, so that the model also sees short inputs.
        rng: draws these limits.

    Yields:
        The token ids of each sequence, from 1 to `length` of them.
    """

    def limit():
        if length > 2 and rng.random() < short_sequence_probability:
            return int(rng.integers(2, length + 1))
        return length

    sequence, room = [], limit()
    for sentence in sentences:
        if sequence and len(sequence) + len(sentence) > room:
            yield sequence
            sequence, room = [], limit()
        start = 0
        while len(sentence) - start > room:
            yield sentence[start : start + room]
            start, room = start + room, limit()
        sequence += sentence[start:]
    if sequence:
        yield sequence
