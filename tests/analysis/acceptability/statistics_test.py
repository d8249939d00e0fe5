"""Matthews' correlation, its interval and test, against scikit-learn and by hand."""

import itertools

import numpy as np
import pytest
from hypothesis import example
from hypothesis import given
from hypothesis import settings
from hypothesis import strategies as st
from scipy import stats
from sklearn.metrics import matthews_corrcoef

from keras_bigs import analysis

pytestmark = pytest.mark.without_backend
BITS = st.integers(2, 30).flatmap(
    lambda n: st.tuples(*[st.lists(st.integers(0, 1), min_size=n, max_size=n)] * 4)
)


def by_counts(labels, predictions):
    """The definition; scikit-learn's takes milliseconds."""
    pairs = list(zip(labels, predictions, strict=True))
    tp, tn, fp, fn = (pairs.count(pair) for pair in ((1, 1), (0, 0), (0, 1), (1, 0)))
    product = (tp + fp) * (tp + fn) * (tn + fp) * (tn + fn)
    return (tp * tn - fp * fn) / product**0.5 if product else 0.0


def noisy(labels, accuracy, seeds, rng):
    return np.where(rng.random((seeds, len(labels))) < accuracy, labels, 1 - labels)


@settings(max_examples=30, deadline=None)
@given(BITS)
def test_matthews(rows):
    labels, *predictions = rows
    score = analysis.matthews(labels, predictions)
    if len(set(labels)) == 1:
        assert np.isnan(score)
        return
    expected = [matthews_corrcoef(labels, one) for one in predictions]
    assert expected == pytest.approx([by_counts(labels, one) for one in predictions])
    np.testing.assert_allclose(score, np.mean(expected), atol=1e-12)
    one = analysis.matthews(labels, predictions[0])
    np.testing.assert_allclose(one, expected[0], atol=1e-12)


def test_interval_is_that_of_drawing_sentences():
    """Sentence by sentence, which itself leaves noise of about 0.004."""
    rng = np.random.default_rng(0)
    labels = rng.integers(0, 2, 150)
    predictions = noisy(labels, 0.75, 2, rng)

    drawn = []
    for _ in range(1000):
        rows = rng.integers(0, 150, 150)
        resampled = labels[rows].tolist(), predictions[:, rows].tolist()
        drawn.append(np.mean([by_counts(resampled[0], one) for one in resampled[1]]))
    expected = np.quantile(drawn, [0.05, 0.95])
    interval = analysis.bootstrap_interval(labels, predictions, 0.9, 20_000)
    np.testing.assert_allclose(interval, expected, atol=0.012)
    assert interval == analysis.bootstrap_interval(labels, predictions, 0.9, 20_000)
    other = analysis.bootstrap_interval(labels, predictions, 0.9, 20_000, seed=1)
    assert interval != other
    np.testing.assert_allclose(interval, other, atol=0.006)


def test_interval_of_two_sentences_by_hand():
    """Both labels are drawn in half of the sets, always with the right prediction."""
    assert analysis.bootstrap_interval([0, 1], [0, 1]) == (1, 1)
    assert analysis.bootstrap_interval([0, 1], [1, 1]) == (0, 0)
    assert np.isnan(analysis.bootstrap_interval([1, 1], [0, 1])).all()


def all_exchanges(labels, first, second):
    """The exact two-sided p-value: of all ways to exchange, how many are as extreme."""
    labels, differences = list(labels), []
    first, second = np.atleast_2d(first), np.atleast_2d(second)
    for exchange in itertools.product([False, True], repeat=len(labels)):
        a, b = np.where(exchange, second, first), np.where(exchange, first, second)
        scores = [[by_counts(labels, x.tolist()) for x in rows] for rows in (a, b)]
        differences.append(np.mean(scores[0]) - np.mean(scores[1]))
    differences = np.array(differences)
    above = np.mean(differences >= differences[0] - 1e-12)
    below = np.mean(differences <= differences[0] + 1e-12)
    return min(1.0, 2 * min(above, below))


