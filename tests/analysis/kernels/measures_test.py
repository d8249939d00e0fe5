"""Reach and change of hand-made kernels: closed forms and naive loops."""

import math

import hypothesis
import numpy as np
import pytest
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays

from keras_bigs import analysis
from keras_bigs.errors import ConfigError

pytestmark = pytest.mark.without_backend

TAPS = arrays.arrays(
    "float64",
    st.integers(1, 12),
    elements=st.floats(-100, 100).filter(lambda x: x == 0 or abs(x) > 1e-3),
)


@pytest.mark.parametrize("a", [0.3, 0.9, 0.99])
@pytest.mark.parametrize("share", [0.5, 0.9])
@pytest.mark.parametrize("length", [50, 2000])
def test_exponential_kernels(a, share, length):
    """Of `a^l`, whose sums are geometric; signs do not matter, nor does a factor."""
    taps = -3 * a ** np.arange(length) * (-1) ** np.arange(length)
    # sum_(l <= r) a^l = (1 - a^(r + 1)) / (1 - a).
    rest = 1 - share * (1 - a**length)
    radius = math.ceil(math.log(rest) / math.log(a) - 1)
    assert analysis.mass_radius(taps, share) == radius
    total = (1 - a**length) / (1 - a)
    # The derivative of the sum, times a.
    moment = a * (1 - length * a ** (length - 1) + (length - 1) * a**length)
    moment /= (1 - a) ** 2
    np.testing.assert_allclose(analysis.mean_distance(taps), moment / total, rtol=1e-9)


@hypothesis.given(TAPS, st.floats(0.01, 1))
def test_mass_radius_is_the_least(taps, share):
    radius = analysis.mass_radius(taps, share)
    total = math.fsum(abs(taps))
    slack = 1e-9 * total
    assert math.fsum(abs(taps[: radius + 1])) >= share * total - slack
    if radius:
        assert math.fsum(abs(taps[:radius])) < share * total + slack
    assert 0 <= analysis.mean_distance(taps) <= len(taps) - 1


def test_every_kernel_for_itself():
    taps = np.zeros((2, 2, 3, 4))
    taps[1, 0, 2] = [0, 1, 0, 1]
    expected = np.zeros((2, 2, 3))
    expected[1, 0, 2] = 2
    np.testing.assert_array_equal(analysis.mean_distance(taps), expected)
    expected[1, 0, 2] = 3
    np.testing.assert_array_equal(analysis.mass_radius(taps), expected)


@pytest.mark.parametrize("share", [0, -1, 1.1, math.nan])
def test_share(share):
    with pytest.raises(ConfigError, match="share"):
        analysis.mass_radius([1.0], share)


def test_a_damaged_kernel_is_not_a_local_one():
    damaged = np.array([[1.0, 0.5, 0.2], [1.0, np.nan, 0.2]])
    with pytest.raises(ConfigError, match="must be finite"):
        analysis.mass_radius(damaged)
    assert np.isnan(analysis.mean_distance(damaged)).tolist() == [False, True]
    change = analysis.kernel_change(damaged, damaged)
    assert change[0] == 0 and np.isnan(change[1])


def test_scaled_kernels():
    """The whole kernel's least and largest absolute tap are 0 and 1, not the crop's."""
    taps = np.array([[[2.0, -4.0, 1.0, 0.0], [-1.0, 3.0, 5.0, 2.0]]])
    values = analysis.scaled_kernels(taps, 2)
    np.testing.assert_allclose(
        values, [[[0.25, 1.0, 0.5], [0.0, 0.5, 1.0]]], rtol=1e-15
    )
    several = analysis.scaled_kernels(np.stack([taps, taps[:, ::-1]], axis=2), 2)
    np.testing.assert_array_equal(several[:, :, 0], values)
    constant = analysis.scaled_kernels(np.ones((1, 2, 3)), 0)
    np.testing.assert_array_equal(constant, np.zeros((1, 2, 1)))
    for radius in (-1, 4):
        with pytest.raises(ConfigError, match="from 0 to 3"):
            analysis.scaled_kernels(taps, radius)


def test_kernel_change():
    rng = np.random.default_rng(0)
    before = rng.normal(size=(3, 2, 8))
    np.testing.assert_array_equal(analysis.kernel_change(before, before), 0)
    after = before.copy()
    after[1, 0] *= 1.5
    after[2, 1] *= -1
    change = analysis.kernel_change(before, after)
    np.testing.assert_allclose(change, [[0, 0], [0.5, 0], [0, 2]], rtol=1e-14)
    np.testing.assert_array_equal(analysis.most_changed(change), [2, 1, 0])
    zero = np.zeros((1, 2, 8))
    np.testing.assert_array_equal(analysis.kernel_change(zero, before[:1]), np.inf)
    np.testing.assert_array_equal(analysis.kernel_change(zero, zero), 0)
    with pytest.raises(ConfigError, match=r"before=\(3, 2, 8\), after=\(2, 2, 8\)"):
        analysis.kernel_change(before, before[:2])


def test_most_changed_of_several_kernels():
    change = np.zeros((3, 2, 2))
    change[1, 1, 1] = 0.5
    change[0, 0] = 0.4
    np.testing.assert_array_equal(analysis.most_changed(change), [1, 0, 2])


def test_kernel_summary():
    taps = np.zeros((2, 2, 4))
    taps[..., 0] = 1
    taps[1, 1] = [0.5, -2.0, 0.0, 0.5]
    constants = np.ones((2, 2, 3))
    constants[1, 1, 2] = 7
    rows = analysis.kernel_summary(taps, constants)
    assert [(row["layer"], row["direction"]) for row in rows] == [
        (0, "forward"),
        (0, "backward"),
        (1, "forward"),
        (1, "backward"),
    ]
    assert rows[0] == {
        "layer": 0,
        "direction": "forward",
        "kernel": 0,
        "peak": 0,
        "mass_radius": 0,
        "mean_distance": 0,
        "slowest": 1,
    }
    # (2 * 1 + 0.5 * 3) / 3, and 90% of 3 is more than 2.5.
    assert rows[3]["peak"] == 1
    assert rows[3]["mass_radius"] == 3
    assert rows[3]["mean_distance"] == pytest.approx(3.5 / 3)
    assert rows[3]["slowest"] == 7
    several = analysis.kernel_summary(taps[:, :, None], constants[:, :, None])
    assert several == rows
