"""Outputs that appear whole or not at all, and whose directory has one owner."""

import contextlib
import errno
import hashlib
import json
import os
import pathlib
import shutil
import socket

from keras_bigs.errors import ConfigError


def sha256(source) -> str:
    """The SHA-256 of a file (a `pathlib.Path`) or of a text (a string), in hex."""
    if isinstance(source, str):
        return hashlib.sha256(source.encode()).hexdigest()
    with open(source, "rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def sha256_of_all(path) -> str:
    """The SHA-256 of a file, or of the names and contents of all within a directory."""
    path = pathlib.Path(path)
    if path.is_file():
        return sha256(path)
    parts = sorted(part for part in path.rglob("*") if part.is_file())
    return sha256(
        "".join(f"{part.relative_to(path)} {sha256(part)}\n" for part in parts)
    )


def write_text(path, text):
    """Writes a text in UTF-8, whole or not at all; see `atomic_write`."""
    with atomic_write(path) as temporary:
        temporary.write_text(text, encoding="utf-8")


@contextlib.contextmanager
def atomic_write(path):
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
    with atomic_write("results.json") as temporary:
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


def require_new(path):
    """Checks that a directory can be written as a whole, before any work is lost.

    Args:
        path: where it will be.

    Raises:
        ConfigError: there is a file, or a directory with something in it.
    """
    path = pathlib.Path(path)
    if path.exists() and (not path.is_dir() or any(path.iterdir())):
        kind = "not empty" if path.is_dir() else "a file"
        raise ConfigError(f"{path} is {kind}. Name another directory, or remove it.")


def claim(directory, options, has_results, free=()):
    """Makes an output directory, or finds in it the same work begun before.

    `config.json` in it says whose it is. Work that has no results yet, for want of
    memory perhaps, may begin again with other options.

    Args:
        directory: where the outputs go.
        options: dict of what the outputs depend on, which JSON can hold.
        has_results: a function without arguments: whether the directory has something
            that other options would not have made.
        free: names of options that may change from one start to the next.

    Raises:
        ConfigError: the directory has something else in it, or results of other
            options; or it cannot be written.
    """
    directory = pathlib.Path(directory)
    text = json.dumps(options, indent=2, default=str)
    path = directory / "config.json"
    try:
        if path.exists():
            before, now = json.loads(path.read_text(encoding="utf-8")), json.loads(text)
            changed = [
                name
                for name in now
                if name not in free and before.get(name, now[name]) != now[name]
            ]
            if changed and has_results():
                raise ConfigError(
                    f"--output {directory} has results of other options or data: "
                    f"{', '.join(changed)}; see {path}. Name another directory, or "
                    "give the same options."
                )
            if not changed:
                return
        elif directory.exists() and any(
            entry.name != LOCK for entry in directory.iterdir()
        ):
            raise ConfigError(
                f"--output {directory} is not empty. Name another directory, or "
                "remove it."
            )
        write_text(path, text)
    except OSError as error:
        raise ConfigError(
            f"Cannot write to --output {directory}: {error.strerror or error}. Name "
            "another directory."
        ) from error


LOCK = ".lock"


@contextlib.contextmanager
def lock(directory):
    """Holds a directory for this process, so that no second one writes into it.

    The lock ends with the process, however it ends.

    Args:
        directory: made if need be.

    Raises:
        ConfigError: another process holds it, which is named; or it cannot be written.
    """
    # Not on Windows, which this library has never been run on.
    import fcntl

    path = pathlib.Path(directory) / LOCK
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        file = open(path, "a+", encoding="utf-8")  # noqa: SIM115
    except OSError as error:
        raise ConfigError(
            f"Cannot write to --output {directory}: {error.strerror}. Name another "
            "directory."
        ) from error
    with file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError as error:
            if error.errno not in (errno.EAGAIN, errno.EACCES):
                raise
            file.seek(0)
            raise ConfigError(
                f"--output {directory} is being written by {file.read().strip()}. "
                "Wait for it, end it, or name another directory."
            ) from error
        file.truncate(0)
        file.write(f"process {os.getpid()} on {socket.gethostname()}\n")
        file.flush()
        yield
        file.truncate(0)
