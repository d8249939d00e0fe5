"""Fast tokenization of much text by remembering words."""

import itertools
import re
from collections.abc import Iterable

import tensorflow as tf

_ASCII_PARTS = re.compile(r"[A-Za-z0-9]+|[^A-Za-z0-9]")


class WordTokenizer:
    """Token ids as a `BiGSTokenizer` gives them, computed once for each distinct word.

    The tokenizer parts text at whitespace and at punctuation before it looks for word
    pieces, so the ids of a text are those of its words, end to end. Most words come
    again and again: this is about ten times as fast as tokenizing all of the text.

    Args:
        tokenizer: `BiGSTokenizer`.
        max_words: int. When more words than this are remembered, all are forgotten.

    Raises:
        ValueError: a tokenizer with `split=False`, or one that reads special tokens in
            texts.
    """

    def __init__(self, tokenizer, max_words: int = 2**20):
        if not tokenizer.split or tokenizer.special_tokens_in_strings:
            raise ValueError(
                "`tokenizer` must split texts into words, by "
                "`split=True, special_tokens_in_strings=False`. Received: "
                f"split={tokenizer.split}, special_tokens_in_strings="
                f"{tokenizer.special_tokens_in_strings}"
            )
        self._tokenizer = tokenizer
        self._max_words = max_words
        # Tuples: the garbage collector does not go through those of numbers.
        self._ids: dict[str, tuple[int, ...]] = {}
        self._part_ids: dict[str, tuple[int, ...]] = {}

    def __call__(self, texts: Iterable[str]) -> list[list[int]]:
        """The token ids of each text."""
        split = [text.split() for text in texts]
        if len(self._ids) > self._max_words:
            self._ids.clear()
            self._part_ids.clear()
        self._remember(set().union(*split) - self._ids.keys())
        return [list(_concatenate(self._ids, words)) for words in split]

    def _remember(self, words: set[str]) -> None:
        # Many words differ in punctuation only: "word", "word,", "(word".
        parts = {
            word: _ASCII_PARTS.findall(word)
            for word in words
            if word.isascii() and not word.isalnum()
        }
        simple = words - parts.keys()
        new = list(simple.union(*parts.values()) - self._part_ids.keys())
        # In tf.data, keras-hub tokenizes by TF-Text, and else in Python.
        dataset = tf.data.Dataset.from_tensors(tf.constant(new, tf.string))
        rows = next(iter(dataset.map(self._tokenizer)))
        ids, ends = rows.values.numpy().tolist(), rows.row_splits.numpy().tolist()
        for part, start, end in zip(new, ends[:-1], ends[1:], strict=True):
            self._part_ids[part] = tuple(ids[start:end])
        for word in simple:
            self._ids[word] = self._part_ids[word]
        for word, its_parts in parts.items():
            self._ids[word] = tuple(_concatenate(self._part_ids, its_parts))


def _concatenate(ids, words):
    """The ids of words, end to end."""
    return itertools.chain.from_iterable(map(ids.__getitem__, words))
