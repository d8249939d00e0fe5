"""What is written to this machine's disk first, and then to a bucket."""

import contextlib
import os
import pathlib
import tempfile

from keras_bigs.files.locations import as_path
from keras_bigs.files.locations import file_system
from keras_bigs.files.locations import files_in
from keras_bigs.files.locations import is_in_bucket

# Written into a directory of a bucket after all else, for there is no renaming.
COMPLETE = ".complete"


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
        for name, file in files_in(source):
            upload(file, target / name)
        (target / COMPLETE).write_text("")
        return
    # By the file system itself: an object that is written piece by piece appears when
    # it is closed, also after an error.
    file_system().put_file(os.fspath(source), os.fspath(target))


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
        for name, file in files_in(pathlib.Path(temporary)):
            upload(file, directory / name)
