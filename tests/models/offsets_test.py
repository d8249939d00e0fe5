"""Character offsets of word pieces: by hand, and against the tokenizer on any text."""

import time
import unicodedata

import numpy as np
import pytest
from hypothesis import example
from hypothesis import given
from hypothesis import settings
from hypothesis import strategies as st
from keras_hub.src.utils.tensor_utils import casefold_utf8

from keras_bigs.models import BiGSTokenizer
from keras_bigs.models import tokenize_with_offsets

pytestmark = pytest.mark.without_backend

SPECIAL = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]"]
WORDS = [
    *("the", "fox", "##es", "caf", "##e", "cafe", "café", "##é", "stra", "##ss"),
    *("f", "##i", "##ve", "中", "文", "한", "##국", "!", "❤", "👩", "ha", "##t", "x"),
]

CASES = {
    "words and pieces": ("The  foxes!", {}, "the:0:3 fox:5:8 ##es:8:10 !:10:11"),
    "an unknown word is one token": ("the zzz fox", {}, "the:0:3 [UNK]:4:7 fox:8:11"),
    "a word beyond 100 bytes too": ("x" * 101 + " x", {}, "[UNK]:0:101 x:102:103"),
    "whitespace and control characters": (
        "\tthe\u200b\x07fox\u00ad\r\n",
        {},
        "the:1:4 fox:6:9",
    ),
    "accents kept, composed": ("Café", {"strip_accents": False}, "café:0:4"),
    "accents kept, decomposed": ("Cafe\u0301", {"strip_accents": False}, "café:0:5"),
    "accents stripped, composed": (
        "CAFÉE",
        {"strip_accents": True},
        "cafe:0:4 ##e:4:5",
    ),
    # The accent belongs to the letter before it, and so to that letter's piece.
    "accents stripped, decomposed": (
        "the cafe\u0301e",
        {"strip_accents": True},
        "the:0:3 cafe:4:9 ##e:9:10",
    ),
    "an accent between two pieces": (
        "caf\u0327é",
        {"strip_accents": True, "lowercase": False},
        "cafe:0:5",
    ),
    "an accent at the start": ("\u0301the", {"strip_accents": True}, "the:0:4"),
    # One character, two letters: both pieces cover all of it.
    "sharp s": ("Straß", {}, "stra:0:4 ##ss:4:5"),
    "a ligature that is split": ("ﬁve", {}, "f:0:1 ##i:0:1 ##ve:1:3"),
    "Chinese": ("the中文", {}, "the:0:3 中:3:4 文:4:5"),
    "Korean, composed": ("한국", {}, "한:0:1 ##국:1:2"),
    # Folding composes the letters of a syllable.
    "Korean, decomposed": (
        unicodedata.normalize("NFD", "한국"),
        {},
        "한:0:3 ##국:3:6",
    ),
    "emoji with a variation selector": ("❤\ufe0f fox", {}, "❤:0:2 fox:3:6"),
    # The joiner splits words and is in none.
    "emoji with a joiner": ("👩\u200d❤", {}, "👩:0:1 ❤:2:3"),
    "cased": ("The fox", {"lowercase": False}, "[UNK]:0:3 fox:4:7"),
    "special tokens": (
        "ha[MASK]THE",
        {"special_tokens_in_strings": True},
        "ha:0:2 [MASK]:2:8 the:8:11",
    ),
    "not split": ("hat", {"split": False}, "ha:0:2 ##t:2:3"),
    "nothing": ("", {}, ""),
    "only whitespace": (" \n", {}, ""),
}


