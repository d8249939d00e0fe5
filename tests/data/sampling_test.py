"""Random parts of data sets."""

import pytest

from keras_bigs.data.sampling import draw
from keras_bigs.errors import ConfigError

pytestmark = pytest.mark.without_backend
LETTERS = "abcdefghijklmnopqrstuvwxyz"


def test_all():
    assert draw(LETTERS, None) == list(LETTERS)
    assert draw(LETTERS, 26, seed=3) == list(LETTERS)
    assert draw([], None) == []


@pytest.mark.parametrize("number", [1, 5, 25])
def test_a_part_in_its_order(number):
    part = draw(LETTERS, number)
    assert len(set(part)) == len(part) == number
    assert part == sorted(part)


def test_the_seed_decides():
    assert draw(LETTERS, 8) == draw(LETTERS, 8, seed=0) == draw(list(LETTERS), 8)
    parts = {tuple(draw(LETTERS, 8, seed)) for seed in range(20)}
    assert len(parts) == 20
    # Each letter has its chance, at the ends too: 20 * 8 / 26 are expected.
    counts = [sum(letter in part for part in parts) for letter in LETTERS]
    assert min(counts) >= 1 and max(counts) <= 14


@pytest.mark.parametrize("number", [0, -1, 27])
def test_not_as_many(number):
    with pytest.raises(ConfigError, match=f"from 1 to 26.*Received: {number}"):
        draw(LETTERS, number)
