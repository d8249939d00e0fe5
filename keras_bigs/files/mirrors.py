"""Commands that read and write buckets by way of this machine's disk."""

import contextlib
import functools
import json
import os
import re
import shutil
import threading
import time
import uuid

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

# What a mirrored directory has, with a mark of when it was written: in the bucket, and
# here beside the directory. A file in the bucket that it does not name has not been
# copied to its end, or is to be deleted.
CONTENTS = ".contents.json"
INTERVAL = 30
"""Seconds between two looks for what a command has written."""


def on_disk(main):
    """Makes a command that knows paths of this machine only take `gs://` too.

    Args:
        main: a function of the list of arguments of a command line. What the option
            `--output` names in a bucket it writes to this machine, see `mirrored`; of
            other files and folders in buckets it gets copies, see `local_copy`.

    Returns:
        A function of the list of arguments. It raises `ConfigError` for buckets with
        `--beam`, whose workers see no disk of this machine.
    """

    @functools.wraps(main)
    def run(arguments):
        if "--beam" in arguments and any(BUCKETS in word for word in arguments):
            raise ConfigError(
                "--beam: its workers read and write by themselves. Name disks that all "
                "of them share, not buckets."
            )
        with contextlib.ExitStack() as scope:
            return main(list(_on_disk(arguments, scope)))

    return run


def _on_disk(arguments, scope):
    """The arguments, with paths of this machine in place of those in buckets."""
    is_output = False
    for word in arguments:
        name, _, value = word.partition("=")
        is_output = is_output or (name == "--output" and value)
        # Also in NAME=PRESET,PRESET.
        for location in re.findall(f"{BUCKETS}[^,]+", word):
            if is_output:
                path = scope.enter_context(mirrored(location))
            else:
                path = local_copy(location)
            word = word.replace(location, os.fspath(path), 1)
        is_output = word == "--output"
        yield word


@contextlib.contextmanager
def mirrored(location):
    """Keeps a directory of a bucket as one of this machine is.

    At the start what is in the bucket is copied here, unless this machine was the last
    to write there. Then again and again, and at the end, also after an error, what has
    changed here is copied there. So what another machine does not find is what a killed
    process has written since it last copied. Each file that `atomic_write` has written
    is there whole.

    Args:
        location: string, `gs://BUCKET/FOLDER`.

    Yields:
        `pathlib.Path`, in `cache_directory("outputs")`.

    Raises:
        ConfigError: another process holds the directory, or it cannot be read or
            written.
    """
    remote = as_path(location)
    local = cache_directory("outputs") / location[len(BUCKETS) :].rstrip("/")
    with leased(remote / LOCK) as is_ours:
        mirror = _Mirror(remote, local, is_ours)
        mirror.fetch()
        print(f"{location} is written by way of {local}.")
        ended = threading.Event()
        thread = threading.Thread(target=mirror.keep_up, args=(ended,), daemon=True)
        thread.start()
        try:
            yield local
        except BaseException:
            ended.set()
            thread.join()
            mirror.try_to_store()
            raise
        ended.set()
        thread.join()
        if not mirror.try_to_store():
            raise ConfigError(
                f"{location} has not all of {local}. Start the same command again, on "
                "this machine, when the bucket can be written: it copies the rest."
            )
        print(f"{location} has all of it.")


class _Mirror:
    def __init__(self, remote, local, is_ours):
        self.remote, self.local, self.is_ours = remote, local, is_ours
        self.records = (
            local.with_name(f".{local.name}{CONTENTS}"),
            remote / CONTENTS,
        )
        self.stored = {}  # size and time of each file, as they were here
        self.unwanted = set()  # names of files that are to be deleted there
        self.is_failing = False

    def fetch(self):
        """Makes the directory here as it is there, unless this one is ahead."""
        here, there = map(_read, self.records)
        names = set()
        if self.remote.exists():
            names = {name for name, _ in files_in(self.remote) if _is_output(name)}
        # Where the bucket gives no account, its files were put there by other means.
        recorded = there["files"] if there else dict.fromkeys(names)
        self.unwanted = names - recorded.keys()
        if self.local.exists():
            if _is_ahead(here, there) and (there or not names):
                self.stored = recorded
                return
            old = self.local.with_name(f"{self.local.name}.{time.time_ns()}")
            self.local.rename(old)
            had = _files(old)
            if not had or (here is not None and had == here["files"]):
                shutil.rmtree(old)  # all of it has been copied
            else:
                print(f"What only this machine had is in {old} now.")
        self.copy(recorded)
        self.stored = _files(self.local)
        if there is not None:
            write_text(self.records[0], json.dumps(there))
        else:
            # From now on what is not named has not been copied to its end.
            self.record(self.stored, before=None)

    def copy(self, recorded):
        """Copies files of the bucket here: all of them, or there is no directory."""
        whole = self.local.with_name(f"{self.local.name}.incomplete")
        shutil.rmtree(whole, ignore_errors=True)
        for name, status in recorded.items():
            target = whole / name
            target.parent.mkdir(parents=True, exist_ok=True)
            try:
                file_system().get_file(os.fspath(self.remote / name), os.fspath(target))
            except FileNotFoundError as error:
                raise ConfigError(
                    f"{self.remote / name} has been deleted. Put it back, or delete "
                    f"{self.remote / CONTENTS}."
                ) from error
            if status is not None:
                os.utime(target, ns=(status[1], status[1]))
        if recorded:
            whole.rename(self.local)

    def keep_up(self, ended):
        """Copies what has changed, again and again."""
        while not ended.wait(INTERVAL):
            self.try_to_store()

    def try_to_store(self):
        """Copies what has changed, or says why it could not, once.

        Returns:
            Whether all is there.
        """
        try:
            self.store()
        # gcsfs has errors of its own: of credentials, of requests.
        except Exception as error:
            if not self.is_failing:
                print(f"\nCannot copy {self.local} to {self.remote}: {error}")
            self.is_failing = True
            return False
        self.is_failing = False
        return True

    def store(self):
        """Copies what has changed: files, then what there are, then deletes others."""
        here = _files(self.local)
        changed = [name for name in here if here[name] != self.stored.get(name)]
        self.unwanted |= self.stored.keys()
        self.unwanted -= here.keys()
        if not changed and not self.unwanted:
            return
        self.check_owner()
        for name in changed:
            try:
                upload(self.local / name, self.remote / name)
            except FileNotFoundError:  # removed just now
                del here[name]
        self.check_owner()
        there = _read(self.records[1])
        self.record(here, before=there and there["mark"])
        self.stored = here
        for name in sorted(self.unwanted):
            with contextlib.suppress(FileNotFoundError):
                (self.remote / name).unlink()
            self.unwanted.discard(name)

    def record(self, names, before):
        """Writes what there is, here and there, with a new mark."""
        contents = {"mark": uuid.uuid4().hex, "before": before, "files": names}
        for path in self.records:
            write_text(path, json.dumps(contents))

    def check_owner(self):
        """Raises `ConfigError` if another process has taken the directory."""
        if not self.is_ours():
            raise ConfigError("another process has taken it over.")


def _read(path):
    """What a directory has by its own account; `None` if it gives none."""
    return json.loads(path.read_text()) if path.exists() else None


def _is_ahead(here, there):
    """Whether nobody has written there since this machine did, by both contents."""
    if here is None or there is None:
        return here is there
    # The second if this machine ended just before it had written them there.
    return there["mark"] in (here["mark"], here["before"])


def _files(directory):
    """Size and time of each file of a directory of this machine."""
    found = {}
    if directory.exists():
        for name, file in files_in(directory):
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
