"""The metrics of named entities (Tjong Kim Sang and De Meulder 2003)."""

import collections
from collections.abc import Sequence

from keras_bigs.data.conll import to_iob2


def entities(tags: Sequence[str]) -> list[tuple[str, int, int]]:
    """The entities of a sentence.

    Args:
        tags: IOB2 tags of its words. An "I-<type>" that does not follow a tag of its
            type starts an entity.

    Returns:
        A list of `(type, first, stop)`: the words from `first` to before `stop`.

    Example:
    ```python
    keras_bigs.training.entities(["B-PER", "I-PER", "O", "B-LOC"])
    # [("PER", 0, 2), ("LOC", 3, 4)]
    ```
    """
    found: list[tuple[str, int, int]] = []
    for i, tag in enumerate(to_iob2(tags)):
        if tag.startswith("B-"):
            found.append((tag[2:], i, i + 1))
        elif tag.startswith("I-"):
            kind, first, _ = found[-1]
            found[-1] = (kind, first, i + 1)
    return found


def entity_metrics(
    tags: Sequence[Sequence[str]], predictions: Sequence[Sequence[str]]
) -> dict[str, dict[str, float]]:
    """Precision, recall and F1 of entities: type and both ends must be right.

    This is the evaluation of CoNLL 2003, and `seqeval`'s by default.

    Args:
        tags: the IOB2 tags of each sentence.
        predictions: the predicted ones, as many.

    Returns:
        For each type, in order, and for `"all"`: `precision`, `recall`, `f1`, from 0 to
        1, 0 where nothing is divided by nothing, and `support`, the number of entities.

    Raises:
        ValueError: sentences differ in number, or in length.

    Example:
    ```python
    metrics = keras_bigs.training.entity_metrics(
        [["B-PER", "I-PER", "O"]], [["B-PER", "O", "O"]]
    )
    metrics["all"]["f1"]  # 0.0
    ```
    """
    lengths = [[len(sentence) for sentence in side] for side in (tags, predictions)]
    if lengths[0] != lengths[1]:
        raise ValueError(
            "`tags` and `predictions` must have as many sentences, of as many words. "
            f"Received: {len(tags)} and {len(predictions)} sentences, of "
            f"{sum(lengths[0])} and {sum(lengths[1])} words."
        )
    counts = [collections.Counter() for _ in range(3)]  # expected, predicted, right
    for expected, predicted in zip(tags, predictions, strict=True):
        expected, predicted = set(entities(expected)), set(entities(predicted))
        sides = (expected, predicted, expected & predicted)
        for count, side in zip(counts, sides, strict=True):
            count.update(kind for kind, _, _ in side)
    kinds = sorted(counts[0] | counts[1])
    metrics = {kind: _scores(*(count[kind] for count in counts)) for kind in kinds}
    return {**metrics, "all": _scores(*(count.total() for count in counts))}


def _scores(expected, predicted, right):
    return {
        "precision": right / predicted if predicted else 0.0,
        "recall": right / expected if expected else 0.0,
        "f1": 2 * right / (expected + predicted) if expected + predicted else 0.0,
        "support": expected,
    }
