"""QuALITY (Pang et al. 2022): questions with options on long articles."""

import os
import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from keras_bigs.data.json_fields import get
from keras_bigs.data.json_fields import get_id
from keras_bigs.data.json_fields import get_text
from keras_bigs.data.json_fields import require_text
from keras_bigs.data.scrolls.markup import is_html
from keras_bigs.data.scrolls.markup import text_of_html
from keras_bigs.data.tables.messages import require_characters
from keras_bigs.data.tables.messages import shorten
from keras_bigs.data.tables.records import jsonl_records
from keras_bigs.data.text_files import read_json
from keras_bigs.data.text_files import read_text
from keras_bigs.errors import DataError

# What follows the question, the options and the last option in SCROLLS's `input`:
# options in a line each, a blank line, the article.
_MARKS = [
    *(re.compile(rf"\n\s*\({letter}\)") for letter in "ABCD"),
    re.compile(r"\n[^\S\n]*\n"),
]


@dataclass(frozen=True)
class ChoiceExample:
    """A question on an article, and the options to choose from.

    Attributes:
        id: of the question, one in the file.
        article: plain text.
        question: the text.
        options: texts, two at least.
        label: the index of the right option, from 0; or `None`, as in a test set.
        is_hard: whether most people who had little time chose wrongly; `None` where the
            file does not say.
        where: the file and the place in it, for messages.
    """

    id: str
    article: str
    question: str
    options: tuple[str, ...]
    label: int | None
    is_hard: bool | None
    where: str


def read_quality(
    path: str | os.PathLike, articles: str | os.PathLike | None = None
) -> list[ChoiceExample]:
    """Reads questions with options, from JSON lines of any of these forms.

    - QuALITY's release, such as `QuALITY.v1.0.1.htmlstripped.dev`: an article and a
      writer's questions a line, with `article`, `set_unique_id` and `questions[]` of
      `question`, `question_unique_id`, `options`, `gold_label`, from 1, and
      `difficult`. Without `question_unique_id`, questions are numbered from 1.
    - The older `quality_example.jsonl` of its baselines: the same, in fields
      `question1`, `question1option1` and so on, `question1_gold_label`.
    - One question a line: `article`, `question`, `options`, `label`, from 0, and
      perhaps `id`; else the id is the line, after `article_id` if there is one.
    - SCROLLS's `validation.jsonl`: `id`, `input`, which is the question, four options
      " (A) ..." in a line each, a blank line and the article, and `output`, the text of
      the right option or null; perhaps `is_hard`.

    An article may be plain text or HTML, whose paragraphs are kept, and in one string
    or a list of lines.

    Args:
        path: the file, also compressed by gzip.
        articles: a JSON file of articles by their id, `{id: text}`, for lines that have
            `article_id` in place of `article`.

    Returns:
        A list of `ChoiceExample` in the order of the file, one at least.

    Raises:
        DataError: a line is of none of these forms; an article, question or option is
            empty or missing; there are fewer than two options; a label is none of them;
            or two questions have the same id.

    Example:
    ```python
    examples = keras_bigs.data.scrolls.read_quality("QuALITY.v1.0.1.dev")
    examples[0].question, examples[0].options, examples[0].label
    ```
    """
    path = Path(path)
    texts = None if articles is None else _read_articles(Path(articles))
    examples, first = [], {}
    for line, record in jsonl_records(path, read_text(path), ()):
        for example in _examples(f"{path}, line {line}", line, record, texts):
            if example.id in first:
                raise DataError(
                    f"{example.where}: the question has the id {example.id!r}, and so "
                    f"has the one of {first[example.id]}. Predictions are told apart "
                    "by it: rename or remove one."
                )
            first[example.id] = example.where
            examples.append(example)
    if not examples:
        raise DataError(f"{path}: the file has no questions.")
    return examples


def _examples(where, line, record, texts) -> Iterator[ChoiceExample]:
    """The questions of a line, which may have many or one."""
    if "input" in record:
        yield _scrolls_example(where, record)
    elif "questions" in record:
        yield from _set_examples(where, record, _article(where, record, texts))
    elif "question1" in record:
        yield from _flat_examples(where, record, _article(where, record, texts))
    elif "question" in record:
        article = _article(where, record, texts)
        if "id" in record:
            question_id = get_id(where, record, "id")
        elif "article_id" in record:
            question_id = f"{get_id(where, record, 'article_id')}_{line}"
        else:
            question_id = str(line)
        options = get(where, record, "options", list)
        label = _label(where, record, "label", 0, len(options))
        yield _example(where, question_id, article, record["question"], options, label)
    else:
        raise DataError(
            f"{where}: there is none of 'questions', 'question', 'question1' and "
            f"'input', of which each form of QuALITY has one. The columns are "
            f"{shorten(list(record))}."
        )


