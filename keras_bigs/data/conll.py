"""Sentences with a tag for each word, in columns: named entities as CoNLL has them."""

import os
import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from keras_bigs.data.tables.messages import shorten
from keras_bigs.data.text_files import read_text
from keras_bigs.data.text_files import unify_line_ends
from keras_bigs.errors import DataError
from keras_bigs.files import write_text

DOCUMENT_MARKER = "-DOCSTART-"
_TAG = re.compile(r"O|[BI]-\S+")


@dataclass(frozen=True)
class TaggedSentence:
    """The words of a sentence and their tags.

    Attributes:
        words: strings, one at least.
        tags: IOB2 tags, one a word: "B-<type>" for the first word of an entity,
            "I-<type>" for its others, "O" for all other words. Empty where a file was
            read without tags.
        line: of the file, from 1, in which the sentence starts.
    """

    words: tuple[str, ...]
    tags: tuple[str, ...]
    line: int


def read_conll(
    path: str | os.PathLike, word_column: int = 0, tag_column: int | None = -1
) -> list[TaggedSentence]:
    """Reads a file of one word a line, with its tag in another column.

    Columns are divided by tabs, or else by spaces; sentences by blank lines or document
    markers, `-DOCSTART-`, which are left out. Tags are IOB1 (CoNLL 2003's, where "B-"
    only divides entities of one type) or IOB2, and become IOB2.

    Args:
        path: the file, in UTF-8, also compressed by gzip.
        word_column: the index of the column of words.
        tag_column: that of the tags; -1 is the last. `None` leaves tags unread, such as
            for words to predict tags for.

    Returns:
        A list of `TaggedSentence`, one at least.

    Raises:
        DataError: the file cannot be read or has no words; a line lacks a column; or a
            tag is none of IOB.

    Example:
    ```python
    sentences = keras_bigs.data.conll.read_conll("train.conll")
    sentences[0].words, sentences[0].tags
    ```
    """
    path = Path(path)
    sentences: list[TaggedSentence] = []
    words: list[str] = []
    tags: list[str] = []
    start = 0

    def end_sentence():
        if words:
            sentences.append(TaggedSentence(tuple(words), to_iob2(tags), start))
            words.clear()
            tags.clear()

    for number, line in enumerate(unify_line_ends(read_text(path)).split("\n"), 1):
        # By no other white space: a number may have a no-break space inside.
        cells = line.split("\t") if "\t" in line else re.split(" +", line.strip(" "))
        # Inside a sentence it is a word like others.
        is_marker = cells[0] == DOCUMENT_MARKER and not words
        if not line.strip() or is_marker:
            end_sentence()
            continue
        if not words:
            start = number
        words.append(_cell(path, number, cells, word_column))
        if tag_column is None:
            continue
        tag = _cell(path, number, cells, tag_column)
        if len(cells) < 2 or not _TAG.fullmatch(tag):
            raise DataError(
                f"{path}, line {number}: {shorten(tag)} in column {tag_column} is no "
                'tag of IOB1 or IOB2, such as "B-PER", "I-PER" and "O". Name the '
                "column of the tags, or convert them."
            )
        tags.append(tag)
    end_sentence()
    if not sentences:
        raise DataError(f"{path}: the file has no words.")
    return sentences


def to_iob2(tags: Sequence[str]) -> tuple[str, ...]:
    """Tags of IOB1, or of a model that knows no scheme, as IOB2.

    An "I-<type>" that does not follow a tag of its type starts an entity, as in the
    evaluation of CoNLL.

    Args:
        tags: the tags of one sentence.

    Returns:
        As many tags.
    """
    before, result = "O", []
    for tag in tags:
        starts = tag.startswith("I-") and before[2:] != tag[2:]
        result.append(f"B-{tag[2:]}" if starts else tag)
        before = tag
    return tuple(result)


def tag_names(sentences: Sequence[TaggedSentence]) -> list[str]:
    """All tags of the types that occur: "O", and "B-" and "I-" of each, in order."""
    types = sorted({tag[2:] for s in sentences for tag in s.tags if tag != "O"})
    return ["O", *(f"{part}-{kind}" for kind in types for part in "BI")]


def encode_tags(
    path: str | os.PathLike, sentences: Sequence[TaggedSentence], names: Sequence[str]
) -> list[list[int]]:
    """The position of each tag in `names`, for each sentence.

    Args:
        path: what errors call the file.
        sentences: what `read_conll` returns.
        names: what `tag_names` returns for the training file.

    Raises:
        DataError: a tag is of a type that is not in `names`.
    """
    index = {name: i for i, name in enumerate(names)}
    for sentence in sentences:
        for tag in sentence.tags:
            if tag not in index:
                raise DataError(
                    f"{path}, the sentence from line {sentence.line}: {shorten(tag)} "
                    f"is of a type that training did not see. It knows {list(names)}. "
                    "Correct the tag, or add such examples to the training file."
                )
    return [[index[tag] for tag in sentence.tags] for sentence in sentences]


def write_conll(
    path: str | os.PathLike,
    sentences: Sequence[TaggedSentence],
    *columns: Sequence[Sequence[str]],
) -> None:
    """Writes a word a line, its tags beside it, and blank lines between sentences.

    With tags and predictions it is what the evaluation of CoNLL reads.

    Args:
        path: the file.
        sentences: their words are the first column, between tabs.
        *columns: tags of each sentence, as many as it has words.
    """
    blocks = [
        "\n".join("\t".join(cells) for cells in zip(s.words, *tags, strict=True))
        for s, *tags in zip(sentences, *columns, strict=True)
    ]
    write_text(Path(path), "\n\n".join(blocks) + "\n")


def _cell(path, number, cells, column):
    try:
        cell = cells[column].strip()
    except IndexError:
        cell = ""
    if not cell:
        raise DataError(
            f"{path}, line {number}: there is nothing in column {column}. The line has "
            f"{shorten(cells)}."
        )
    return cell
