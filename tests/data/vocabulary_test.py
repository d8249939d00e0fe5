import random

import keras_hub
import pytest

from keras_bigs.data.vocabulary import SPECIAL_TOKENS
from keras_bigs.data.vocabulary import learn_vocabulary

TEXTS = ["The quick brown fox jumped.", "The lazy dog slept, the fox did not."] * 20


def test_vocabulary():
    vocabulary = learn_vocabulary(TEXTS, vocabulary_size=200)
    assert vocabulary[:5] == ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]"]
    assert len(set(vocabulary)) == len(vocabulary) <= 200
    assert {"the", "quick", "a", "##a", "z", ","} <= set(vocabulary)
    tokenizer = keras_hub.models.BertTokenizer(vocabulary, lowercase=True)
    ids = tokenizer("The quick fox")
    assert [tokenizer.id_to_token(int(i)) for i in ids] == ["the", "quick", "fox"]


def test_case_and_accents():
    texts = ["Él está"] * 20
    assert {"Él", "está"} <= set(learn_vocabulary(texts, lowercase=False))
    assert {"él", "está"} <= set(learn_vocabulary(texts, strip_accents=False))
    assert {"el", "esta"} <= set(learn_vocabulary(texts))


def test_no_word_is_unknown():
    texts = [*TEXTS, "naïve cafés", "Ωmega"]
    alphabet = set("".join(texts).lower()) - {" "}
    # So small that keras-hub has no room for the rarest characters with "##".
    size = len(SPECIAL_TOKENS) + 2 * len(alphabet)
    vocabulary = learn_vocabulary(texts, vocabulary_size=size, strip_accents=False)
    assert len(vocabulary) == size
    assert alphabet < set(vocabulary)
    tokenizer = keras_hub.models.BertTokenizer(vocabulary, lowercase=True)
    for text in ["xΩéï", *texts]:
        assert 1 not in list(tokenizer(text))


def test_does_not_depend_on_the_order_of_texts():
    vocabulary = learn_vocabulary(TEXTS, vocabulary_size=100)
    shuffled = random.Random(0).sample(TEXTS, len(TEXTS))
    assert learn_vocabulary(iter(shuffled), vocabulary_size=100) == vocabulary


@pytest.mark.parametrize("texts", [[], ["", " \n"], ["\x01"], ["a" * 60]])
def test_no_words(texts):
    with pytest.raises(ValueError, match="no words"):
        learn_vocabulary(texts)


def test_one_string():
    with pytest.raises(ValueError, match="list of strings"):
        learn_vocabulary("text")


@pytest.mark.parametrize("size", [-1, 0, 5, 6, 30, 9])
def test_vocabulary_size_too_small(size):
    with pytest.raises(ValueError, match=f"vocabulary_size={size} is too small"):
        learn_vocabulary(TEXTS, vocabulary_size=size)


def test_smallest_vocabulary():
    size = len(SPECIAL_TOKENS) + 2 * 2
    expected = [*SPECIAL_TOKENS, "a", "b", "##a", "##b"]
    assert learn_vocabulary(["ab"] * 20, vocabulary_size=size) == expected
    with pytest.raises(ValueError, match="9 pieces or more"):
        learn_vocabulary(["ab"], vocabulary_size=size - 1)
