import os
import random
import subprocess
import sys

import keras_hub
import pytest

from keras_bigs.data.vocabulary import SPECIAL_TOKENS
from keras_bigs.data.vocabulary import learn_vocabulary

pytestmark = pytest.mark.without_backend
TEXTS = ["The quick brown fox jumped.", "The lazy dog slept, the fox did not."] * 20


def test_vocabulary():
    vocabulary = learn_vocabulary(TEXTS, vocabulary_size=200)
    assert vocabulary[:5] == ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]"]
    assert len(set(vocabulary)) == len(vocabulary) <= 200
    assert {"the", "quick", "a", "##a", "z", ","} <= set(vocabulary)
    tokenizer = keras_hub.models.BertTokenizer(vocabulary, lowercase=True)
    ids = tokenizer("The quick fox")
    assert [tokenizer.id_to_token(int(i)) for i in ids] == ["the", "quick", "fox"]


def test_rare_characters_are_unknown(monkeypatch):
    monkeypatch.setattr("keras_bigs.data.vocabulary.MAX_ALPHABET", 2)
    texts = ["ab"] * 20 + ["ac"] * 5
    expected = [*SPECIAL_TOKENS, "a", "b", "##a", "##b", "ab"]
    assert learn_vocabulary(texts) == expected


def test_case_and_accents():
    texts = ["Él está"] * 20
    assert {"Él", "está"} <= set(learn_vocabulary(texts, lowercase=False))
    assert {"él", "está"} <= set(learn_vocabulary(texts, strip_accents=False))
    assert {"el", "esta"} <= set(learn_vocabulary(texts))


def test_no_word_is_unknown():
    """Where there is room for single characters only; and none is there in vain."""
    texts = [*TEXTS, "naïve cafés", "Ωmega", "so…", "中文"]
    alphabet = set("".join(texts).lower()) - {" ", "…"}
    # "…" is folded to three full stops, the only ones inside of a word.
    inside = alphabet - {",", "中", "文"}
    size = len(SPECIAL_TOKENS) + len(alphabet) + len(inside)
    vocabulary = learn_vocabulary(texts, vocabulary_size=size, strip_accents=False)
    assert vocabulary == [
        *SPECIAL_TOKENS,
        *sorted(alphabet),
        *(f"##{character}" for character in sorted(inside)),
    ]
    tokenizer = keras_hub.tokenizers.WordPieceTokenizer(vocabulary, lowercase=True)
    for text in ["xΩéï", *texts]:
        assert 1 not in list(tokenizer(text))


def test_pieces_by_hand():
    """Joined by how often they come: "th" 60 times, "the" 40, "##at" 30."""
    texts = ["the"] * 40 + ["that"] * 20 + ["at"] * 9 + ["bat"] * 10
    vocabulary = learn_vocabulary(texts, vocabulary_size=20)
    single = [*SPECIAL_TOKENS, *"abeht", "##a", "##b", "##e", "##h", "##t"]
    assert vocabulary == [*single, "th", "the", "##at", "that", "bat"]


@pytest.mark.parametrize("lowercase", [True, False])
def test_every_piece_is_reached(lowercase):
    """By itself, or after another one: none is spelt as no word of a text can be."""
    vocabulary = learn_vocabulary(["Él said: 'STOP-it', 中文!"] * 20, 500, lowercase)
    tokenizer = keras_hub.tokenizers.WordPieceTokenizer(
        vocabulary, lowercase=lowercase, strip_accents=lowercase
    )
    assert len(vocabulary) > 30
    for i, piece in enumerate(vocabulary):
        if piece.startswith("##"):
            assert any(i in tokenizer(letter + piece[2:]) for letter in "aTto")
        elif piece not in SPECIAL_TOKENS:
            assert list(tokenizer(piece)) == [i]


def test_does_not_depend_on_the_process():
    """Hash tables in Python and in the trainer have seeds of their own."""
    code = (
        "import random, keras_bigs.data.vocabulary as v;"
        "rng = random.Random(0);"
        "texts = [''.join(rng.choices('abcdefgh ', k=2000)) for _ in range(9)];"
        "print(v.learn_vocabulary(texts, 400))"
    )
    outputs = [
        subprocess.run(
            [sys.executable, "-c", code],
            env={**os.environ, "PYTHONHASHSEED": seed},
            capture_output=True,
            check=True,
        ).stdout
        for seed in ("1", "2")
    ]
    assert outputs[0] == outputs[1]
    assert outputs[0].count(b",") > 100


def test_does_not_depend_on_the_order_of_texts():
    vocabulary = learn_vocabulary(TEXTS, vocabulary_size=100)
    shuffled = random.Random(0).sample(TEXTS, len(TEXTS))
    assert learn_vocabulary(iter(shuffled), vocabulary_size=100) == vocabulary


@pytest.mark.parametrize(
    "texts", [[], ["", " \n"], ["\x01"], ["a" * 101], ["a\u00a0b"]]
)
def test_no_words(texts):
    with pytest.raises(ValueError, match="no words"):
        learn_vocabulary(texts)


def test_one_string():
    with pytest.raises(ValueError, match="list of strings"):
        learn_vocabulary("text")


@pytest.mark.parametrize("size", [-1, 0, 5, 6, 30])
def test_vocabulary_size_too_small(size):
    with pytest.raises(ValueError, match=f"vocabulary_size={size} is too small"):
        learn_vocabulary(TEXTS, vocabulary_size=size)


def test_smallest_vocabulary():
    size = len(SPECIAL_TOKENS) + 2 * 2
    expected = [*SPECIAL_TOKENS, "a", "b", "##a", "##b"]
    assert learn_vocabulary(["ab"] * 20, vocabulary_size=size) == expected
    with pytest.raises(ValueError, match="are 9 pieces"):
        learn_vocabulary(["ab"], vocabulary_size=size - 1)
