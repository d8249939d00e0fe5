"""Shards of pretraining examples, in the layout of the original's HDF5 files.

A shard is an HDF5 file of arrays with one row an example:

| name                  | shape                  | values                      |
|-----------------------|------------------------|-----------------------------|
| `input_ids`           | `(n, sequence_length)` | token ids, masked or not    |
| `input_mask`          | `(n, sequence_length)` | 1 at tokens, 0 at padding   |
| `segment_ids`         | `(n, sequence_length)` | 0                           |
| `masked_lm_positions` | `(n, max_predictions)` | rising, then 0              |
| `masked_lm_ids`       | `(n, max_predictions)` | the tokens there, then 0    |

The last two are absent where masks are drawn while training. Other programs that read
the original's shards read these: names and shapes are the same, and HDF5 converts the
smaller integer types. Ours are not compressed, so that any row can be read by itself.
"""

import errno
import functools
import hashlib
import io
import json
import mmap
from dataclasses import dataclass
from pathlib import Path

import h5py
import numpy as np

from keras_bigs.errors import DataError
from keras_bigs.files import atomic_write
from keras_bigs.files import sha256
from keras_bigs.files import write_text

FIELDS = ("input_ids", "input_mask", "segment_ids")
MASK_FIELDS = ("masked_lm_positions", "masked_lm_ids")
MANIFEST = "manifest.json"
VOCABULARY = "vocabulary.txt"
# The folder with the records of unfinished and finished work.
PARTS = "parts"


@dataclass(frozen=True)
class ShardInfo:
    """What the manifest says of a shard.

    Attributes:
        name: the file.
        split: `"train"` or `"validation"`.
        number: the number of the chunk of text it was made from. Masks drawn while
            training depend on it.
        copy: the number of the copy, which differ in their masks only.
        num_examples: how many rows it has.
        num_tokens: how many tokens, special tokens included and padding not.
        sha256: of the file.
    """

    name: str
    split: str
    number: int
    copy: int
    num_examples: int
    num_tokens: int
    sha256: str


def write_shard(path, arrays: dict[str, np.ndarray]) -> str:
    """Writes arrays of equally many rows, whole or not at all.

    Args:
        path: the file.
        arrays: by name; see the module.

    Returns:
        The SHA-256 of the file. Equal arrays give equal files.
    """
    # In memory first: on a full disk HDF5 reports neither a plain nor a single error.
    content = io.BytesIO()
    with h5py.File(content, "w") as file:
        for name, array in arrays.items():
            file.create_dataset(name, data=array)
    with atomic_write(path) as temporary:
        temporary.write_bytes(content.getbuffer())
    return hashlib.sha256(content.getbuffer()).hexdigest()


@dataclass(frozen=True)
class Shard:
    """Random access to the rows of a shard.

    Attributes:
        path: the file.
        number: the number that masks drawn while training depend on.
        arrays: dict of arrays by name, see the module. They have `shape`, `dtype`,
            `len`, and rows by number.
        copy: the number of the copy, which differ in their masks only.
    """

    path: Path
    number: int
    arrays: dict[str, np.ndarray]
    copy: int = 0

    @classmethod
    def open(cls, path, number: int = 0, copy: int = 0) -> "Shard":
        """Opens a file.

        Uncompressed arrays stay on disk and are read by page; compressed ones, such as
        the original's, are read into memory when they are first used. An open shard
        takes one file descriptor.

        Raises:
            DataError: no such file, no HDF5, or arrays missing or of unequal length.
            OSError: too many files are open.
        """
        try:
            with open(path, "rb") as file:
                content = mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ)
            with h5py.File(path, "r") as file:
                names = [name for name in (*FIELDS, *MASK_FIELDS) if name in file]
                arrays = {name: _array(path, content, file[name]) for name in names}
        except (OSError, KeyError, ValueError) as error:
            if getattr(error, "errno", None) == errno.EMFILE:
                raise OSError(
                    errno.EMFILE,
                    "Too many open files: every shard is one. Raise the limit, by "
                    "`ulimit -n`, or prepare fewer shards, by larger chunks",
                    str(path),
                ) from error
            raise _damage(path, error) from error
        required = [*FIELDS, *(MASK_FIELDS if MASK_FIELDS[0] in names else ())]
        if missing := [name for name in required if name not in names]:
            raise DataError(f"{path}: {', '.join(missing)} missing.")
        if wrong := [name for name, array in arrays.items() if len(array.shape) != 2]:
            raise DataError(f"{path}: {', '.join(wrong)} must have rows and columns.")
        sizes = {name: len(array) for name, array in arrays.items()}
        if len(set(sizes.values())) > 1:
            raise DataError(f"{path}: the arrays differ in length: {sizes}")
        return cls(Path(path), number, arrays, copy)

    @property
    def num_examples(self) -> int:
        """The number of rows."""
        return len(self.arrays["input_ids"])

    @property
    def num_tokens(self) -> int:
        """The number of tokens in all rows, padding not counted."""
        return int(np.count_nonzero(self.arrays["input_mask"]))

    @property
    def is_masked(self) -> bool:
        """Whether the shard was masked when it was made."""
        return MASK_FIELDS[0] in self.arrays


def _damage(path, error):
    return DataError(
        f"{path}: not a whole HDF5 shard ({error}). Prepare or copy it again."
    )


