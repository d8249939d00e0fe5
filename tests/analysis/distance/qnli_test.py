"""QNLI by length, and with distractors: by hand, and a toy run of the recipe."""

import json

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from matplotlib import pyplot as plt
from scipy import stats

from keras_bigs import errors
from keras_bigs import models
from keras_bigs.analysis import DISTRACTORS
from keras_bigs.analysis import accuracy_by_length
from keras_bigs.analysis import add_distractors
from keras_bigs.analysis import distractor_accuracy
from keras_bigs.analysis.distance.qnli import pair_lengths
from keras_bigs.analysis.distance.qnli import qnli_predictions
from keras_bigs.data.glue.tasks import ENTAILMENT
from recipes import qnli_distance
from tests.backend import fast_on_torch
from tests.recipes.commands import to_arguments

SPECIAL = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]"]
WORDS = ["who", "saw", "the", "cat", "dog", "?", ","]


@pytest.mark.without_backend
@given(st.integers(0, 20), st.integers(0, 9))
def test_add_distractors(number, seed):
    """More of them are the same ones and others; the sentence stays at the end."""
    sentences = ["The cat .", "A dog ."]
    longer, shorter = (
        add_distractors(sentences, n, seed) for n in (number + 1, number)
    )
    for sentence, few, more in zip(sentences, shorter, longer, strict=True):
        assert few.endswith(sentence) and more.endswith(sentence)
        phrases = more.removesuffix(sentence).strip()
        assert phrases.startswith(few.removesuffix(sentence).strip())
        assert sum(phrases.count(phrase) for phrase in DISTRACTORS) == number + 1
    assert add_distractors(sentences, 0, seed) == sentences


@pytest.mark.without_backend
def test_accuracy_by_length():
    lengths = [5, 9, 10, 11, 30, 40]
    correct = [[1, 0, 1, 1, 1, 0], [1, 1, 0, 1, 1, 0]]
    short, middle, long = accuracy_by_length(correct, lengths, edges=(10, 20, 25, 30))
    assert [row["bin"] for row in (short, middle, long)] == [
        *("5 to 9", "10 to 19", "30 to 40")
    ]
    assert [row["examples"] for row in (short, middle, long)] == [2, 2, 2]
    assert short["accuracies"] == [0.5, 1.0] and short["accuracy"] == 0.75
    assert middle["accuracies"] == [1.0, 0.5]
    assert long["accuracies"] == [0.5, 0.5]
    # Wilson's interval of 1 of 2, by its formula.
    z, n, p = stats.norm.ppf(0.975), 2, 0.5
    centre = (p + z**2 / (2 * n)) / (1 + z**2 / n)
    half = z / (1 + z**2 / n) * np.sqrt(p * (1 - p) / n + z**2 / (4 * n**2))
    np.testing.assert_allclose(
        [long["low"], long["high"]], [centre - half, centre + half]
    )


@pytest.mark.without_backend
def test_distractor_accuracy():
    """Only where the models agree without any: here pairs 0, 1 and 3."""
    labels = [0, 0, 1, 1]
    rows = distractor_accuracy(
        {
            "a": np.array([[[0, 0, 1, 0], [0, 0, 1, 1]]]),
            "b": np.array([[[0, 0, 0, 0], [1, 0, 1, 0]]]),
        },
        labels,
        [0, 2],
    )
    found = {(row["model"], row["distractors"]): row["accuracy"] for row in rows}
    assert found == {("a", 0): 2 / 3, ("a", 2): 1.0, ("b", 0): 2 / 3, ("b", 2): 1 / 3}
    assert all(row["examples"] == [3] for row in rows)
    with pytest.raises(errors.DataError, match="no pair alike"):
        distractor_accuracy(
            {"a": np.zeros((1, 1, 4)), "b": np.ones((1, 1, 4))}, labels, [0]
        )


def save_classifier(path, seed=0):
    backbone = models.BiGSBackbone(
        vocabulary_size=len(SPECIAL + WORDS),
        num_layers=1,
        hidden_dim=8,
        intermediate_dim=8,
        routing="convolution",
        max_sequence_length=40,
    )
    preprocessor = models.BiGSTextClassifierPreprocessor(
        models.BiGSTokenizer(SPECIAL + WORDS), sequence_length=40
    )
    task = models.BiGSTextClassifier(backbone, len(ENTAILMENT), preprocessor)
    # Alike, so that they agree about most pairs.
    same, own = np.random.default_rng(0), np.random.default_rng(seed)
    shapes = [w.shape for w in task.get_weights()]
    task.set_weights([same.normal(size=s) + 0.1 * own.normal(size=s) for s in shapes])
    task.save_to_preset(str(path))
    (path / "classes.json").write_text(json.dumps(ENTAILMENT), encoding="utf-8")
    return task