def _set_examples(where, record, article):
    """Of QuALITY's release: an article, and a writer's questions on it."""
    questions = get(where, record, "questions", list)
    if not questions:
        raise DataError(f"{where}: 'questions' is empty. Remove the line.")
    for i, question in enumerate(questions):
        inside = f"{where}, questions[{i}]"
        options = get(inside, question, "options", list)
        if "question_unique_id" in question:
            question_id = get_id(inside, question, "question_unique_id")
        else:
            question_id = f"{get_id(where, record, 'set_unique_id')}_{i + 1}"
        yield _example(
            inside,
            question_id,
            article,
            question.get("question"),
            options,
            _label(inside, question, "gold_label", 1, len(options)),
            _flag(inside, question, "difficult"),
        )


def _flat_examples(where, record, article):
    """The same in fields named by number, as in QuALITY's baselines."""
    set_id = get_id(where, record, "unique_id")
    for i in _count(record, "question{}"):
        name = f"question{i}"
        options = [
            record[f"{name}option{j}"] for j in _count(record, f"{name}option{{}}")
        ]
        label = _label(where, record, f"{name}_gold_label", 1, len(options))
        yield _example(
            f"{where}, {name}", f"{set_id}_{i}", article, record[name], options, label
        )


def _scrolls_example(where, record):
    parts = _parts(get_text(where, record, "input"))
    if parts is None:
        raise DataError(
            f"{where}: 'input' must be a question, a line each for the options (A), "
            "(B), (C) and (D), a blank line and an article. Received: "
            f"{shorten(record['input'])}"
        )
    question, *options, article = parts
    output, label = record.get("output"), None
    if output is not None:
        # Space differs between the two.
        texts = [" ".join(option.split()) for option in options]
        wanted = " ".join(get_text(where, record, "output").split())
        if wanted not in texts:
            raise DataError(
                f"{where}: 'output' is {shorten(output)}, which is none of the options "
                f"in 'input', {shorten(options)}. Correct one of them."
            )
        label = texts.index(wanted)
    require_text(where, "article", article)
    return _example(
        where,
        get_id(where, record, "id"),
        article,
        question,
        options,
        label,
        _flag(where, record, "is_hard"),
    )


def _parts(text):
    """Question, options and article of SCROLLS's `input`, or `None`."""
    parts, start = [], 0
    # Each mark where it is first; with others no more could be found.
    for mark in _MARKS:
        found = mark.search(text, start)
        if found is None:
            return None
        parts.append(text[start : found.start()].strip())
        start = found.end()
    return [*parts, text[start:].strip()]


def _example(where, question_id, article, question, options, label, is_hard=None):
    question = get_text(where, {"question": question}, "question")
    if len(options) < 2:
        raise DataError(
            f"{where}: there must be two options or more. Received: {shorten(options)}"
        )
    for i, option in enumerate(options, 1):
        get_text(where, {f"option {i}": option}, f"option {i}")
    return ChoiceExample(
        question_id, article, question, tuple(options), label, is_hard, where
    )


def _count(record, pattern):
    """The numbers from 1 for which there are fields, up to the first that lacks one."""
    number = 1
    while pattern.format(number) in record:
        yield number
        number += 1


def _label(where, record, name, first, num_options) -> int | None:
    """The index of the right option, from 0, of a number from `first`."""
    label = record.get(name)
    if label is None:
        return None
    if type(label) is not int or not first <= label < first + num_options:
        raise DataError(
            f"{where}: {name!r} is {shorten(label)}, and the {num_options} options "
            f"have the numbers from {first} to {first + num_options - 1}. Correct it."
        )
    return label - first


def _flag(where, record, name) -> bool | None:
    value = record.get(name)
    if value not in (None, 0, 1):  # which `False` and `True` equal
        raise DataError(f"{where}: {name!r} must be 0 or 1. Received: {shorten(value)}")
    return None if value is None else bool(value)


def _article(where: str, record: dict, texts: tuple[Path, dict[str, Any]] | None):
    """The article of a line, or of the file of articles, as plain text."""
    article = record.get("article")
    if article is None:
        if texts is None:
            raise DataError(
                f"{where}: there is no 'article'. If the articles are in a file of "
                "their own, name it by `articles`."
            )
        path, by_id = texts
        article_id = get_id(where, record, "article_id")
        if article_id not in by_id:
            raise DataError(
                f"{where}: 'article_id' is {article_id!r}, and {path} has no such "
                f"article. It has {shorten(list(by_id))}."
            )
        article = by_id[article_id]
    if isinstance(article, list) and all(isinstance(line, str) for line in article):
        article = "".join(
            line if line.endswith("\n") else f"{line}\n" for line in article
        )
    if not isinstance(article, str):
        raise DataError(
            f"{where}: 'article' must be a string or a list of lines. Received: "
            f"{shorten(article)}"
        )
    require_characters(where, "'article'", article)
    if is_html(article):
        article = text_of_html(article)
    require_text(where, "article", article)
    return article


def _read_articles(path):
    content = read_json(path)
    if not isinstance(content, dict):
        raise DataError(
            f"{path} must be an object of articles by their id, such as "
            f'{{"52845": "..."}}. Received: {shorten(content)}'
        )
    return path, content
