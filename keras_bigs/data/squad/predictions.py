"""Predicted answers, as the official evaluation script of SQuAD reads them."""

import json
import os
from collections.abc import Mapping
from pathlib import Path

from keras_bigs.files import write_text


def write_predictions(path: str | os.PathLike, answers: Mapping[str, str]) -> None:
    """Writes what the official evaluation script reads: answers by question id, JSON.

    Args:
        path: the file, such as `predictions.json`.
        answers: the text of the answer to each question.
    """
    write_text(Path(path), json.dumps(dict(answers), ensure_ascii=False, indent=1))
