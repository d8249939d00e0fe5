"""Numbers of tokens, and what a length leaves of them."""

import numpy as np
import pytest

from keras_bigs.data.token_counts import cut_off
from keras_bigs.data.token_counts import token_counts
from keras_bigs.models import BiGSTokenizer

pytestmark = pytest.mark.without_backend
SPECIAL = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]"]
TOKENIZER = BiGSTokenizer([*SPECIAL, "a", "b", "##a", "é", "."])


def test_counts_by_hand():
    """Pieces of words; unknown words are one token, and special ones are not added."""
    texts = ["b", "aaa a.", "", "Zürich b", "b", "[CLS]", "a\n\ta"]
    counts = token_counts(TOKENIZER, texts)
    np.testing.assert_array_equal(counts, [1, 5, 0, 2, 1, 3, 2])
    assert counts.dtype.kind == "i"


def test_more_than_a_batch():
    """Of 256; in the order of the texts, those that come again too."""
    numbers = np.random.default_rng(0).integers(0, 400, 900)
    texts = [" ".join("a" * n) for n in numbers]
    np.testing.assert_array_equal(token_counts(TOKENIZER, texts), numbers)


def test_cut_off_by_hand():
    """Of 3 + 10 + 20 + 7 tokens, 3 + 8 + 8 + 7 are kept."""
    cut = cut_off(np.array([3, 10, 20, 7]), 8)
    assert cut == {"examples": 4, "cut": 2, "tokens_kept": 26 / 40}
    assert [type(value) for value in cut.values()] == [int, int, float]  # for JSON


def test_what_fits_is_not_cut():
    assert cut_off([8, 1], 8) == {"examples": 2, "cut": 0, "tokens_kept": 1.0}
    assert cut_off([9], 8) == {"examples": 1, "cut": 1, "tokens_kept": 8 / 9}
