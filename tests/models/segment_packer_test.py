"""Lists are packed as keras-hub packs them."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import settings
from hypothesis import strategies as st
from keras_hub.layers import MultiSegmentPacker

from keras_bigs.models.segment_packer import SegmentPacker
from tests.backend import to_numpy

ROWS = st.lists(st.integers(5, 30), max_size=9)


@settings(max_examples=150, deadline=None)
@given(
    rows=st.integers(1, 3).flatmap(
        lambda n: st.lists(st.tuples(*[ROWS] * n), min_size=1, max_size=3)
    ),
    length=st.integers(8, 20),
    truncate=st.sampled_from(["round_robin", "waterfall"]),
    separators=st.sampled_from([None, [2], [2, 3]]),
)
def test_as_keras_hub(rows, length, truncate, separators):
    segments = tuple(list(column) for column in zip(*rows, strict=True))
    packer = MultiSegmentPacker(
        length,
        start_value=1,
        end_value=2,
        sep_value=separators,
        pad_value=0,
        truncate=truncate,
    )
    expected = packer(segments)
    actual = SegmentPacker.of(packer)(segments)
    for one, other in zip(actual, expected, strict=True):
        assert type(one) is type(other) and one.dtype == other.dtype
        np.testing.assert_array_equal(to_numpy(one), to_numpy(other))


@pytest.mark.parametrize(
    "segments",
    [
        ([5, 6, 7],),  # one text
        ([["a", "b"]],),
        ([[]], [[5]]),
        ([[5, 6]],),
    ],
)
def test_whatever_keras_hub_takes(segments):
    pad = "" if segments == ([["a", "b"]],) else 0
    values = {"start_value": "[", "end_value": "]"} if pad == "" else {}
    values = values or {"start_value": 1, "end_value": 2}
    packer = MultiSegmentPacker(6, pad_value=pad, **values)
    for one, other in zip(
        SegmentPacker.of(packer)(segments), packer(segments), strict=True
    ):
        np.testing.assert_array_equal(
            one if isinstance(one, list) else to_numpy(one),
            other if isinstance(other, list) else to_numpy(other),
        )


def test_another_length():
    packer = SegmentPacker.of(MultiSegmentPacker(6, start_value=1, end_value=2))
    packer.sequence_length = 9
    token_ids, _ = packer(([[5] * 20],))
    assert to_numpy(token_ids).tolist() == [[1] + [5] * 7 + [2]]
