"""Copies of what is in buckets, for what reads and writes this machine's disk only."""

import concurrent.futures
import contextlib
import os
import pathlib
import tempfile

from keras_bigs.errors import ConfigError
from keras_bigs.files.locations import BUCKETS
from keras_bigs.files.locations import as_path
from keras_bigs.files.locations import cache_directory
from keras_bigs.files.locations import entries
from keras_bigs.files.locations import is_in_bucket
from keras_bigs.files.locks import one_at_a_time

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

    Raises:
        ConfigError: there is nothing in the bucket.
    """
    source = as_path(location)
    if not is_in_bucket(source):
        return source
    target = cache_directory("buckets") / os.fspath(source)[len(BUCKETS) :]
    # Several processes of one machine may ask for one thing.
    with one_at_a_time(cache_directory("buckets.lock")):
        if source.is_dir():
            _download_all(source, target)
        elif source.exists():
            _download(source, target)
        else:
            raise ConfigError(f"{location} does not exist, or cannot be read.")
    return target


def upload(source, target):
    """Copies a file or directory of this machine into a bucket.

    Args:
        source: `pathlib.Path`.
        target: `etils.epath.Path`, replaced file by file.
    """
    if source.is_dir():
        # gcsfs takes a minute to be sure that what it shall delete is not there.
        if (target / COMPLETE).exists():
            (target / COMPLETE).unlink()
        for name, file in _files(source):
            upload(file, target / name)
        (target / COMPLETE).write_text("")
        return
    # By the file system itself: an object that is written piece by piece appears when
    # it is closed, also after an error.
    _file_system().put_file(os.fspath(source), os.fspath(target))


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


def _download_all(source, target):
    """The files of a directory, and no others."""
    wanted = {name: file for name, file in _files(source) if name != COMPLETE}
    with concurrent.futures.ThreadPoolExecutor() as pool:
        list(pool.map(_download, wanted.values(), map(target.joinpath, wanted)))
    for name, file in list(_files(target)):
        if name not in wanted:
            file.unlink()


def _download(source, target):
    there = source.stat()
    if target.exists():
        here = target.stat()
        if (here.st_size, int(here.st_mtime)) == (there.length, there.mtime):
            return
    target.parent.mkdir(parents=True, exist_ok=True)
    temporary = target.with_name(f".{os.getpid()}.{target.name}")
    _file_system().get_file(os.fspath(source), os.fspath(temporary))
    os.utime(temporary, (there.mtime, there.mtime))
    os.replace(temporary, target)


def _file_system():
    import fsspec

    return fsspec.filesystem("gcs")


def _files(directory, prefix=""):
    """All files in a directory, each as `(name, path)`; in folders, `folder/name`."""
    for entry in entries(directory):
        if entry.is_dir():
            yield from _files(entry, f"{prefix}{entry.name}/")
        else:
            yield f"{prefix}{entry.name}", entry
