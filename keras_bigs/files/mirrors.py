"""Commands that read and write buckets by way of this machine's disk."""

import contextlib
import functools
import json
import os
import re
import threading

from keras_bigs.errors import ConfigError
from keras_bigs.files.downloads import local_copy
from keras_bigs.files.leases import leased
from keras_bigs.files.locations import BUCKETS
from keras_bigs.files.locations import as_path
from keras_bigs.files.locations import cache_directory
from keras_bigs.files.locations import file_system
from keras_bigs.files.locations import files_in
from keras_bigs.files.locks import LOCK
from keras_bigs.files.uploads import upload
from keras_bigs.files.writing import write_text

# What a mirrored directory has: a file that is not named there has not been copied to
# its end, or is to be deleted.
CONTENTS = ".contents.json"
INTERVAL = 30
"""Seconds between two looks for what a command has written."""


def on_disk(main):
    """Makes a command that knows paths of this machine only take `gs://` too.

    Args:
        main: a function of the list of arguments of a command line. What the argument
            `--output` names in a bucket it writes to this machine, see `mirrored`; of
            all else in buckets it gets copies, see `local_copy`.

    Returns:
        A function of the list of arguments.
    """

    @functools.wraps(main)
    def run(arguments):
        with contextlib.ExitStack() as scope:
            return main(list(_on_disk(arguments, scope)))

    return run


def _on_disk(arguments, scope):
    """The arguments, with paths of this machine in place of those in buckets."""
    option = None
    for word in arguments:
        if word.startswith("--"):
            option = word.partition("=")[0]
        # Also in NAME=PRESET,PRESET.
        for location in re.findall(f"{BUCKETS}[^=,]+", word):
            if option == "--output":
                path = scope.enter_context(mirrored(location))
            else:
                path = local_copy(location)
            word = word.replace(location, os.fspath(path), 1)
        yield word


@contextlib.contextmanager
def mirrored(location):
    """Keeps a directory of a bucket as one of this machine is.

    At the start what is in the bucket is copied here: what a killed process has written
    since it last copied is lost. Then, and at the end, also after an error, what has
    changed here is copied there. Whenever it ends, what is there is whole: each file
    that was written by `atomic_write`, and each directory, such as a checkpoint, that
    was renamed when it was.

    Args:
        location: string, `gs://BUCKET/FOLDER`.

    Yields:
        `pathlib.Path`, in `cache_directory("outputs")`.

    Raises:
        ConfigError: another process holds the directory, or it cannot be written.
    """
    remote = as_path(location)
    local = cache_directory("outputs") / location[len(BUCKETS) :].rstrip("/")
    with leased(remote / LOCK) as is_lost:
        mirror = _Mirror(remote, local)
        mirror.fetch()
        print(f"{location} is written by way of {local}.")
        ended = threading.Event()
        thread = threading.Thread(
            target=mirror.keep_up, args=(ended, is_lost), daemon=True
        )
        thread.start()
        try:
            yield local
        finally:
            ended.set()
            thread.join()
            if not is_lost.is_set():
                mirror.store_all()
                print(f"{location} has all of it.")


class _Mirror:
    def __init__(self, remote, local):
        self.remote, self.local = remote, local
        self.stored = {}  # size and time of each file, as they were here

    def fetch(self):
        """Makes the directory here as it is there."""
        path = self.remote / CONTENTS
        if path.exists():
            self.stored = json.loads(path.read_text())
        elif self.remote.exists():  # put there by other means
            names = (name for name, _ in files_in(self.remote))
            self.stored = {name: None for name in names if _is_output(name)}
        here = self.here()
        for name in here.keys() - self.stored.keys():
            (self.local / name).unlink()
        for name, status in self.stored.items():
            if here.get(name, 0) != status:
                target = self.local / name
                target.parent.mkdir(parents=True, exist_ok=True)
                file_system().get_file(os.fspath(self.remote / name), os.fspath(target))
                if status is not None:
                    os.utime(target, ns=(status[1], status[1]))
        self.stored = self.here()

    def keep_up(self, ended, is_lost):
        """Copies what has changed, again and again."""
        while not ended.wait(INTERVAL) and not is_lost.is_set():
            # What fails now, for want of a connection perhaps, is copied next time.
            with contextlib.suppress(Exception):
                self.store()

    def store_all(self):
        """Copies what has changed.

        Raises:
            ConfigError: it cannot be written.
        """
        try:
            self.store()
        # gcsfs has errors of its own: of credentials, of requests.
        except Exception as error:
            raise ConfigError(
                f"Cannot copy {self.local} to {self.remote}: {error}. Copy it by "
                "`gcloud storage cp -r`, before this command is started again."
            ) from error

    def store(self):
        """Copies what has changed: files, then what there are, then deletes others."""
        here = self.here()
        changed = [name for name in here if here[name] != self.stored.get(name)]
        for name in changed:
            try:
                upload(self.local / name, self.remote / name)
            except FileNotFoundError:  # removed just now
                del here[name]
        gone = self.stored.keys() - here.keys()
        if changed or gone:
            write_text(self.remote / CONTENTS, json.dumps(here))
        for name in gone:
            (self.remote / name).unlink()
        self.stored = here

    def here(self):
        """Size and time of each file of this machine."""
        found = {}
        if self.local.exists():
            for name, file in files_in(self.local):
                if _is_output(name):
                    with contextlib.suppress(FileNotFoundError):  # removed just now
                        status = file.stat()
                        found[name] = [status.st_size, status.st_mtime_ns]
        return found


def _is_output(name):
    """Not what is on its way to become one: of `atomic_write`, or of Orbax."""
    return not any(
        part.startswith(".") or ".orbax-checkpoint-tmp" in part
        for part in name.split("/")
    )