def _array(path, content, dataset):
    """The array on disk, or one to be read where it is not stored in one piece."""
    offset = dataset.id.get_offset()
    if offset is None:
        return _StoredArray(path, dataset.name, dataset.shape, dataset.dtype)
    flat = np.frombuffer(content, dataset.dtype, dataset.size, offset)
    return flat.reshape(dataset.shape)


@dataclass(frozen=True)
class _StoredArray:
    """An array of an HDF5 file that is read whole when it is first used."""

    path: Path
    name: str
    shape: tuple[int, ...]
    dtype: np.dtype

    @functools.cached_property
    def _values(self):
        return self._read()

    def _read(self):
        try:
            with h5py.File(self.path, "r") as file:
                return file[self.name][:]
        except (OSError, KeyError) as error:
            raise _damage(self.path, error) from error

    def __len__(self):
        return self.shape[0]

    def __getitem__(self, rows):
        return self._values[rows]

    def __array__(self, dtype=None, copy=None):
        # To look through it once is no reason to keep it.
        return np.array(self._read(), dtype)


def write_manifest(
    directory,
    settings: dict,
    infos: list[ShardInfo],
    deduplication: dict[str, int] | None = None,
) -> None:
    """Writes `manifest.json`: settings, vocabulary hash, counts, and every shard.

    Args:
        directory: the folder of the shards.
        settings: how they were made.
        infos: of every shard.
        deduplication: counts of repeated paragraphs, which were left out.
    """
    directory = Path(directory)
    splits = {}
    for info in infos:
        split = splits.setdefault(
            info.split, {"num_examples": 0, "num_tokens": 0, "num_shards": 0}
        )
        split["num_examples"] += info.num_examples
        split["num_tokens"] += info.num_tokens
        split["num_shards"] += 1
    manifest = {
        "settings": settings,
        "vocabulary_sha256": sha256(directory / VOCABULARY),
        "deduplication": deduplication,
        "splits": splits,
        "shards": [vars(info) for info in infos],
    }
    write_text(directory / MANIFEST, json.dumps(manifest, indent=1))


def read_manifest(directory) -> tuple[dict, list[ShardInfo]]:
    """The manifest of a folder of shards, and its shards.

    Raises:
        DataError: there is none, or it is damaged.
    """
    path = Path(directory) / MANIFEST
    try:
        manifest = json.loads(path.read_text(encoding="utf-8"))
        for counts in (*manifest["splits"].values(), *manifest["shards"]):
            # Their names until version 0.1.
            for name in ("examples", "tokens", "shards"):
                if name in counts:
                    counts[f"num_{name}"] = counts.pop(name)
        return manifest, [ShardInfo(**info) for info in manifest["shards"]]
    except FileNotFoundError as error:
        raise DataError(
            f"{path}: no such file. Make the shards by `python -m recipes.prepare`; if "
            "that was interrupted, run the same command again."
        ) from error
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise DataError(
            f"{path}: damaged ({error}). Prepare the shards again."
        ) from error


def open_shards(directory, split: str, verify: bool = True) -> list[Shard]:
    """Opens the shards of a split.

    Args:
        directory: a folder with `manifest.json`; or of the original's `*.hdf5` files,
            where those whose names begin with `test` or `valid` are for validation.
        split: `"train"` or `"validation"`.
        verify: bool. Whether to compare checksums, which reads every file once.

    Returns:
        The shards in the order of their names; none if the split has none.

    Raises:
        DataError: shards are missing or damaged; all are named. Or `vocabulary.txt` is
            missing or not the one that the shards were made with.
    """
    directory = Path(directory)
    is_ours = (directory / MANIFEST).exists() or (directory / PARTS).exists()
    if not is_ours and (files := original_files(directory)):
        return [
            Shard.open(path, number)
            for number, path in enumerate(files)
            if path.name.startswith(("test", "valid")) == (split == "validation")
        ]
    manifest, infos = read_manifest(directory)
    _check_vocabulary(directory, manifest)
    shards, problems = [], []
    for info in (info for info in infos if info.split == split):
        path = directory / info.name
        if not path.exists():
            problems.append(f"{info.name} is missing")
        elif verify and sha256(path) != info.sha256:
            problems.append(f"{info.name} is damaged")
        else:
            shards.append(Shard.open(path, info.number, info.copy))
    if problems:
        raise DataError(
            f"{directory}: {'; '.join(problems)}. Remove damaged shards and run the "
            "`recipes.prepare` command of this folder again: it makes what is missing."
        )
    return shards


def original_files(directory) -> list[Path]:
    """The original's HDF5 files in a folder, by name."""
    files = [*Path(directory).glob("*.hdf5"), *Path(directory).glob("*.h5")]
    # Those that begin with a dot are left over from a copy that was interrupted.
    return sorted(path for path in files if not path.name.startswith("."))


def _check_vocabulary(directory, manifest):
    path = directory / VOCABULARY
    if not path.exists():
        raise DataError(
            f"{path}: no such file. Copy it from where the shards are from."
        )
    if sha256(path) != manifest.get("vocabulary_sha256"):
        raise DataError(
            f"{path} is not the vocabulary that the shards were made with. Copy it "
            "again from where they are from, or prepare them in another directory."
        )
