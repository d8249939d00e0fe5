"""Entity-level precision, recall and F1, worked out by hand."""

import pytest

from keras_bigs.training import entity_metrics
from keras_bigs.training.entity_metrics import entities

pytestmark = pytest.mark.without_backend


def test_entities():
    tags = ["B-PER", "I-PER", "O", "B-PER", "B-PER", "I-LOC", "I-LOC", "O", "I-ORG"]
    assert entities(tags) == [
        ("PER", 0, 2),
        ("PER", 3, 4),
        ("PER", 4, 5),
        ("LOC", 5, 7),
        ("ORG", 8, 9),
    ]
    assert entities(["O", "O"]) == entities([]) == []


def test_scores():
    tags = [["B-PER", "I-PER", "O", "B-LOC"], ["B-LOC", "O", "B-PER"]]
    # Right: PER of the second sentence, LOC of the first. The first PER ends early;
    # the second LOC has another type.
    predictions = [["B-PER", "O", "O", "B-LOC"], ["B-ORG", "O", "B-PER"]]
    metrics = entity_metrics(tags, predictions)
    assert list(metrics) == ["LOC", "ORG", "PER", "all"]
    assert metrics["PER"] == {"precision": 0.5, "recall": 0.5, "f1": 0.5, "support": 2}
    assert metrics["LOC"]["precision"] == 1 and metrics["LOC"]["recall"] == 0.5
    assert metrics["LOC"]["f1"] == pytest.approx(2 / 3)
    assert metrics["ORG"] == {"precision": 0, "recall": 0, "f1": 0, "support": 0}
    assert metrics["all"] == {"precision": 0.5, "recall": 0.5, "f1": 0.5, "support": 4}


def test_nothing_to_find():
    assert entity_metrics([["O"]], [["O"]])["all"]["f1"] == 0


@pytest.mark.parametrize("predictions", [[], [["O"]], [["O"], ["O", "O"]]])
def test_what_does_not_match(predictions):
    with pytest.raises(ValueError, match="must have as many sentences"):
        entity_metrics([["O", "O"], ["O"]], predictions)
