"""No two processes write into one directory."""

import contextlib
import errno

from keras_bigs.errors import ConfigError
from keras_bigs.files.leases import is_held
from keras_bigs.files.leases import leased
from keras_bigs.files.leases import this_process
from keras_bigs.files.locations import as_path
from keras_bigs.files.locations import is_in_bucket

LOCK = ".lock"


@contextlib.contextmanager
def lock(directory):
    """Holds a directory for this process, so that no second one writes into it.

    The lock ends with the process, however it ends. In a bucket, where nothing can be
    locked, its owner writes again and again into a file of the directory; one that
    does not change for a minute is nobody's any more.

    Args:
        directory: see `as_path`. Made if need be.

    Raises:
        ConfigError: another process holds it, which is named; or it cannot be written.
    """
    path = as_path(directory) / LOCK
    with leased(path) if is_in_bucket(path) else _locked(path):
        yield


@contextlib.contextmanager
def _locked(path):
    """Of a file on this machine, or on a disk that others share."""
    # Not on Windows, which this library has never been run on.
    import fcntl

    directory = path.parent
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
            raise is_held(path, file.read().strip()) from error
        file.truncate(0)
        file.write(f"{this_process()}\n")
        file.flush()
        yield
        file.truncate(0)


@contextlib.contextmanager
def one_at_a_time(path):
    """Waits until no other process of this machine is in a block with this file.

    Args:
        path: `pathlib.Path`, made if need be.
    """
    import fcntl

    path.parent.mkdir(parents=True, exist_ok=True)
    with open(path, "w", encoding="utf-8") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        yield
