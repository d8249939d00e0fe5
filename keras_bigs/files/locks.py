"""No two processes write into one directory."""

import contextlib
import errno
import json
import os
import socket
import threading
import time
import uuid

from keras_bigs.errors import ConfigError
from keras_bigs.files.locations import as_path
from keras_bigs.files.locations import is_in_bucket

LOCK = ".lock"

# Seconds between two signs of life of a process that holds a directory of a bucket.
INTERVAL = 20


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
    with _kept_up(path) if is_in_bucket(path) else _locked(path):
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
            raise _held(path, file.read().strip()) from error
        file.truncate(0)
        file.write(f"{_this_process()}\n")
        file.flush()
        yield
        file.truncate(0)


@contextlib.contextmanager
def _kept_up(path):
    """Of an object in a bucket."""
    before = _read(path)
    if before is not None:
        print(f"Waiting to see whether {before['owner']} still writes {path.parent}")
        for _ in range(3):
            time.sleep(INTERVAL)
            if _read(path) not in (None, before):
                raise _held(path, before["owner"])
    mine = {"owner": _this_process(), "token": uuid.uuid4().hex, "count": 0}

    def write():
        mine["count"] += 1
        path.write_text(json.dumps(mine))

    write()
    # Of several that start at once, the last one to write has it.
    time.sleep(INTERVAL / 10)
    now = _read(path)
    if now["token"] != mine["token"]:
        raise _held(path, now["owner"])
    ended = threading.Event()

    def keep_up():
        while not ended.wait(INTERVAL):
            # A sign of life that is lost is followed by others.
            with contextlib.suppress(Exception):
                write()

    thread = threading.Thread(target=keep_up, daemon=True)
    thread.start()
    try:
        yield
    finally:
        ended.set()
        thread.join()
        path.unlink(missing_ok=True)


def _read(path):
    """What an object that is kept up says, or `None` if there is none."""
    try:
        return json.loads(path.read_text())
    except FileNotFoundError:
        return None


def _held(path, owner):
    return ConfigError(
        f"--output {path.parent} is being written by {owner}. Wait for it, end it, or "
        "name another directory."
    )


def _this_process():
    return f"process {os.getpid()} on {socket.gethostname()}"
