"""One owner of a directory in a bucket, where nothing can be locked."""

import contextlib
import json
import os
import signal
import socket
import threading
import time
import uuid

from keras_bigs.errors import ConfigError

# Seconds between two signs of life of an owner. One that gives none for three times as
# long is taken to have ended.
INTERVAL = 20


@contextlib.contextmanager
def leased(path):
    """Holds an object that its owner writes again and again.

    An owner that finds the object written by another, since it could give no sign of
    life for a minute, is interrupted.

    Args:
        path: `etils.epath.Path` of the object.

    Yields:
        A function without arguments: whether the object is still this process's.

    Raises:
        ConfigError: another process holds it, or it cannot be written.
    """
    token = uuid.uuid4().hex
    try:
        _wait_for_silence(path)
        _write(path, token, 0)
        # Of several that start at once, the last one to write has it.
        time.sleep(INTERVAL / 10)
        if _token(now := _read(path)) != token:
            raise is_held(path, now["owner"] if now else "another process")
    except ConfigError:
        raise
    # gcsfs has errors of its own: of credentials, of requests.
    except Exception as error:
        raise ConfigError(
            f"Cannot write to --output {path.parent}: {error}. Name another directory, "
            "or mend the access to this one."
        ) from error
    ended = threading.Event()
    thread = threading.Thread(target=_keep_up, args=(path, token, ended), daemon=True)
    thread.start()
    try:
        yield lambda: _token(_read(path)) == token
    finally:
        ended.set()
        thread.join()
        # It ends by itself, so an error here must not hide how the work ended.
        with contextlib.suppress(Exception):
            if _token(_read(path)) == token:
                path.unlink()


def is_held(path, owner):
    """The error that another process holds a directory, by the path of its lock."""
    return ConfigError(
        f"--output {path.parent} is being written by {owner}. Wait for it, end it, or "
        "name another directory."
    )


def this_process():
    """This one, for people who look for it."""
    return f"process {os.getpid()} on {socket.gethostname()}"


def _wait_for_silence(path):
    """Returns when nobody holds the object, at once or after three intervals.

    Raises:
        ConfigError: somebody does.
    """
    before = _read(path)
    if before is None:
        return
    print(f"Waiting to see whether {before['owner']} still writes {path.parent}")
    for _ in range(3):
        time.sleep(INTERVAL)
        now = _read(path)
        if now is None:
            return
        if now != before:
            raise is_held(path, now["owner"])


def _keep_up(path, token, ended):
    """Gives signs of life until the work ends."""
    count = 0
    while not ended.wait(INTERVAL):
        # A sign of life that is lost is followed by others.
        with contextlib.suppress(Exception):
            now = _read(path)
            if now is not None and now["token"] != token:
                print(f"{path.parent} has been taken over by {now['owner']}.")
                os.kill(os.getpid(), signal.SIGINT)  # also out of a sleep
                return
            count += 1
            _write(path, token, count)


def _write(path, token, count):
    content = {"owner": this_process(), "token": token, "count": count}
    path.write_text(json.dumps(content))


def _read(path):
    """What an object says that is held; `None` if there is none, or a file of a lock
    that was copied from a disk."""
    try:
        return json.loads(path.read_text())
    except (FileNotFoundError, ValueError):
        return None


def _token(content):
    return content and content["token"]
