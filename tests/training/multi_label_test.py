"""Metrics, thresholds, columns and a picture of any number of labels a text."""

import sys

import numpy as np
import pytest
from hypothesis import example
from hypothesis import given
from hypothesis import settings
from hypothesis import strategies as st

from keras_bigs import training
from keras_bigs.data.tables import encode_multi_labels
from keras_bigs.data.tables import read_table
from keras_bigs.data.tables import write_table

pytestmark = pytest.mark.without_backend

LABELS = np.array([[1, 1, 0], [0, 1, 0], [0, 0, 0], [1, 0, 0]])
# One of two right, one wrong one; all right; all right, with none; one too many.
PREDICTIONS = np.array([[1, 0, 1], [0, 1, 0], [0, 0, 0], [1, 1, 0]])


@pytest.mark.parametrize("dtype", ["int32", "float32", "bool"])
def test_metrics(dtype):
    metrics = training.multi_label_metrics(LABELS.astype(dtype), PREDICTIONS == 1)
    # Labels: 2 of 2 found, 2 predicted; 1 of 2, 2 predicted; none, 1 predicted.
    assert metrics == {
        "f1_micro": pytest.approx(2 * 3 / (4 + 5)),
        "f1_macro": pytest.approx((1 + 1 / 2 + 0) / 3),
        "exact_match": 2 / 4,
    }
    assert all(type(value) is float for value in metrics.values())


def test_metrics_of_nothing():
    nothing = np.zeros((2, 3))
    metrics = training.multi_label_metrics(nothing, nothing)
    assert metrics == {"f1_micro": 0.0, "f1_macro": 0.0, "exact_match": 1.0}


def test_arguments_that_are_not_multi_hot():
    for bad, message in (
        (LABELS[:2], r"of one shape.*Received: \(2, 3\), \(4, 3\)"),
        (LABELS[:, 0], "of one shape"),
        (LABELS * 2, r"`labels` must be zeros and ones. Received: \[0, 2\]"),
    ):
        with pytest.raises(ValueError, match=message):
            training.multi_label_metrics(bad, PREDICTIONS)
    for columns in (LABELS[:, :1], LABELS[:0]):
        with pytest.raises(ValueError, match="of one text or more and two classes or"):
            training.multi_label_metrics(columns, columns)
    with pytest.raises(ValueError, match="`predictions` must be zeros and ones"):
        training.multi_label_metrics(LABELS, PREDICTIONS * 0.3)


class TestThresholds:
    def thresholds(self, labels, probabilities):
        """Of one label, beside another one that never occurs."""
        labels = np.stack([labels, np.zeros(len(labels))], axis=1)
        probabilities = np.stack([probabilities, probabilities], axis=1)
        thresholds = training.best_thresholds(labels, probabilities)
        assert thresholds.shape == (2,) and thresholds.dtype == "float64"
        assert thresholds[1] == 0.5
        return thresholds[0]

    def test_by_hand(self):
        # From 0.3 on: 2 of 2 found, 3 predicted, F1 4/5. From 0.4: F1 2/4. From 0.45:
        # 1 of 2 found, 1 predicted, F1 2/3. From 0.1: F1 4/6.
        assert self.thresholds([0, 1, 0, 1], [0.1, 0.3, 0.4, 0.45]) == 0.3
        # Above one half as well.
        assert self.thresholds([0, 0, 1, 1], [0.2, 0.7, 0.8, 0.9]) == 0.8

    def test_ties(self):
        """0.5 where it does as well as any; else what is nearest."""
        assert self.thresholds([0, 1], [0.1, 0.9]) == 0.5
        assert self.thresholds([0, 1], [0.1, 0.5]) == 0.5
        # F1 is 2/3 from the first on (both, of 4) and from the last on (one, of 1);
        # between them it is less.
        assert self.thresholds([1, 0, 0, 1], [0.2, 0.6, 0.8, 0.9]) == 0.2
        assert self.thresholds([1, 0, 0, 1], [0.1, 0.6, 0.7, 0.8]) == 0.8

    def test_32_bits(self):
        """A text at the threshold itself is predicted."""
        probabilities = np.array([[0.1, 0.3], [0.7, 0.1], [0.3, 0.9]], "float32")
        labels = probabilities >= np.float32(0.3)
        thresholds = training.best_thresholds(labels, probabilities)
        np.testing.assert_array_equal(probabilities >= thresholds, labels)

    @settings(deadline=None)
    @given(
        st.lists(
            st.tuples(
                st.booleans(),
                st.one_of(
                    st.integers(0, 8).map(lambda n: n / 8),  # ties of probabilities
                    st.floats(0, 1, width=32),
                ),
            ),
            min_size=1,
        )
    )
    @example([(True, 0.0), (False, 1.0)])
    @example([(False, 0.25), (False, 0.75)])
    def test_no_other_is_better(self, pairs):
        labels, probabilities = map(np.array, zip(*pairs, strict=True))
        best = self.thresholds(labels, probabilities)
        if not labels.any():
            assert best == 0.5
            return

        def f1(threshold):
            """Its fraction, but for a factor of 2."""
            predicted = probabilities >= threshold
            right = np.count_nonzero(predicted & labels)
            return right, np.count_nonzero(predicted) + np.count_nonzero(labels)

        right, total = f1(best)
        # Every set of texts that a threshold predicts is one of these.
        for threshold in (0.5, 2.0, *probabilities):
            other_right, other_total = f1(threshold)
            difference = right * other_total - other_right * total
            assert difference >= 0
            if difference == 0 and threshold <= 1:
                assert abs(best - 0.5) <= abs(threshold - 0.5)

    def test_what_are_no_probabilities(self):
        with pytest.raises(ValueError, match=r"`labels`. Received: \(4, 2\) and \(4, "):
            training.best_thresholds(LABELS, LABELS[:, :2] * 0.5)
        for value in (1.5, -2.0, np.nan):
            probabilities = np.full(LABELS.shape, 0.5)
            probabilities[1, 2] = value
            with pytest.raises(ValueError, match="must be from 0 to 1; logits"):
                training.best_thresholds(LABELS, probabilities)


