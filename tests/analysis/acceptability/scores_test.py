"""CoLA by length and by phenomenon: groups, predictions, figures."""

import contextlib
import json
import math

import numpy as np
import pytest
from sklearn.metrics import matthews_corrcoef

from keras_bigs import analysis
from keras_bigs.analysis.acceptability import figures as cola_figures
from keras_bigs.data import syntax
from keras_bigs.errors import ConfigError
from keras_bigs.errors import DataError
from keras_bigs.training import figure

LABELS = np.array([0, 1, 0, 1, 1, 0, 1, 1, 1, 0] * 6)
RNG = np.random.default_rng(0)
GOOD = np.where(RNG.random((2, 60)) < 0.9, LABELS, 1 - LABELS)
POOR = np.where(RNG.random((2, 60)) < 0.4, LABELS, 1 - LABELS)
MODELS = {"BiGS": GOOD, "BERT": POOR}


def annotations():
    """60 sentences of 1 to 12 words; the first 40 are questions."""
    major = {name: np.zeros(60, bool) for name in syntax.COLA_FEATURES}
    minor = {n: np.zeros(60, bool) for x in syntax.COLA_FEATURES.values() for n in x}
    major["Question"][:40] = minor["Island"][:40] = True
    major["Violations"] = minor["Sem  Violation"] = LABELS == 0
    sentences = [" ".join(["word"] * (1 + i % 12)) + f" {i}" for i in range(60)]
    return syntax.ColaAnnotations(sentences, LABELS, major, minor)


@pytest.mark.without_backend
def test_by_feature():
    features = {"a": np.arange(60) < 40, "bad": LABELS == 0, "none": np.zeros(60, bool)}
    a, bad, none = analysis.matthews_by_feature(LABELS, MODELS, features, 500)
    assert (a.name, a.sentences, a.acceptable) == ("a", 40, LABELS[:40].sum())
    for name, predictions in MODELS.items():
        score = a.scores[name]
        expected = [matthews_corrcoef(LABELS[:40], x[:40]) for x in predictions]
        np.testing.assert_allclose(score.seeds, expected)
        assert score.matthews == pytest.approx(np.mean(expected))
        assert score.low < score.matthews < score.high
    first, other = a.scores.values()
    assert np.isnan([first.p_value, first.adjusted]).all()
    pair = [x[:, :40] for x in MODELS.values()]
    assert other.p_value == analysis.permutation_test(LABELS[:40], *pair, 500)
    # Of one test, since the others are not defined.
    assert other.adjusted == other.p_value
    for row, number in ((bad, 24), (none, 0)):
        assert (row.sentences, row.acceptable) == (number, 0)
        assert all(
            math.isnan(value)
            for score in row.scores.values()
            for value in (score.matthews, score.low, score.high, score.p_value)
        )


@pytest.mark.without_backend
def test_p_values_are_adjusted_over_features():
    features = {"a": np.arange(60) < 30, "b": np.arange(60) >= 30}
    rows = analysis.matthews_by_feature(LABELS, MODELS, features, 300)
    found = [row.scores["BERT"] for row in rows]
    expected = analysis.adjusted_p_values([score.p_value for score in found])
    np.testing.assert_array_equal([score.adjusted for score in found], expected)


@pytest.mark.without_backend
def test_by_length():
    lengths = np.arange(60) % 12 + 1
    rows = analysis.matthews_by_length(LABELS, MODELS, lengths, (2, 5, 6), 200)
    assert [(row.name, row.sentences) for row in rows] == [
        ("2-4", 15),
        ("5", 5),
        ("6+", 35),
    ]
    middle = (lengths >= 2) & (lengths <= 4)
    expected = analysis.matthews(LABELS[middle], GOOD[:, middle])
    assert rows[0].scores["BiGS"].matthews == expected
    with pytest.raises(ValueError, match=r"ascend. Received: \[5, 5\]"):
        analysis.matthews_by_length(LABELS, MODELS, lengths, [5, 5])
    with pytest.raises(ValueError, match="must have a model"):
        analysis.matthews_by_length(LABELS, {}, lengths)


@pytest.mark.without_backend
def test_report():
    poor = POOR.copy()
    poor[1, 50:] = -1  # not predicted by one seed
    models = {"BiGS": GOOD, "BERT": poor}
    report = analysis.cola_report(annotations(), models, resamples=300)
    assert report.left_out == 10
    assert (report.overall.sentences, len(report.major), len(report.minor)) == (
        50,
        15,
        63,
    )
    assert [row.name for row in report.by_length] == [
        "1-4",
        "5-6",
        "7-8",
        "9-11",
        "12+",
    ]
    # Sentences of 2 to 13 words.
    assert [row.sentences for row in report.by_length] == [14, 8, 8, 12, 8]
    by_name = {row.name: row for row in report.minor}
    assert by_name["Question: Island"].sentences == 40
    score = report.overall.scores["BiGS"]
    assert score.matthews == analysis.matthews(LABELS[:50], GOOD[:, :50])
    # Ahead in the only phenomenon that occurs.
    (question,) = (row for row in report.major if row.name == "Question")
    assert question.scores["BERT"].adjusted < 0.05
    assert report.ahead("BERT") == (1, 1)
    with pytest.raises(ValueError, match="No sentence has predictions of all models"):
        analysis.cola_report(annotations(), {"a": np.full(60, -1)})


