"""Words and their pieces, as the tokenizer of each model has them."""

import keras_hub
import pytest

from keras_bigs import models
from keras_bigs.analysis import WordPieces
from keras_bigs.errors import ConfigError
from tests.analysis.syntax.masked_lm_models import VOCABULARY
from tests.analysis.syntax.masked_lm_models import bert_masked_lm
from tests.analysis.syntax.masked_lm_models import bigs_masked_lm
from tests.analysis.syntax.masked_lm_models import token_ids
from tests.backend import fast_on_torch


def spell(words):
    return [" ".join(VOCABULARY[i] for i in word) for word in words]


@fast_on_torch
@pytest.mark.parametrize("make", [bigs_masked_lm, bert_masked_lm])
def test_words(make):
    pieces = WordPieces(make())
    rows = pieces.words(["The boys runs.", "", " old,  Jumps", "thé BOY"])
    assert [spell(row) for row in rows] == [
        ["the", "boys", "run ##s", "."],
        [],
        ["old", "[UNK]", "jump ##s"],
        # Accents are stripped for BERT too.
        ["the", "boy"],
    ]
    assert pieces.pack(rows[0]) == token_ids("the boys runs .")
    assert pieces.pack(()) == token_ids("")
    # What is known already does not change the rest.
    assert pieces.words(["boy runs", "The boys runs."])[1] == rows[0]
    assert rows[2][1] == (pieces.unknown_id,)


@fast_on_torch
def test_as_many_tokens_as_model_and_preprocessor_take():
    task = bigs_masked_lm(sequence_length=12)
    assert WordPieces(task).sequence_length == 12
    task.preprocessor.sequence_length = 8
    assert WordPieces(task).sequence_length == 8
    bert = bert_masked_lm(sequence_length=12)
    bert.preprocessor.sequence_length = 500
    assert WordPieces(bert).sequence_length == 12


@fast_on_torch
def test_what_is_refused():
    task = bigs_masked_lm()
    without = models.BiGSMaskedLM(task.backbone)
    with pytest.raises(ConfigError, match="BiGSMaskedLM must have a preprocessor"):
        WordPieces(without)

    class Task:
        class preprocessor:
            tokenizer = keras_hub.tokenizers.ByteTokenizer()

    with pytest.raises(ConfigError, match="word pieces.*ByteTokenizer"):
        WordPieces(Task())
