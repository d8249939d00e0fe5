"""Output directories have one owner."""

import json
import os

from keras_bigs.errors import ConfigError
from keras_bigs.files.locations import as_path
from keras_bigs.files.locations import entries
from keras_bigs.files.locations import location_of
from keras_bigs.files.locks import LOCK
from keras_bigs.files.writing import write_text


def require_new(path):
    """Checks that a directory can be written as a whole, before any work is lost.

    Args:
        path: where it will be.

    Raises:
        ConfigError: there is a file, or a directory with something in it.
    """
    path = as_path(path)
    if path.exists() and (not path.is_dir() or entries(path)):
        kind = "not empty" if path.is_dir() else "a file"
        raise ConfigError(f"{path} is {kind}. Name another directory, or remove it.")


def claim(directory, options, has_results, free=()):
    """Makes an output directory, or finds in it the same work begun before.

    `config.json` in it says whose it is. Work that has no results yet, for want of
    memory perhaps, may begin again with other options.

    Args:
        directory: where the outputs go, see `as_path`.
        options: dict of what the outputs depend on, which JSON can hold.
        has_results: a function without arguments: whether the directory has something
            that other options would not have made.
        free: names of options that may change from one start to the next.

    Raises:
        ConfigError: the directory has something else in it, or results of other
            options; or it cannot be written.
    """
    directory = as_path(directory)
    text = json.dumps(_known_elsewhere(options), indent=2, default=str)
    path = directory / "config.json"
    not_empty = ConfigError(
        f"--output {directory} is not empty. Name another directory, or remove it."
    )
    try:
        if path.exists():
            before, now = _read(path), json.loads(text)
            if before is None:
                raise not_empty
            # Presets and others have a file of that name too. Work that was begun by an
            # earlier version may lack some options.
            if len(before.keys() & now.keys()) < len(now) / 2:
                raise not_empty
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
            entry.name != LOCK for entry in entries(directory)
        ):
            raise not_empty
        write_text(path, text)
    except OSError as error:
        raise ConfigError(
            f"Cannot write to --output {directory}: {error.strerror or error}. Name "
            "another directory."
        ) from error


def _read(path):
    """The object in a JSON file, or `None` if there is something else."""
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
    except ValueError:
        return None
    return content if isinstance(content, dict) else None


def _known_elsewhere(options):
    """Options with locations in place of paths of copies, see `location_of`."""
    if isinstance(options, dict):
        return {name: _known_elsewhere(value) for name, value in options.items()}
    if isinstance(options, list | tuple):
        return [_known_elsewhere(value) for value in options]
    return location_of(options) if isinstance(options, str | os.PathLike) else options
