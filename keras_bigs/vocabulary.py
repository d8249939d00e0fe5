"""Files of word pieces. A module of its own, since it needs no Keras to read one."""

from pathlib import Path

from keras_bigs.errors import DataError


def read_vocabulary(path) -> list[str]:
    """The word pieces of a file with one a line, in the order of their ids.

    Args:
        path: a text file in UTF-8, with or without a byte order mark, whose lines end
            as on Unix, Windows or old Macs.

    Returns:
        list of strings.

    Raises:
        DataError: the file cannot be read, is no UTF-8 text, has no pieces, or one
            twice.

    Example:
    ```python
    pieces = keras_bigs.models.read_vocabulary("vocab.txt")
    tokenizer = keras_bigs.models.BiGSTokenizer(pieces)
    ```
    """
    try:
        content = Path(path).read_bytes()
        if content.startswith(b"\x1f\x8b"):
            raise DataError(f"{path} is compressed. Decompress it first: gunzip -k")
        text = content.decode("utf-8-sig")
    except OSError as error:
        raise DataError(f"{path}: no vocabulary to read ({error.strerror}).") from error
    except UnicodeDecodeError as error:
        raise DataError(
            f"{path} is no UTF-8 text: {error}. Save it as UTF-8."
        ) from error
    # Not `splitlines()`: a piece may be a rare kind of line break.
    text = text.replace("\r\n", "\n")
    if "\n" not in text:
        text = text.replace("\r", "\n")
    pieces = text.rstrip("\n").split("\n")
    if pieces == [""]:
        raise DataError(f"{path} has no word pieces. Name a file with one a line.")
    lines, repeated = {}, []
    for number, piece in enumerate(pieces, 1):
        if lines.setdefault(piece, number) != number:
            repeated.append(f"{piece[:80]!r} (lines {lines[piece]} and {number})")
    if repeated:
        raise DataError(
            f"{path} has word pieces more than once ({len(repeated)}): "
            f"{', '.join(repeated[:5])}. A vocabulary has each once."
        )
    return pieces


def same_pieces(first, second) -> bool:
    """Whether two vocabularies are the same once they have been part of a preset.

    keras-hub reads the pieces of a preset without white space at their ends.

    Args:
        first: list of strings.
        second: list of strings.
    """
    return [piece.rstrip() for piece in first] == [piece.rstrip() for piece in second]
