"""What SCROLLS's evaluator and its leaderboard take: predictions as texts."""

import csv
import io
import json
import os
from collections.abc import Mapping
from pathlib import Path

from keras_bigs.data.scrolls.contract_nli import CONTRACT_NLI_TEXTS
from keras_bigs.data.tables.messages import shorten
from keras_bigs.files import write_text

_TASKS = (
    "gov_report",
    "summ_screen_fd",
    "qmsum",
    "narrative_qa",
    "qasper",
    "quality",
    "contract_nli",
)


def write_scrolls_predictions(
    path: str | os.PathLike, predictions: Mapping[str, str]
) -> None:
    """Writes what SCROLLS's evaluator reads of a task: JSON, predictions by id.

    A prediction for QuALITY is the text of an option; for ContractNLI it is
    "Entailment", "Contradiction" or "Not mentioned", as `CONTRACT_NLI_TEXTS` has them.
    The score of both, exact match in percent, compares texts without case, punctuation,
    articles and space. So it is the plain accuracy on these texts, unless two options
    of a question differ in nothing else.

    Args:
        path: the file, such as `quality.json`.
        predictions: texts by the id of the example, of all examples of a split.

    Raises:
        ValueError: an id or a prediction is no string.
    """
    _check_strings("predictions", predictions)
    write_text(Path(path), json.dumps(dict(predictions), ensure_ascii=False, indent=1))


def write_scrolls_submission(
    path: str | os.PathLike, predictions: Mapping[str, Mapping[str, str]]
) -> list[str]:
    """Writes a CSV file for the leaderboard (scrolls-benchmark.com).

    It has the columns Task, ID and Prediction, and a row for each example of the test
    sets. The leaderboard refuses a file that lacks one of the seven tasks; rows of the
    others can be added to this one.

    Args:
        path: the file, such as `submission.csv`.
        predictions: texts by the name of the task and the id of the example. See
            `write_scrolls_predictions` for the texts.

    Returns:
        The names of the tasks that the leaderboard wants and the file lacks.

    Raises:
        ValueError: no such task; an id or a prediction is no string; or one for
            ContractNLI is none of its three texts.

    Example:
    ```python
    missing = keras_bigs.data.scrolls.write_scrolls_submission(
        "submission.csv", {"contract_nli": {"3_nda-11": "Not mentioned"}}
    )
    ```
    """
    for task, texts in predictions.items():
        if task not in _TASKS:
            raise ValueError(f"`predictions` names {task!r}, not of {list(_TASKS)}.")
        _check_strings(f"predictions[{task!r}]", texts)
    for example_id, text in predictions.get("contract_nli", {}).items():
        if text not in CONTRACT_NLI_TEXTS.values():
            raise ValueError(
                f"`predictions['contract_nli'][{example_id!r}]` must be one of "
                f"{list(CONTRACT_NLI_TEXTS.values())}. Received: {shorten(text)}"
            )
    # Lines end in "\r\n", as in most CSV, so that a "\r" in a text is quoted as well.
    content = io.StringIO(newline="")
    writer = csv.writer(content)
    writer.writerow(("Task", "ID", "Prediction"))
    for task, texts in predictions.items():
        writer.writerows((task, example_id, text) for example_id, text in texts.items())
    write_text(Path(path), content.getvalue())
    return [task for task in _TASKS if task not in predictions]


def _check_strings(name, predictions):
    """Raises `ValueError` where the evaluator would refuse a file."""
    for example_id, text in predictions.items():
        if not isinstance(example_id, str) or not isinstance(text, str):
            raise ValueError(
                f"`{name}` must map strings to strings. Received: {example_id!r}: "
                f"{shorten(text)}"
            )
