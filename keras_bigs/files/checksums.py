"""Checksums of files and texts."""

import hashlib

from keras_bigs.files.locations import as_path
from keras_bigs.files.locations import files_in


def sha256(source) -> str:
    """The SHA-256 of a file (a path) or of a text (a string), in hex."""
    if isinstance(source, str):
        return hashlib.sha256(source.encode()).hexdigest()
    with source.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def sha256_of_all(path) -> str:
    """The SHA-256 of a file, or of the names and contents of all within a directory."""
    path = as_path(path)
    if path.is_file():
        return sha256(path)
    return sha256("".join(f"{name} {sha256(file)}\n" for name, file in files_in(path)))
