"""Sentences in parts of whole words that fit."""

import pytest
from hypothesis import given
from hypothesis import settings
from hypothesis import strategies as st

from keras_bigs.data.sentence_parts import fit_words
from keras_bigs.models import BiGSTokenClassifierPreprocessor
from keras_bigs.models import BiGSTokenizer

pytestmark = pytest.mark.without_backend
SPECIAL = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]"]
TOKENIZER = BiGSTokenizer([*SPECIAL, "a", "##a"])


def preprocessor(sequence_length):
    return BiGSTokenClassifierPreprocessor(TOKENIZER, sequence_length=sequence_length)


def test_by_hand():
    """[CLS] <4 tokens> [SEP], and "aa" is two."""
    sentences = [["aa", "a", "aa", "\u200b", "aa", "a"], ["a", "aaaaaa", "a"], ["aaaa"]]
    labels = [[0, 1, 2, 3, 4, 5], [6, 7, 8], [9]]
    assert fit_words(sentences, labels, preprocessor(6)) == [
        (0, ["aa", "a"], [0, 1]),
        (0, ["aa", "\u200b", "aa"], [2, 3, 4]),
        (0, ["a"], [5]),
        (1, ["a"], [6]),
        (1, ["aaaaaa"], [7]),  # in no part does it fit
        (1, ["a"], [8]),
        (2, ["aaaa"], [9]),
    ]
    parts = fit_words(sentences[2:], None, preprocessor(6))
    assert parts == [(0, ["aaaa"], None)]


class Letters:
    """A token a letter."""

    def __init__(self, sequence_length):
        self.sequence_length = sequence_length

    def tokenize_words(self, words):
        return [[list(word) for word in row] for row in words]


@settings(max_examples=200, deadline=None)
@given(
    lengths=st.lists(
        st.lists(st.integers(0, 7), min_size=1, max_size=25), min_size=1, max_size=4
    ),
    sequence_length=st.integers(5, 15),
)
def test_parts_are_the_sentence(lengths, sequence_length):
    """Words of so many letters, each a token; some have none."""
    words = [tuple(chr(97 + i % 26) * n for i, n in enumerate(row)) for row in lengths]
    labels = [list(range(len(row))) for row in words]
    parts = fit_words(words, labels, Letters(sequence_length))
    room = sequence_length - 2
    assert [i for i, _, _ in parts] == sorted(i for i, _, _ in parts)
    for i, sentence in enumerate(words):
        mine = [part for part in parts if part[0] == i]
        assert [w for _, part, _ in mine for w in part] == list(sentence)
        assert [x for _, _, part in mine for x in part] == labels[i]
        sizes = [sum(map(len, part)) for _, part, _ in mine]
        for (_, part, _), size in zip(mine, sizes, strict=True):
            assert part and (size <= room or len(part) == 1)
        # None is cut where the next word would have fitted.
        for size, (_, following, _) in zip(sizes, mine[1:], strict=False):
            assert size + len(following[0]) > room
    without = fit_words(words, None, Letters(sequence_length))
    assert without == [(i, part, None) for i, part, _ in parts]
