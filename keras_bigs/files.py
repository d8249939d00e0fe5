"""Outputs that appear whole or not at all."""

import contextlib
import os
import pathlib
import shutil


def require_new(path):
    """Checks that a directory can be written as a whole, before any work is lost.

    Args:
        path: where it will be.

    Raises:
        OSError: there is a file, or a directory with something in it.
    """
    path = pathlib.Path(path)
    if path.exists() and (not path.is_dir() or any(path.iterdir())):
        kind = "not empty" if path.is_dir() else "a file"
        raise FileExistsError(
            f"{path} is {kind}. Name another directory, or remove it."
        )


def write_text(path, text):
    """Writes a text in UTF-8, whole or not at all; see `whole`."""
    with whole(path) as temporary:
        temporary.write_text(text, encoding="utf-8")


@contextlib.contextmanager
def whole(path):
    """Gives a temporary path to write to, which becomes `path` if no error is raised.

    Args:
        path: a file, replaced if it exists, or a directory that does not exist or is
            empty. The folder around it is made if need be.

    Yields:
        `pathlib.Path` beside `path`, of the same suffix. What is left there after an
        error inside the block is removed.

    Raises:
        OSError: `path` cannot be written, or is a directory with something in it. What
            was written is then kept, and the message says where.

    Example:
    ```python
    with whole("results.json") as temporary:
        temporary.write_text("{}")
    ```
    """
    path = pathlib.Path(path)
    path.parent.mkdir(parents=True, exist_ok=True)
    temporary = path.with_name(f".{os.getpid()}.{path.name}")
    try:
        yield temporary
    except BaseException:
        if temporary.is_dir():
            shutil.rmtree(temporary)
        temporary.unlink(missing_ok=True)
        raise
    try:
        os.replace(temporary, path)
    except OSError as error:
        raise OSError(
            f"Cannot rename {temporary} to {path}: {error.strerror}. What was written "
            "is kept in the former."
        ) from error