def test_permutation_by_hand():
    """The first is right where the second errs, four times: 1 way in 16 is as good."""
    labels = [0, 0, 1, 1, 0, 1]
    first, second = labels, [1, 1, 0, 0, 0, 1]
    p_value = analysis.permutation_test(labels, first, second)
    assert p_value == pytest.approx(2 / 16)
    assert p_value == pytest.approx(all_exchanges(labels, first, second))


@settings(max_examples=30, deadline=None)
@given(st.integers(0, 2**32 - 1))
@example(145)  # the models' own difference is 0, and others are to rounding
def test_permutation_of_all_ways(seed):
    rng = np.random.default_rng(seed)
    labels = np.array([0, 1, *rng.integers(0, 2, 4)])
    first, second = rng.integers(0, 2, (2, 3, 6))
    p_value = analysis.permutation_test(labels, first, second, resamples=64)
    assert p_value == pytest.approx(all_exchanges(labels, first, second))
    assert p_value == pytest.approx(
        analysis.permutation_test(labels, second, first, resamples=64)
    )


def test_permutation_at_random():
    rng = np.random.default_rng(0)
    labels = rng.integers(0, 2, 10)
    first, second = noisy(labels, 0.9, 2, rng), noisy(labels, 0.4, 2, rng)
    exact = all_exchanges(labels, first, second)
    drawn = analysis.permutation_test(labels, first, second, resamples=500)
    assert drawn == pytest.approx(exact, abs=4 * np.sqrt(exact / 500))


def test_permutation_of_what_cannot_differ():
    assert analysis.permutation_test([0, 1], [1, 1], [1, 1]) == 1
    assert analysis.permutation_test([0, 1, 1], [0, 1, 1], [0, 1, 0]) == 1
    assert np.isnan(analysis.permutation_test([1, 1], [0, 1], [1, 0]))
    with pytest.raises(ValueError, match="equally many seeds.* Received: 1 and 2"):
        analysis.permutation_test([0, 1], [0, 1], [[0, 1], [0, 1]])


def test_of_models_that_are_the_same_few_are_called_different():
    """p-values are uniform or above: at most 5% are below 0.05, with 60 trials 10%."""
    rng = np.random.default_rng(1)
    p_values = []
    for _ in range(60):
        labels = rng.integers(0, 2, 60)
        pair = noisy(labels, 0.8, 1, rng), noisy(labels, 0.8, 1, rng)
        p_values.append(analysis.permutation_test(labels, *pair, resamples=199))
    assert np.mean(np.array(p_values) < 0.05) <= 0.1


def test_adjusted():
    """By hand: the smallest of `p n / rank` from there on."""
    adjusted = analysis.adjusted_p_values([0.04, np.nan, 0.01, 0.03])
    np.testing.assert_allclose(adjusted, [0.04, np.nan, 0.03, 0.04])
    assert np.isnan(analysis.adjusted_p_values([np.nan])).all()
    p_values = np.random.default_rng(0).random(9)
    expected = stats.false_discovery_control(p_values)
    np.testing.assert_allclose(analysis.adjusted_p_values(p_values), expected)


def test_arguments():
    with pytest.raises(ValueError, match=r"Received: \(2,\) and \(1, 3\)"):
        analysis.matthews([0, 1], [0, 1, 1])
    with pytest.raises(ValueError, match=r"must be 0 or 1. Received: \[-1  1\]"):
        analysis.matthews([0, 1], [-1, 1])


@pytest.mark.parametrize(
    "options", [{"confidence": 95}, {"confidence": 0}, {"resamples": 0}]
)
def test_an_interval_of_nothing(options):
    with pytest.raises(ValueError, match="`confidence` must be between 0 and 1"):
        analysis.bootstrap_interval([0, 1, 0, 1], [0, 1, 1, 1], **options)
