"""Sentences that are too long for a model, in parts of whole words."""

from collections.abc import Sequence
from typing import Any


def fit_words(
    sentences: Sequence[Sequence[str]],
    labels: Sequence[Sequence[int]] | None,
    preprocessor: Any,
) -> list[tuple[int, list[str], list[int] | None]]:
    """Cuts sentences so that no word is beyond a model's length.

    Args:
        sentences: the words of each.
        labels: a label of each word, or `None`.
        preprocessor: of a token classifier, such as `BiGSTokenClassifierPreprocessor`.

    Returns:
        A list of parts in order: the index of the sentence, the words, and their
        labels or `None`. A sentence that fits is one part.
    """
    room = preprocessor.sequence_length - 2
    parts = []
    tokens = preprocessor.tokenize_words([list(words) for words in sentences])
    for i, (words, pieces) in enumerate(zip(sentences, tokens, strict=True)):
        starts, length = [0], 0
        for j, ids in enumerate(pieces):
            if length + len(ids) > room and j > starts[-1]:
                starts.append(j)
                length = 0
            length += len(ids)
        for start, stop in zip(starts, [*starts[1:], len(words)], strict=True):
            part = None if labels is None else list(labels[i][start:stop])
            parts.append((i, list(words[start:stop]), part))
    return parts
