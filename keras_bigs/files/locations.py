"""Paths of this machine, and of buckets."""

import os
import pathlib

from keras_bigs.compat.buckets import bucket_paths
from keras_bigs.errors import ConfigError

BUCKETS = "gs://"
# Names of the caches of what is read from buckets, and of what is written to them.
COPIES = ("buckets", "outputs")


def as_path(location):
    """A path that can be read and written.

    Args:
        location: string or path. `gs://bucket/folder` is in a bucket of Google Cloud
            Storage.

    Returns:
        `pathlib.Path`; in a bucket an `etils.epath.Path`, which has its methods.

    Raises:
        ConfigError: the location was meant to be in a bucket, and an option took it
            that does not know buckets.
        ImportError: a bucket, without the package gcsfs.
    """
    text = os.fspath(location)
    if is_in_bucket(text):
        return bucket_paths()(text)
    if text.startswith("gs:/"):
        raise ConfigError(
            f"gs://{text[4:].lstrip('/')}: this option takes no bucket. Copy by "
            "`gcloud storage cp -r` what is read or written."
        )
    return pathlib.Path(text)


def entries(directory):
    """What is in a directory, in order.

    Args:
        directory: `pathlib.Path` or `etils.epath.Path`.
    """
    # An empty object with the name of the directory stands for it in some buckets.
    return [
        entry
        for entry in sorted(directory.iterdir(), key=os.fspath)
        if not (
            is_in_bucket(entry) and entry.name == directory.name and not entry.exists()
        )
    ]


def files_in(directory, prefix=""):
    """All files in a directory, each as `(name, path)`; in folders, `folder/name`."""
    for entry in entries(directory):
        if entry.is_dir():
            yield from files_in(entry, f"{prefix}{entry.name}/")
        else:
            yield f"{prefix}{entry.name}", entry


def file_system():
    """That of all buckets, of fsspec; for paths that `as_path` has made."""
    import fsspec

    return fsspec.filesystem("gcs")


def cache_directory(name):
    """Where this machine keeps what it could make or fetch again.

    Args:
        name: string, of what is kept.

    Returns:
        `pathlib.Path`: `keras_bigs/NAME` in the user's directory of caches,
        `XDG_CACHE_HOME` or `~/.cache`.
    """
    caches = os.environ.get("XDG_CACHE_HOME") or pathlib.Path.home() / ".cache"
    return pathlib.Path(caches) / "keras_bigs" / name


def location_of(path):
    """Where a path of this machine is copied from, or to: what others know it by.

    Args:
        path: string or path; or a text with paths, such as `NAME=PATH,PATH`.

    Returns:
        String, with `gs://bucket/folder` for what `local_copy` and `mirrored` keep in
        caches.
    """
    text = os.fspath(path)
    for name in COPIES:
        text = text.replace(f"{cache_directory(name)}{os.sep}", BUCKETS)
    return text


def is_in_bucket(location) -> bool:
    """Whether a location is in a bucket, and not on this machine."""
    return os.fspath(location).startswith(BUCKETS)
