"""Lists of texts are tokenized as keras-hub tokenizes them."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import settings
from hypothesis import strategies as st
from keras_hub.tokenizers import WordPieceTokenizer

from keras_bigs import models

PIECES = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]", "The", "the", "fox", "ss"]
PIECES += [*"abcdefgxyzABCÅé.,!$[]-中文あßI", *(f"##{c}" for c in "abcdefgxyzsåéI中'")]
# Accents, joiners, ligatures, what folds to two letters, controls, all kinds of spaces.
SPECIAL = (
    "é e\u0301 ß İ ﬁ Å \u200d \u00ad \ufe0f 中 文 ｱ \u3000 \x00 \x7f \t\n\u2028 ’ —"
)
TEXTS = st.lists(
    st.one_of(
        st.sampled_from(["[MASK]", "[mask]", "[CLS]", "The fox.", " ", "a-b", "Ǆ"]),
        st.text(st.sampled_from(SPECIAL + "abcxyzABC.,!$[]'"), max_size=8),
        st.text(max_size=6),
    ),
    max_size=6,
).map("".join)


@settings(max_examples=300, deadline=None)
@given(
    texts=st.lists(TEXTS, min_size=1, max_size=3),
    lowercase=st.booleans(),
    strip_accents=st.booleans(),
    split_on_cjk=st.booleans(),
    special_tokens_in_strings=st.booleans(),
)
def test_as_keras_hub(texts, **options):
    tokenizer = models.BiGSTokenizer(PIECES, **options)
    expected = WordPieceTokenizer.__call__(tokenizer, texts)
    actual = tokenizer(texts)
    assert actual == expected
    assert tokenizer(texts) == expected  # of words that are known by now
    assert [type(row) for row in actual] == [list] * len(texts)


def test_known_words_are_those_of_the_vocabulary():
    tokenizer = models.BiGSTokenizer(PIECES)
    assert tokenizer(["the fox"]) == [[6, 7]]
    tokenizer.set_vocabulary([*PIECES[:5], "fox", "the"])
    assert tokenizer(["the fox"]) == [[6, 5]]
    assert tokenizer(["The"]) == [[6]]
    tokenizer.lowercase = False
    assert tokenizer(["The"]) == [[1]]


@pytest.mark.parametrize("texts", [[], "the fox", ["the", b"fox"], np.array(["the"])])
def test_other_inputs_are_keras_hubs(texts):
    tokenizer = models.BiGSTokenizer(PIECES)
    actual = tokenizer(texts)
    expected = WordPieceTokenizer.__call__(tokenizer, texts)
    assert type(actual) is type(expected)
    np.testing.assert_array_equal(actual, expected)


@pytest.mark.parametrize(
    "options", [{"sequence_length": 3}, {"dtype": "string"}, {"split": False}]
)
def test_other_outputs_are_keras_hubs(options):
    tokenizer = models.BiGSTokenizer(PIECES, **options)
    texts = ["the", "fox"]
    np.testing.assert_array_equal(
        tokenizer(texts), WordPieceTokenizer.__call__(tokenizer, texts)
    )
