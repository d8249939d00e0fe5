"""Packing, sentences and words: nothing is lost, doubled or moved."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import settings
from hypothesis import strategies as st

from keras_bigs.data.corpus.packing import pack
from keras_bigs.data.corpus.sentences import clean
from keras_bigs.data.corpus.sentences import split_sentences
from keras_bigs.data.corpus.word_tokenizer import WordTokenizer
from keras_bigs.models import BiGSTokenizer

pytestmark = pytest.mark.without_backend
documents = st.lists(st.lists(st.integers(5, 99), max_size=30), max_size=20)


@settings(max_examples=200, deadline=None)
@given(documents, st.integers(1, 40), st.sampled_from([0.0, 0.1, 0.9]))
def test_every_token_once_and_in_order(sentences, length, probability):
    rng = np.random.default_rng(0)
    sequences = list(pack(sentences, length, probability, rng))
    assert all(1 <= len(sequence) <= length for sequence in sequences)
    assert sum(sequences, []) == sum(sentences, [])


@settings(max_examples=200, deadline=None)
@given(documents, st.integers(30, 60))
def test_sentences_stay_whole(sentences, length):
    """None is longer than a sequence here, so sequences end where sentences do."""
    sequences = list(pack(sentences, length, 0.0, np.random.default_rng(0)))
    ends = set(np.cumsum([len(sentence) for sentence in sentences]))
    assert set(np.cumsum([len(sequence) for sequence in sequences])) <= ends


@settings(max_examples=200, deadline=None)
@given(documents, st.integers(30, 60))
def test_sequences_are_full(sentences, length):
    """What begins a sequence did not fit into the one before."""
    sequences = list(pack(sentences, length, 0.0, np.random.default_rng(0)))
    starts = np.cumsum([0, *map(len, sentences)])
    begins = np.cumsum([0, *map(len, sequences)])[:-1]
    for before, begin in zip(sequences, begins[1:], strict=False):
        first = next(
            s
            for s, start in zip(sentences, starts, strict=False)
            if start == begin and s
        )
        assert len(before) + len(first) > length


def test_packing_by_hand():
    sentences = [[1, 2, 3], [4, 5], [6, 7, 8, 9, 10, 11, 12], [13]]
    rng = np.random.default_rng(0)
    assert list(pack(sentences, 5, 0.0, rng)) == [
        [1, 2, 3, 4, 5],
        [6, 7, 8, 9, 10],
        [11, 12, 13],
    ]


class CountingList(list):
    """Counts the items that its slices copy."""

    copied = 0

    def __getitem__(self, key):
        result = CountingList(super().__getitem__(key))
        CountingList.copied += len(result)
        return result


def test_a_long_sentence_is_copied_once():
    """A megabyte without a full stop takes no longer than one with many."""
    sentence = CountingList(range(10_000))
    sequences = list(pack([sentence], 7, 0.0, np.random.default_rng(0)))
    assert sum(sequences, []) == sentence
    assert CountingList.copied == len(sentence)


def test_short_sequences():
    """About one in two is limited to a random length from 2 on."""
    sentences = [[1]] * 60_000
    sequences = list(pack(sentences, 60, 0.5, np.random.default_rng(0)))
    lengths = np.array([len(sequence) for sequence in sequences[:-1]])
    assert lengths.min() == 2
    assert abs((lengths == 60).mean() - (0.5 + 0.5 / 59)) < 0.05


def test_sentences_by_hand():
    text = (
        'He said: "Stop!" Then (as ever) he went. "Why?" 12 men, i.e. all, left... Yes.'
    )
    assert split_sentences(text) == [
        'He said: "Stop!"',
        "Then (as ever) he went.",
        '"Why?"',
        "12 men, i.e. all, left...",
        "Yes.",
    ]


@settings(max_examples=300, deadline=None)
@given(st.text())
def test_sentences_join_to_the_text(text):
    cleaned = clean(text)
    assert " ".join(split_sentences(cleaned)) == cleaned
    assert clean(cleaned) == cleaned
    assert cleaned.split() == cleaned.split(" ") or not cleaned


def test_cleaning_by_hand():
    assert clean("a\ud83d b\udc00") == "a b"
    assert clean("\ufeffa\u200bb\t c\x00\r\n d\xade\u3000f\ufffd ") == "ab c de f"


PIECES = [
    "[PAD]",
    "[UNK]",
    "[CLS]",
    "[SEP]",
    "[MASK]",
    *"abcé.,'-0",
    "##a",
    "##b",
    "ab",
]
PIECES += ["##é", "##c", "##0", "[", "]", "mask", "中"]


alphabet = "abcéABÉ .,'-0\u0301[]中𝔞_"
LONG = "a" * 100


@settings(max_examples=100, deadline=None)
@given(st.lists(st.text(alphabet=alphabet, max_size=60), max_size=5))
def test_remembered_words_are_those_of_the_tokenizer(texts):
    """Also with combining accents, Chinese characters and unknown or long words."""
    texts = [clean(t) for t in [*texts, f"[MASK] ab-ab, É'é {LONG} é{LONG}", ""]]
    for lowercase in (True, False):
        tokenizer = TOKENIZERS[lowercase]
        expected = [np.asarray(ids).tolist() for ids in tokenizer(texts)]
        words = WordTokenizer(PIECES, lowercase, max_words=3)
        for _ in range(2):  # the second time from memory
            assert words(texts) == expected


TOKENIZERS = [BiGSTokenizer(PIECES, lowercase=lower) for lower in (False, True)]
