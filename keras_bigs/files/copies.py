"""Copies of what is in buckets, for what reads and writes this machine's disk only."""

import contextlib
import os
import pathlib
import shutil
import tempfile

from keras_bigs.files.locations import BUCKETS
from keras_bigs.files.locations import as_path
from keras_bigs.files.locations import cache_directory
from keras_bigs.files.locations import is_in_bucket

# Written into a directory of a bucket after all else, for there is no renaming.
COMPLETE = ".complete"


def local_copy(location):
    """A file or directory on this machine: the location itself, or a copy of it.

    Copies of what is in buckets are kept in `cache_directory("buckets")`; a file is
    copied again if its size or its time has changed.

    Args:
        location: see `as_path`.

    Returns:
        `pathlib.Path`.
    """
    source = as_path(location)
    if not is_in_bucket(source):
        return source
    target = cache_directory("buckets") / os.fspath(source)[len(BUCKETS) :]
    if not source.is_dir():
        _download(source, target)
        return target
    names = {name: file for name, file in _files(source) if name != COMPLETE}
    for name, file in names.items():
        _download(file, target / name)
    for name, file in list(_files(target)):
        if name not in names:
            file.unlink()
    return target


def upload(source, target):
    """Copies a file or directory of this machine into a bucket.

    Args:
        source: `pathlib.Path`.
        target: `etils.epath.Path`, replaced file by file.
    """
    if source.is_dir():
        for name, file in _files(source):
            upload(file, target / name)
        (target / COMPLETE).write_text("")
        return
    with open(source, "rb") as file, target.open("wb") as copy:
        shutil.copyfileobj(file, copy)


def is_whole(location) -> bool:
    """Whether a directory was written to its end by `atomic_write`."""
    directory = as_path(location)
    return (
        (directory / COMPLETE).exists()
        if is_in_bucket(directory)
        else directory.exists()
    )


@contextlib.contextmanager
def adding_to(directory):
    """Gives a directory on this machine to write files to that a directory will have.

    Args:
        directory: see `as_path`.

    Yields:
        `pathlib.Path`: the directory itself, or one whose files are copied to it.
    """
    directory = as_path(directory)
    if not is_in_bucket(directory):
        yield directory
        return
    with tempfile.TemporaryDirectory() as temporary:
        yield pathlib.Path(temporary)
        for name, file in _files(pathlib.Path(temporary)):
            upload(file, directory / name)


def _download(source, target):
    size, time = source.stat().length, source.stat().mtime
    if target.exists():
        is_same = (target.stat().st_size, int(target.stat().st_mtime)) == (size, time)
        if is_same:
            return
    target.parent.mkdir(parents=True, exist_ok=True)
    temporary = target.with_name(f".{os.getpid()}.{target.name}")
    with source.open("rb") as file, open(temporary, "wb") as copy:
        shutil.copyfileobj(file, copy)
    os.utime(temporary, (time, time))
    os.replace(temporary, target)


def _files(directory, prefix=""):
    """All files in a directory, each as `(name, path)`; in folders, `folder/name`."""
    for entry in sorted(directory.iterdir(), key=os.fspath):
        if entry.is_dir():
            yield from _files(entry, f"{prefix}{entry.name}/")
        else:
            yield f"{prefix}{entry.name}", entry
