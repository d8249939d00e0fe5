"""Subject-verb agreement in sentences of Wikipedia (Linzen et al. 2016)."""

import io
import os
from pathlib import Path

from keras_bigs.data.syntax.pairs import MinimalPair
from keras_bigs.data.tables.messages import shorten
from keras_bigs.data.text_files import read_text
from keras_bigs.errors import DataError

_END = "<eos>"


def read_linzen(prefix: str | os.PathLike) -> list[MinimalPair]:
    """Reads the agreement test of Linzen et al. (2016), as Gulordava et al. (2018) do.

    Two files of as many lines: `PREFIX.text` has a sentence a line, its words divided
    by spaces, perhaps with `<eos>` at the end, which is left out; `PREFIX.gold` has
    four columns divided by tabs: the index of the verb among the words, from 0, its
    right form, its wrong form, and the number of attractors, which are nouns of the
    other number between subject and verb. Files differ in whether a form is
    capitalised: the sentence says.

    Args:
        prefix: the path of both files without `.text` and `.gold`.

    Returns:
        A list of `MinimalPair` in the order of the file, one at least. Its group is the
        number of attractors, as a string.

    Raises:
        DataError: a file cannot be read; the files differ in length; a line of
            `PREFIX.gold` has other columns; or the word at its index is not the right
            form.

    Example:
    ```python
    pairs = keras_bigs.data.syntax.read_linzen("linzen2016/subj_agr_filtered")
    pairs[0].good, pairs[0].bad, pairs[0].group
    ```
    """
    text, gold = (Path(f"{prefix}.{name}") for name in ("text", "gold"))
    for path in (text, gold):
        if not path.exists():
            raise DataError(
                f"{path}: there is no such file. Give what NAME.text and NAME.gold "
                f"have in common, such as FOLDER/NAME. Received: {prefix}"
            )
    sentences = [line.split() for line in _lines(text)]
    answers = [line.rstrip("\n").split("\t") for line in _lines(gold)]
    if not answers:
        raise DataError(f"{gold}: the file is empty.")
    if len(sentences) != len(answers):
        raise DataError(
            f"{text} has {len(sentences):,} lines and {gold} {len(answers):,}: one of "
            "them is not whole. Copy both again."
        )
    return [
        _pair(f"{gold}, line {line}", words, cells)
        for line, (words, cells) in enumerate(
            zip(sentences, answers, strict=True), start=1
        )
    ]


def _lines(path):
    # Unlike `splitlines`, not at the rarer ends of lines that Unicode has.
    return io.StringIO(read_text(path), newline=None)


def _pair(where, words, cells):
    if len(cells) != 4 or not (cells[0].isdecimal() and cells[3].isdecimal()):
        raise DataError(
            f"{where}: must have the index of the verb, its right form, its wrong form "
            f"and the number of attractors, divided by tabs. Received: {shorten(cells)}"
        )
    index, right, wrong, attractors = int(cells[0]), *cells[1:3], int(cells[3])
    if words and words[-1] == _END:
        words = words[:-1]
    if index >= len(words):
        raise DataError(
            f"{where}: the verb is word {index}, from 0, and the sentence has "
            f"{len(words)} words. Correct the line."
        )
    word = words[index]
    if word.lower() != right.lower():
        raise DataError(
            f"{where}: word {index} of the sentence, from 0, is {word!r}, not the "
            f"right form {right!r}. Correct the line."
        )
    # Some answers are capitalised where the sentence is not.
    if word.islower():
        wrong = wrong.lower()
    elif word[0].isupper():
        wrong = wrong[:1].upper() + wrong[1:]
    bad = [*words[:index], wrong, *words[index + 1 :]]
    return MinimalPair(" ".join(words), " ".join(bad), str(attractors), where)