@pytest.mark.parametrize("name", CASES)
def test_by_hand(name):
    text, options, expected = CASES[name]
    expected = [part.rsplit(":", 2) for part in expected.split()]
    expected = [(piece, int(start), int(end)) for piece, start, end in expected]
    tokenizer = BiGSTokenizer(SPECIAL + WORDS, **options)
    token_ids, offsets = tokenize_with_offsets(tokenizer, text)
    tokens = [tokenizer.id_to_token(i) for i in token_ids]
    result = [(token, *span) for token, span in zip(tokens, offsets, strict=True)]
    assert result == expected
    assert token_ids == np.asarray(tokenizer(text)).tolist()


def strip(text):
    text = unicodedata.normalize("NFD", text)
    return "".join(c for c in text if unicodedata.category(c) != "Mn")


# Characters that compose, decompose, reorder, vanish, expand or split words.
TRICKY = (
    "aeikKsß１ıİſﬁﬃŉàéǰև ΌὈᾳΑ\u0345 ａｶ\uff9eガ 가각\u1100\u1161\u11a8\u115f\u3164"
    "中文字\uf900 \u0301\u0308\u0327\u0323\u034f\u302e\u302f\u200d\ufe0f❤👩🏽"
    "\t\n\u00a0\u3000\u0085\x00.,#' \u09c7\u09be\u09d7\u0f73\u0f71\u0f72"
    "\U0001d15e\U0001d165\U00016ff0\u2126\u212a\ufb1d"
)
LETTERS = {
    letter
    for c in TRICKY
    for form in (c, casefold_utf8(c), unicodedata.normalize("NFD", c))
    for letter in form
    if ord(letter) > 32
}
TOKENIZERS = [
    BiGSTokenizer(SPECIAL + sorted(LETTERS | {f"##{c}" for c in LETTERS}), **options)
    for options in (
        {},
        {"strip_accents": True},
        {"lowercase": False},
        {"lowercase": False, "strip_accents": True},
        {"strip_accents": True, "special_tokens_in_strings": True},
        {"strip_accents": True, "split_on_cjk": False},
        {"strip_accents": True, "split": False},
    )
]


@settings(max_examples=500, deadline=None)
@given(
    text=st.lists(
        st.one_of(
            st.sampled_from(TRICKY),
            st.characters(exclude_categories=["Cs"]),
            st.sampled_from(["[CLS]", "[UNK]", "##"]),
        ),
        max_size=20,
    ).map("".join),
    tokenizer=st.sampled_from(TOKENIZERS),
)
@example(text="\u1100\u302e\u1161\u0301", tokenizer=TOKENIZERS[1])
@example(text="e\u0323\u0301\u0301 \u0301", tokenizer=TOKENIZERS[0])
def test_on_any_text(text, tokenizer):
    """Ids are the tokenizer's; spans are in order, and each holds its piece."""
    token_ids, offsets = tokenize_with_offsets(tokenizer, text)
    assert token_ids == np.asarray(tokenizer(text)).tolist()
    assert len(offsets) == len(token_ids)
    previous = (0, 0)
    for token_id, (start, end) in zip(token_ids, offsets, strict=True):
        assert 0 <= start < end <= len(text)
        assert start >= previous[0] and end >= previous[1]
        previous = (start, end)
        piece, covered = tokenizer.id_to_token(token_id), text[start:end]
        if piece in tokenizer.special_tokens or piece == "[UNK]":
            continue
        if tokenizer.strip_accents:
            covered = strip(covered)
        if tokenizer.lowercase:
            covered = casefold_utf8(covered)
        assert (piece.removeprefix("##") or piece) in covered


def test_long_text_takes_linear_time():
    """Accents are traced in a text before it is split."""
    tokenizer = TOKENIZERS[1]
    text = "中é\u0323\u302e" * 5_000
    begin = time.perf_counter()
    token_ids, offsets = tokenize_with_offsets(tokenizer, text)
    assert time.perf_counter() - begin < 10
    assert len(token_ids) == len(offsets) >= 10_000


def test_bytes_are_no_text():
    with pytest.raises(ValueError, match="`text` must be a string"):
        tokenize_with_offsets(TOKENIZERS[0], b"fox")
