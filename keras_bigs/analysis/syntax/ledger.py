"""Scores of minimal pairs in a file, so that a killed run goes on where it was."""

import json
import os
import pathlib
from collections.abc import Mapping

from keras_bigs.analysis.syntax.score import PairScore
from keras_bigs.errors import DataError

Texts = tuple[str, str]


class PairLedger:
    """The scores of one model in a JSONL file, which may have those of others too.

    A score is known by its model and the texts of its pair. Lines are only ever added,
    one a pair, and one that was cut off when its process was killed is removed. One
    process at a time may write (see `keras_bigs.files.lock`).

    Args:
        path: the file; made with the first scores.
        model: what tells the model from all others, such as its name and the SHA-256 of
            its weights.

    Attributes:
        scores: dict of `PairScore` by `(good, bad)`, both texts.

    Raises:
        DataError: a line of the file is no score.

    Example:
    ```python
    ledger = keras_bigs.analysis.PairLedger("scores.jsonl", "bigs_mini_en_uncased")
    score = keras_bigs.analysis.PairScore(-2.5, -4.0, "masked word")
    ledger.add({("she runs", "she run"): score})
    ```
    """

    def __init__(self, path: str | os.PathLike, model: str):
        self.path = pathlib.Path(path)
        self.model = model
        self.scores: dict[Texts, PairScore] = {}
        if not self.path.exists():
            return
        content = self.path.read_bytes()
        whole = content.rfind(b"\n") + 1
        if whole < len(content):
            os.truncate(self.path, whole)
        lines = content[:whole].decode("utf-8").split("\n")[:-1]
        for number, line in enumerate(lines, 1):
            owner, texts, score = self._read(number, line)
            if owner == model:
                self.scores[texts] = score

    def add(self, scores: Mapping[Texts, PairScore]) -> None:
        """Writes the scores of more pairs.

        Args:
            scores: `PairScore`s by `(good, bad)`.
        """
        self.path.parent.mkdir(parents=True, exist_ok=True)
        lines = []
        for (good, bad), score in scores.items():
            row = {"model": self.model, "good": good, "bad": bad}
            if score.left_out is None:
                row |= {"method": score.method, "scores": [score.good, score.bad]}
            else:
                row["left_out"] = score.left_out
            lines.append(json.dumps(row, ensure_ascii=False) + "\n")
        with open(self.path, "a", encoding="utf-8") as file:
            file.write("".join(lines))
        self.scores |= scores

    def _read(self, number, line):
        try:
            row = json.loads(line)
            texts = row["good"], row["bad"]
            if "left_out" in row:
                score = PairScore(left_out=row["left_out"])
            else:
                good, bad = map(float, row["scores"])
                score = PairScore(good, bad, row["method"])
            return row["model"], texts, score
        except (ValueError, TypeError, KeyError) as error:
            raise DataError(
                f"{self.path}, line {number}: no score of a pair. Delete the line; "
                "its pair is scored again."
            ) from error