class TestColumns:
    PROBABILITIES = np.array([[0.9, 0.6], [0.4, 0.2], [0.5, 0.3]], "float32")

    def test_by_hand(self):
        columns = training.multi_label_columns(
            self.PROBABILITIES, ["a", "b"], [0.5, 0.25]
        )
        assert list(columns) == ["prediction", "probability_a", "probability_b"]
        assert columns["prediction"] == ["a|b", "", "a|b"]
        for column, expected in zip(("a", "b"), self.PROBABILITIES.T, strict=True):
            np.testing.assert_array_equal(columns[f"probability_{column}"], expected)

    @pytest.mark.parametrize("suffix", ["tsv", "csv", "jsonl"])
    def test_are_read_as_labels(self, tmp_path, suffix):
        columns = training.multi_label_columns(
            self.PROBABILITIES, ["a", "b"], [0.3, 0.5], separator=", "
        )
        path = tmp_path / f"a.{suffix}"
        write_table(path, {"text": ["x", "y", "z"], **columns})
        table = read_table(
            path, "text", label="prediction", multi_label=True, quoting=suffix == "csv"
        )
        np.testing.assert_array_equal(
            encode_multi_labels(table, ["a", "b"], ", "),
            self.PROBABILITIES >= [0.3, 0.5],
        )

    def test_errors(self):
        for classes, thresholds in ((["a"], [0.5]), (["a", "b"], [0.5])):
            with pytest.raises(ValueError, match="for each of `classes`. Received"):
                training.multi_label_columns(self.PROBABILITIES, classes, thresholds)
        with pytest.raises(ValueError, match=r"name of a class. Received: '\|' and "):
            training.multi_label_columns(self.PROBABILITIES, ["a", "b|c"], [0.5, 0.5])


class TestPicture:
    def test_bars(self, tmp_path, monkeypatch):
        """One a label, with its F1 and how often it occurs."""
        from matplotlib.figure import Figure

        drawn = []
        save = Figure.savefig
        monkeypatch.setattr(
            Figure,
            "savefig",
            lambda self, *a, **k: drawn.append(self) or save(self, *a, **k),
        )
        path = tmp_path / "labels.png"
        classes = ["art", "sport", "US$ and $"]
        training.plot_label_scores(path, classes, LABELS, PREDICTIONS)
        assert path.read_bytes().startswith(b"\x89PNG")
        (axes,) = drawn[0].axes
        assert [bar.get_width() for bar in axes.patches] == [1, 0.5, 0]
        ticks = [tick.get_text() for tick in axes.get_yticklabels()]
        assert ticks == ["art (2)", "sport (2)", "US$ and $ (0)"]
        assert [text.get_text() for text in axes.texts] == ["1.00", "0.50", "0.00"]

    def test_without_matplotlib(self, tmp_path, monkeypatch):
        monkeypatch.setitem(sys.modules, "matplotlib", None)
        with pytest.raises(ImportError, match=r"pip install '.\[plot\]'"):
            training.plot_label_scores(
                tmp_path / "labels.png", list("abc"), LABELS, PREDICTIONS
            )
        assert not list(tmp_path.iterdir())
