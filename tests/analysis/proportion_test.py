"""Proportions and their intervals."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from keras_bigs.analysis import Proportion

pytestmark = pytest.mark.without_backend


def test_wilson_by_hand():
    # Brown, Cai and DasGupta (2001), equation 4: n = 10, X = 9, z = 1.959964.
    z, n, p = 1.959964, 10, 0.9
    centre = (p + z**2 / (2 * n)) / (1 + z**2 / n)
    half = z / (1 + z**2 / n) * (p * (1 - p) / n + z**2 / (4 * n**2)) ** 0.5
    low, high = Proportion(9, 10).interval
    assert (low, high) == pytest.approx((centre - half, centre + half), abs=1e-6)


@given(st.lists(st.booleans(), min_size=1, max_size=40))
def test_interval_holds_the_value(correct):
    proportion = Proportion.of(correct)
    assert proportion == (correct.count(True), len(correct))
    low, high = proportion.interval
    assert -1e-12 <= low <= proportion.value + 1e-12 <= high + 2e-12 <= 1 + 3e-12
    # Not empty, not even where all or none are right.
    assert high - low > 0.01


def test_nothing():
    nothing = Proportion.of([])
    assert (nothing.value, nothing.interval) == (None, None)
    assert nothing.as_dict() == {
        "correct": 0,
        "count": 0,
        "accuracy": None,
        "low": None,
        "high": None,
    }
