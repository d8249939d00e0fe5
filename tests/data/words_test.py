"""Words are those of the tokenizer, in TensorFlow and in Python."""

import unicodedata

import keras_hub
import pytest
import tensorflow as tf

from keras_bigs.data.words import is_word
from keras_bigs.data.words import split_words

pytestmark = pytest.mark.without_backend
# All of the alphabets, and some of what is above.
CHARACTERS = [
    chr(code)
    for code in (
        *range(1, 0x600),
        *range(0x600, 0x3400, 5),
        *range(0x3400, 0x30000, 97),
    )
    if unicodedata.category(chr(code)) not in ("Cn", "Co", "Cs")
]


@pytest.mark.parametrize("lowercase", [True, False])
@pytest.mark.parametrize("strip_accents", [True, False])
def test_words_of_the_tokenizer(lowercase, strip_accents):
    """A vocabulary of whole words: another word would be unknown."""
    texts = [f"A{c}b {c} É{c}" for c in CHARACTERS]
    texts += ["It's (so-called) café_au-lait, 中文 Straße… ½\t\n\x01Ǆ", ""]
    words = [split_words(text, lowercase, strip_accents) for text in texts]
    tokenizer = keras_hub.tokenizers.WordPieceTokenizer(
        ["[UNK]", *sorted(set().union(*words))],
        lowercase=lowercase,
        strip_accents=strip_accents,
        dtype="string",
    )
    assert tokenizer(texts) == words
    dataset = tf.data.Dataset.from_tensors(texts).map(tokenizer)
    in_tensorflow = [
        [word.decode() for word in row] for row in next(iter(dataset)).to_list()
    ]
    assert in_tensorflow == words


def test_words_by_hand():
    assert split_words("Él said: 'Stop-it', 中文!", True, True) == [
        *("el", "said", ":", "'", "stop", "-", "it", "'", ",", "中", "文", "!")
    ]
    assert split_words("Él", False, False) == ["Él"]
    assert split_words(" \t\n", True, True) == []


def test_characters_that_are_words():
    assert [c for c in "a_é…中1" if is_word(c)] == ["_", "…", "中"]
