"""Labels as classes and as numbers."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import settings
from hypothesis import strategies as st

from keras_bigs.data.tables import class_names
from keras_bigs.data.tables import encode_labels
from keras_bigs.data.tables import encode_targets
from keras_bigs.data.tables import label_vocabulary
from keras_bigs.data.tables import read_table
from keras_bigs.errors import DataError

pytestmark = pytest.mark.without_backend


def table_of(write, *labels):
    rows = "".join(f"some text\t{label}\n" for label in labels)
    path = write("a.tsv", "text\tlabel\n" + rows)
    return read_table(path, text="text", label="label")


def test_vocabulary():
    assert label_vocabulary(["10", "0", "1", "0"]) == ["0", "1", "10"]
    assert label_vocabulary(["0.5", "-1", "3", "-10"]) == ["-10", "-1", "0.5", "3"]
    labels = ["no", "inf", "yes", "10", "9", "nan"]
    assert label_vocabulary(labels) == ["9", "10", "inf", "nan", "no", "yes"]
    assert label_vocabulary([]) == []


@settings(deadline=None)
@given(st.lists(st.text()), st.randoms())
def test_vocabulary_does_not_depend_on_order(labels, random):
    vocabulary = label_vocabulary(labels)
    assert set(vocabulary) == set(labels)
    assert len(vocabulary) == len(set(labels))
    random.shuffle(labels)
    assert label_vocabulary(labels) == vocabulary


def test_encode_labels(write):
    labels = encode_labels(table_of(write, "b", "a", "b"), ["a", "b"])
    assert labels.dtype == "int32"
    np.testing.assert_array_equal(labels, [1, 0, 1])


def test_unknown_label(write):
    table = table_of(write, "a", "c", "b", "c", "d")
    with pytest.raises(DataError) as error:
        encode_labels(table, ["a", "b"])
    message = str(error.value)
    assert f"{table.path}: column 'label' has labels" in message
    assert "['c', 'd'], in 3 lines (3, 5, 6)" in message
    assert "known labels are ['a', 'b']" in message


def test_encode_targets(write):
    targets = encode_targets(table_of(write, "3.8", "-1", "1e3"))
    assert targets.dtype == "float32"
    np.testing.assert_array_equal(targets, np.array([3.8, -1, 1000], "float32"))


@pytest.mark.parametrize("label", ["good", "nan", "inf", "-inf", "1e39", "3,8"])
def test_targets_that_are_no_numbers(write, label):
    table = table_of(write, "1", label, "2")
    with pytest.raises(DataError) as error:
        encode_targets(table)
    assert "column 'label' is not a finite number in line 3" in str(error.value)
    assert repr(label) in str(error.value)


def test_no_labels(write):
    table = read_table(write("a.csv", "text\na\n"), text="text")
    for encode in (encode_targets, lambda table: encode_labels(table, ["a"])):
        with pytest.raises(DataError, match="Name the label column"):
            encode(table)


class TestClassNames:
    def test_distinct_labels_in_order(self, write):
        assert class_names(table_of(write, "b", "a", "b")) == ["a", "b"]
        assert class_names(table_of(write, "10", "9", "10")) == ["9", "10"]

    def test_one_class_only(self, write):
        with pytest.raises(DataError, match="one label only, 'a'. A classifier needs"):
            class_names(table_of(write, "a", "a"))

    def test_numbers_of_many_values_are_scores(self, write):
        """As in STS-B; half stars, and numbered classes however many, are not."""
        half_stars = [str(stars / 2) for stars in range(1, 11)]
        assert class_names(table_of(write, *half_stars)) == half_stars
        numbered = [str(number) for number in range(200)]
        assert class_names(table_of(write, *numbered)) == numbered
        scores = [f"{score / 5:.3f}" for score in range(26)]
        with pytest.raises(DataError, match=r"26 different numbers from 0 to 5, 20 of"):
            class_names(table_of(write, *scores))
        # One name among them, and all are names.
        assert len(class_names(table_of(write, *scores, "unknown"))) == 27
