import contextlib

import numpy as np
import pytest
from keras import ops

from keras_bigs.compat.scan import scan
from keras_bigs.compat.scan import without_loops
from tests.backend import to_numpy


@pytest.mark.parametrize("reverse", [False, True])
@pytest.mark.parametrize("scope", [contextlib.nullcontext, without_loops])
def test_states(scope, reverse):
    xs = np.array([[1.0], [2.0], [4.0]], "float32")

    def step(state, x):
        total, last = state
        return total / 2 + x, x

    start = (ops.zeros((1,)), ops.zeros((1,)))
    with scope():
        totals, lasts = scan(step, start, ops.convert_to_tensor(xs), reverse)
    expected = [3.0, 4.0, 4.0] if reverse else [1.0, 2.5, 5.25]
    np.testing.assert_array_equal(to_numpy(totals)[:, 0], expected)
    np.testing.assert_array_equal(to_numpy(lasts), xs)