@pytest.mark.without_backend
def test_tables(tmp_path):
    report = analysis.cola_report(annotations(), MODELS, resamples=200)
    table = analysis.cola_table(report)
    cells = dict(zip(table.columns[0].cells, table.columns[3].cells, strict=True))
    score = report.overall.scores["BERT"]
    assert cells["all"].startswith(f"{100 * score.matthews:.1f} (")
    assert cells["Violations"] == "undefined"
    assert "BiGS is above BERT in 1 of 13 phenomena" in table.caption
    analysis.write_cola(tmp_path, report)
    rows = json.loads((tmp_path / "results.json").read_text())["scores"]
    assert len(rows) == 2 * (1 + 5 + 15 + 63)
    undefined = [row for row in rows if row["group"] == "Violations"]
    assert [row["matthews"] for row in undefined] == [None, None]
    assert undefined[0]["seeds"] == [None, None]
    assert len((tmp_path / "scores.csv").read_text().splitlines()) == 1 + len(rows)


@pytest.mark.without_backend
def test_figures(tmp_path, monkeypatch):
    drawn = []

    @contextlib.contextmanager
    def keep(*paths, **kwargs):
        with figure(*paths, **kwargs) as axes:
            yield axes
            drawn.append(axes)

    monkeypatch.setattr(cola_figures, "figure", keep)
    report = analysis.cola_report(annotations(), MODELS, resamples=300)
    paths = [tmp_path / "a.png", tmp_path / "a.svg"]
    analysis.plot_matthews_by_length(paths, report.by_length, report.overall)
    assert paths[0].read_bytes().startswith(b"\x89PNG")
    points, _, _ = drawn[0].containers[0]
    expected = [100 * row.scores["BiGS"].matthews for row in report.by_length]
    np.testing.assert_allclose(np.array(points.get_ydata(), float), expected)
    analysis.plot_matthews_by_feature(paths, report.major, report.overall)
    axes = drawn[1]
    bars = [c for c in axes.containers if hasattr(c, "patches")]
    widths = [bar.get_width() for bar in bars[1]]
    expected = [100 * row.scores["BERT"].matthews for row in report.major]
    np.testing.assert_allclose(widths, expected)
    texts = [text.get_text() for text in axes.texts]
    # A star for the question; Violations, and 13 features that no sentence has.
    assert texts.count(" *") == 1
    assert texts.count("undefined: all have one label") == 14
    assert "Question (40)" in [label.get_text() for label in axes.get_yticklabels()]


@pytest.mark.without_backend
def test_predictions_of_files(tmp_path):
    first, second = tmp_path / "a.tsv", tmp_path / "b.jsonl"
    first.write_text('sentence\tprediction\nHe "ran.\t1\nHe run.\t0\nHe "ran.\t1\n')
    second.write_text('{"sentence": "He run.", "prediction": 1}\n')
    found = analysis.cola_predictions(
        [str(first), str(second)], ["He run.", 'He "ran.', "He run."]
    )
    np.testing.assert_array_equal(found, [[0, 1, 0], [1, -1, 1]])
    with pytest.raises(DataError, match="none of the sentences is annotated, such as"):
        analysis.cola_predictions([str(first)], ["She ran."])
    with open(first, "a") as file:
        file.write("He run.\t1\n")
    with pytest.raises(DataError, match="line 5: 'He run.' is predicted 1, and 0 bef"):
        analysis.cola_predictions([str(first)], ["He run."])
    first.write_text("sentence\tprediction\nHe ran.\tyes\n")
    with pytest.raises(DataError, match="line 2: column .* 0 or 1. Received: 'yes'"):
        analysis.cola_predictions([str(first)], ["He ran."])


@pytest.mark.without_backend
def test_presets_that_are_none(tmp_path):
    with pytest.raises(ConfigError, match="runs/nothing is no preset: a folder"):
        analysis.cola_predictions(["runs/nothing"], ["He ran."])
    with pytest.raises(ConfigError, match="but no preset. Of a run, name its folder"):
        analysis.cola_predictions([str(tmp_path)], ["He ran."])
    (tmp_path / "config.json").touch()
    (tmp_path / "classes.json").write_text('["bad", "good"]')
    with pytest.raises(ConfigError, match=r"is a classifier of \['bad', 'good'\], and"):
        analysis.cola_predictions([str(tmp_path)], ["He ran."])
