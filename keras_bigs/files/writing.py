"""Outputs that appear whole or not at all."""

import contextlib
import os
import pathlib
import shutil
import tempfile
import uuid

from keras_bigs.files.locations import as_path
from keras_bigs.files.locations import is_in_bucket
from keras_bigs.files.uploads import upload


@contextlib.contextmanager
def atomic_write(path):
    """Gives a temporary path to write to, which becomes `path` if no error is raised.

    Args:
        path: see `as_path`. A file, replaced if it exists, or a directory that does not
            exist or is empty. The folder around it is made if need be. In a bucket,
            a directory is whole once it has the file `.complete` (`is_whole`).

    Yields:
        `pathlib.Path` beside `path`, of the same suffix; for a bucket, on this machine.
        What is left there after an error inside the block is removed.

    Raises:
        OSError: `path` cannot be written, or is a directory with something in it. What
            was written to a disk is then kept, and the message says where.

    Example:
    ```python
    with atomic_write("results.json") as temporary:
        temporary.write_text("{}")
    ```
    """
    path = as_path(path)
    if is_in_bucket(path):
        with tempfile.TemporaryDirectory() as folder:
            temporary = pathlib.Path(folder) / path.name
            yield temporary
            upload(temporary, path)
        return
    path.parent.mkdir(parents=True, exist_ok=True)
    # Numbers of processes come again, in containers and after a crash.
    temporary = path.with_name(f".{uuid.uuid4().hex[:12]}.{path.name}")
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
        kept = " What was written is kept in the former." if temporary.exists() else ""
        raise OSError(
            f"Cannot rename {temporary} to {path}: {error.strerror}.{kept}"
        ) from error


def write_text(path, text):
    """Writes a text in UTF-8, whole or not at all; see `atomic_write`."""
    with atomic_write(path) as temporary:
        temporary.write_text(text, encoding="utf-8")
