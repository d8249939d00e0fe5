"""Forced choice between two word forms, and its figure."""

import contextlib

import keras
import numpy as np

from keras_bigs import analysis
from keras_bigs import models
from keras_bigs import training
from keras_bigs.analysis import agreement as analysis_of_agreement
from keras_bigs.data import agreement


def test_forced_choice_compares_two_logits():
    """A stand-in whose logits are known: ties and wrong forms do not count."""
    positions = keras.Input((1,), dtype="int32", name="mask_positions")
    table = np.array([[3, 1, 2], [0, 5, 5], [1, 2, 0]], "float32")
    embedding = keras.layers.Embedding(3, 3)
    model = keras.Model({"mask_positions": positions}, embedding(positions))
    embedding.set_weights([table])
    rows = {"mask_positions": np.array([[0], [0], [1], [2]])}
    right, wrong = np.array([0, 1, 1, 1]), np.array([1, 2, 2, 2])
    correct = analysis.forced_choice(model, rows, right, wrong)
    np.testing.assert_array_equal(correct, [True, False, False, True])


def test_accuracy_by_number():
    result = analysis.agreement_accuracy([1, 0, 1, 1], [0, 0, 2, 2])
    assert result == {0: (0.5, 2), 2: (1.0, 2)}


def test_figure(tmp_path, monkeypatch):
    drawn = []

    @contextlib.contextmanager
    def figure(path, **kwargs):
        with training.figure(path, **kwargs) as axes:
            yield axes
            drawn.append(axes.containers[0])

    monkeypatch.setattr(analysis_of_agreement, "figure", figure)
    path = tmp_path / "figure.png"
    analysis.plot_agreement(path, {"a": {0: (0.5, 10), 1: (0.9, 10)}}, "title")
    assert path.read_bytes().startswith(b"\x89PNG")
    line, _, (bars,) = drawn[0]
    np.testing.assert_allclose(line.get_xydata(), [[0, 50], [1, 90]])
    # Wilson's interval of 9 of 10, by hand: with z^2 = 1.96^2 = 3.84 its centre is
    # (9 + 1.92) / 13.84 = 0.789, its half 1.96 * sqrt(0.9 + 0.96) / 13.84 = 0.193.
    np.testing.assert_allclose(bars.get_segments()[1][:, 1], [59.6, 98.2], atol=0.1)


def test_masked_verbs_fit_the_model():
    """The mask stands where the verb was, and the ids spell the sentence."""
    words = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]", *agreement.vocabulary()]
    tokenizer = models.BiGSTokenizer(words)
    examples = agreement.agreement_sentences("test", 50)
    x, right, wrong = agreement.masked_verbs(examples, tokenizer, 40)
    for i, example in enumerate(examples):
        n = x["padding_mask"][i].sum()
        tokens = [words[t] for t in x["token_ids"][i, :n]]
        assert tokens[x["mask_positions"][i, 0]] == "[MASK]"
        assert tokens[1:-1] == example.masked().split()
        assert (words[right[i]], words[wrong[i]]) == (example.verb, example.foil)
        assert not x["token_ids"][i, n:].any()
    masked_lm = models.BiGSMaskedLM(models.BiGSBackbone(len(words), 1, 8, 24))
    correct = analysis.forced_choice(masked_lm, x, right, wrong)
    assert correct.shape == (50,)
