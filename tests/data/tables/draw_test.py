"""Random parts of tables, and what a task's `fit` takes."""

import pytest

from keras_bigs.data import tables
from keras_bigs.errors import ConfigError

pytestmark = pytest.mark.without_backend


@pytest.fixture
def path(write):
    rows = "".join(f"{i}\ttext {i}\tother {i}\t{i % 3}\n" for i in range(20))
    return write("train.tsv", "id\tfirst\tsecond\tlabel\n" + rows)


def test_a_part_of_all_columns(path):
    table = tables.read_table(path, "first", "second", "label", all_columns=True)
    part = table.draw(7)
    rows = [int(row) for row in part.columns["id"]]
    assert len(part) == len(set(rows)) == 7 and rows == sorted(rows)
    assert rows[-1] > 6  # not just the first ones
    assert part.texts == part.columns["first"] == [f"text {i}" for i in rows]
    assert part.text_pairs == part.columns["second"] == [f"other {i}" for i in rows]
    assert part.labels == part.columns["label"] == [str(i % 3) for i in rows]
    # The header is line 1.
    assert part.line_numbers == [i + 2 for i in rows]
    assert (part.path, part.label_column) == (path, "label")
    # What it was drawn from stays.
    assert len(table) == len(table.columns["id"]) == 20


def test_what_a_table_lacks(path):
    part = tables.read_table(path, "first").draw(5)
    assert (part.text_pairs, part.labels, part.columns) == (None, None, None)
    assert len(part.texts) == len(part.line_numbers) == 5


def test_the_seed_decides(path):
    table = tables.read_table(path, "first")
    assert table.draw(5) == table.draw(5, seed=0)
    assert len({tuple(table.draw(5, seed).texts) for seed in range(9)}) > 1
    assert table.draw(20, seed=4) == table


@pytest.mark.parametrize("number", [0, 21])
def test_not_as_many(path, number):
    with pytest.raises(ConfigError, match=f"from 1 to 20.*Received: {number}"):
        tables.read_table(path, "first").draw(number)


def test_x(path):
    texts = [f"text {i}" for i in range(20)]
    assert tables.read_table(path, "first").x == texts
    pair = tables.read_table(path, "first", text_pair="second").x
    assert pair == (texts, [f"other {i}" for i in range(20)])
    assert type(pair) is tuple