@fast_on_torch
def test_predictions_and_lengths(tmp_path):
    task = save_classifier(tmp_path / "a")
    questions, sentences = ["who saw ?", "the cat ?"], ["the dog", "dog dog dog , dog"]
    expected = task.predict((questions, sentences), verbose=0).argmax(-1)
    found = qnli_predictions(tmp_path / "a", questions, sentences)
    np.testing.assert_array_equal(found, expected)
    # The classes in the order of the preset.
    classes = json.dumps(list(reversed(ENTAILMENT)))
    (tmp_path / "a" / "classes.json").write_text(classes, encoding="utf-8")
    found = qnli_predictions(tmp_path / "a", questions, sentences)
    np.testing.assert_array_equal(found, 1 - expected)
    # [CLS] who saw ? [SEP] the dog [SEP], and so on.
    lengths = pair_lengths(tmp_path / "a", questions, sentences)
    np.testing.assert_array_equal(lengths, [3 + 3 + 2, 3 + 3 + 5])
    (tmp_path / "a" / "classes.json").write_text('["yes", "no"]', encoding="utf-8")
    with pytest.raises(errors.ConfigError, match="is a classifier of"):
        qnli_predictions(tmp_path / "a", questions, sentences)


@fast_on_torch
def test_recipe(tmp_path, capsys):
    generator = np.random.default_rng(0)
    (tmp_path / "QNLI").mkdir()
    lines = ["index\tquestion\tsentence\tlabel"]
    for i in range(30):
        words = generator.choice(WORDS[:5], generator.integers(3, 14))
        label = ENTAILMENT[int(generator.integers(2))]
        lines.append(f"{i}\twho saw the cat ?\t{' '.join(words)}\t{label}")
    # Too long for any, and others after it.
    lines.insert(9, f"30\twho ?\t{'dog ' * 60}\t{ENTAILMENT[0]}")
    (tmp_path / "QNLI/dev.tsv").write_text("\n".join(lines) + "\n", encoding="utf-8")
    for name, seed in (("a0", 0), ("a1", 1), ("b0", 2), ("b1", 3)):
        save_classifier(tmp_path / name, seed)
    options = {
        "model": [
            *(f"A={tmp_path}/a0,{tmp_path}/a1", f"B={tmp_path}/b0,{tmp_path}/b1")
        ],
        "data_dir": tmp_path,
        "distractors": [1, 2],
        "output": tmp_path / "out",
    }
    config = qnli_distance.parse(to_arguments(options))
    qnli_distance.main(config)
    results = json.loads((config.output / "results.json").read_text(encoding="utf-8"))
    assert results["pairs"] == 31 and results["too_long"]["lengths"] == 1
    for rows in results["lengths"].values():
        assert sum(row["examples"] for row in rows) == 30
    start = {
        row["model"]: row for row in results["distractors"] if not row["distractors"]
    }
    assert start["A"]["accuracies"] == start["B"]["accuracies"]
    assert start["A"]["examples"] == start["B"]["examples"]
    for name in ("lengths", "distractors"):
        assert plt.imread(config.output / f"{name}.png").std() > 0.01
        assert (config.output / f"{name}.svg").stat().st_size < 200_000
    assert "1 of 31 above" in " ".join(capsys.readouterr().out.split())
    config.model = (f"A={tmp_path}/a0,{tmp_path}/a1", f"B={tmp_path}/b0")
    with pytest.raises(errors.ConfigError, match="model"):
        qnli_distance.main(config)
    config.output = tmp_path / "other"
    config.model = ("bigs_mini_en_uncased",)
    with pytest.raises(errors.ConfigError, match="has no classifier"):
        qnli_distance.main(config)
    config.model = (f"A={tmp_path}/a0,{tmp_path}/a1", f"B={tmp_path}/b0")
    with pytest.raises(errors.ConfigError, match="Name equally many presets"):
        qnli_distance.main(config)
