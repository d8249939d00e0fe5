"""Questions on texts in the format of SQuAD 1.1 (Rajpurkar et al. 2016)."""

import os
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from keras_bigs.data.json_fields import get
from keras_bigs.data.tables.messages import shorten
from keras_bigs.data.text_files import read_json
from keras_bigs.data.tfds import open_builder
from keras_bigs.errors import DataError


@dataclass(frozen=True)
class SquadExample:
    """A question on a context, and the answers that annotators gave.

    Attributes:
        id: of the question, one in the file.
        question: the text.
        context: a paragraph of an article.
        answers: texts, each of them `context[start : start + len(answer)]`.
        answer_starts: the character at which each starts.
    """

    id: str
    question: str
    context: str
    answers: tuple[str, ...]
    answer_starts: tuple[int, ...]


def read_squad(path: str | os.PathLike) -> list[SquadExample]:
    """Reads a file of the official release, such as `train-v1.1.json`.

    Args:
        path: JSON of `data[].paragraphs[]` with `context` and `qas[]`, each with `id`,
            `question` and `answers[]` of `text` and `answer_start`; also `.gz`.

    Returns:
        A list of `SquadExample` in the order of the file.

    Raises:
        DataError: the file is not JSON of that form; an article has no questions; a
            question has no answer, or an id that another one has; or an answer is not
            in its context at `answer_start`.

    Example:
    ```python
    examples = keras_bigs.data.squad.read_squad("dev-v1.1.json")
    examples[0].question, examples[0].answers
    ```
    """
    path = Path(path)
    content = read_json(path)
    examples, ids = [], set()
    for i, article in enumerate(get(f"{path}", content, "data", list)):
        where = f"{path}, data[{i}]"
        before = len(examples)
        for j, paragraph in enumerate(get(where, article, "paragraphs", list)):
            inside = f"{where}.paragraphs[{j}]"
            context = get(inside, paragraph, "context", str)
            for k, qa in enumerate(get(inside, paragraph, "qas", list)):
                example = _example(f"{inside}.qas[{k}]", qa, context)
                if example.id in ids:
                    raise DataError(
                        f"{inside}.qas[{k}]: another question has the id "
                        f"{example.id!r}. Predictions are told apart by it: rename one."
                    )
                ids.add(example.id)
                examples.append(example)
        if len(examples) == before:
            title = article.get("title", "without a title")
            raise DataError(f"{where} ({title}): the article has no questions.")
    if not examples:
        raise DataError(f"{path}: `data` has no articles.")
    return examples


def read_squad_tfds(
    split: str, tfds_dir: str | os.PathLike | None = None
) -> list[SquadExample]:
    """Reads a split of TensorFlow Datasets' `squad`, version 1.1.

    Args:
        split: "train" or "validation".
        tfds_dir: where TensorFlow Datasets' data are; `None` for its default.

    Returns:
        As `read_squad`.

    Raises:
        DataError: the split is not prepared, or as `read_squad` does.
    """
    builder = open_builder("squad/v1.1", split, tfds_dir)
    examples = []
    for row in builder.as_dataset(split=split).as_numpy_iterator():
        answers = row["answers"]
        qa = {
            "id": row["id"].decode(),
            "question": row["question"].decode(),
            "answers": [
                {"text": text.decode(), "answer_start": int(start)}
                for text, start in zip(
                    answers["text"], answers["answer_start"], strict=True
                )
            ],
        }
        where = f"squad/v1.1, {split}"
        examples.append(_example(where, qa, row["context"].decode()))
    return examples


def columns(examples: Iterable[SquadExample]) -> tuple[Any, dict[str, list[Any]]]:
    """`x` and `y` for a question answerer's `fit`: the first answer of each question.

    Args:
        examples: `SquadExample`s. Of one without answers the text is empty.

    Returns:
        `((questions, contexts), {"answer_text": ..., "answer_start": ...})`, lists.
    """
    examples = list(examples)
    x = [e.question for e in examples], [e.context for e in examples]
    return x, {
        "answer_text": [e.answers[0] if e.answers else "" for e in examples],
        "answer_start": [e.answer_starts[0] if e.answers else 0 for e in examples],
    }


def _example(where, qa, context):
    question_id = get(where, qa, "id", str)
    question = get(where, qa, "question", str)
    answers = get(where, qa, "answers", list)
    if not question.strip():
        raise DataError(f"{where} ({question_id}): the question is empty.")
    if not answers:
        raise DataError(f"{where} ({question_id}): the question has no answer.")
    texts, starts = [], []
    for n, answer in enumerate(answers):
        inside = f"{where}.answers[{n}] ({question_id})"
        text = get(inside, answer, "text", str)
        start = get(inside, answer, "answer_start", int)
        found = context[start : start + len(text)] if start >= 0 else ""
        if found != text or not text:
            raise DataError(
                f"{inside}: at character {start} of its context is {shorten(found)}, "
                f"not the answer {shorten(text)}. Correct `answer_start`, which counts "
                "characters, not bytes."
            )
        texts.append(text)
        starts.append(start)
    return SquadExample(question_id, question, context, tuple(texts), tuple(starts))
