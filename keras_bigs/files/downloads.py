"""Copies of what is in buckets, for what can only read this machine's disk."""

import concurrent.futures
import os

from keras_bigs.errors import ConfigError
from keras_bigs.files.locations import BUCKETS
from keras_bigs.files.locations import as_path
from keras_bigs.files.locations import cache_directory
from keras_bigs.files.locations import file_system
from keras_bigs.files.locations import files_in
from keras_bigs.files.locations import is_in_bucket
from keras_bigs.files.locks import one_at_a_time
from keras_bigs.files.uploads import COMPLETE
from keras_bigs.files.writing import atomic_write


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


def _download_all(source, target):
    """The files of a directory, and no others."""
    wanted = {name: file for name, file in files_in(source) if name != COMPLETE}
    with concurrent.futures.ThreadPoolExecutor() as pool:
        list(pool.map(_download, wanted.values(), map(target.joinpath, wanted)))
    for name, file in list(files_in(target)):
        if name not in wanted:
            file.unlink()


def _download(source, target):
    there = source.stat()
    if target.exists():
        here = target.stat()
        if (here.st_size, int(here.st_mtime)) == (there.length, there.mtime):
            return
    with atomic_write(target) as temporary:
        file_system().get_file(os.fspath(source), os.fspath(temporary))
        os.utime(temporary, (there.mtime, there.mtime))
