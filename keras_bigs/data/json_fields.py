"""Fields of JSON objects, which must be there and of their type."""

from typing import Any

from keras_bigs.data.tables.messages import require_characters
from keras_bigs.data.tables.messages import shorten
from keras_bigs.errors import DataError

_KINDS = {
    dict: "an object",
    list: "a list",
    str: "a string",
    int: "a whole number",
}


def get(where: str, record: Any, name: str, kind: type) -> Any:
    """A field of a JSON object.

    Args:
        where: the file and the place in it, for messages.
        record: what should be the object.
        name: of the field.
        kind: `dict`, `list`, `str` or `int`, of which it must be.

    Raises:
        DataError: `record` is no object, lacks the field, has another kind there, or a
            string of what is no character.
    """
    if not isinstance(record, dict):
        raise DataError(f"{where}: must be an object. Received: {shorten(record)}")
    value = record.get(name)
    # A boolean is no number.
    if not isinstance(value, kind) or (kind is int and isinstance(value, bool)):
        raise DataError(
            f"{where}: {name!r} must be {_KINDS[kind]}. Received: {shorten(value)}"
        )
    if kind is str:
        require_characters(where, repr(name), value)
    return value


def get_text(where: str, record: Any, name: str) -> str:
    """A field that holds a text, which is kept as it is.

    Raises:
        DataError: there is none, or it is blank.
    """
    text = get(where, record, name, str)
    require_text(where, name, text)
    return text


def require_text(where: str, name: str, text: str) -> None:
    """Raises `DataError` for a blank text."""
    if not text or text.isspace():
        raise DataError(f"{where}: {name!r} is empty. Fill it in, or remove it.")


def get_id(where: str, record: Any, name: str) -> str:
    """A field that tells records apart, as a string; files have numbers there too.

    Raises:
        DataError: there is none.
    """
    value = record.get(name) if isinstance(record, dict) else None
    if type(value) is int:  # a boolean is no number
        return str(value)
    return get_text(where, record, name)
