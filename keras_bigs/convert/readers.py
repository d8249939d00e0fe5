"""Tensors of a checkpoint file, one after the other, as NumPy arrays.

No reader executes what a file says; those of safetensors and MessagePack hold one
tensor at a time. bfloat16, which NumPy lacks, is read as float32, which holds it whole.
"""

import math
import os

import ml_dtypes
import msgpack
import numpy as np
from safetensors import SafetensorError
from safetensors import safe_open

from keras_bigs.convert.pickled import read_torch
from keras_bigs.convert.readable import readable
from keras_bigs.errors import CheckpointError

# Flax's MessagePack extension for arrays: (shape, name of the dtype, bytes).
FLAX_ARRAY = 1
DTYPES = ("bfloat16", "float16", "float32", "float64", "int32", "int64")
# The first byte of a map: one of up to 15 entries, or a length that follows.
MAP_MARKS = [bytes([mark]) for mark in (*range(0x80, 0x90), 0xDE, 0xDF)]
MAX_DEPTH = 32


def read_safetensors(path):
    """Yields `(name, array)` of a safetensors file.

    Args:
        path: the file.

    Yields:
        Names such as `"bigs.encoder.layer.0.dv.weight"`, and arrays.

    Raises:
        CheckpointError: the file is damaged or has a dtype that NumPy lacks, bfloat16
            aside.
    """
    with readable(path):
        with safe_open(path, framework="np") as file:
            names = sorted(file.keys())
        for name in names:
            # Opened anew for every tensor, or the pages of all stay in memory.
            with safe_open(path, framework="np") as file:
                try:
                    yield name, _known(file.get_tensor(name))
                except (TypeError, AttributeError, SafetensorError) as error:
                    raise CheckpointError(f"{path}: {name}: {error}") from error


def read_msgpack(path):
    """Yields `(name, array)` of a `flax_model.msgpack`.

    Args:
        path: the file.

    Yields:
        Names such as `"s4_bert/encoder/layer/0/dv/kernel"`, and arrays.

    Raises:
        CheckpointError: the file is damaged or has something else than arrays.
    """
    size = os.path.getsize(path)
    with (
        readable(path),
        open(path, "rb") as file,
        open(path, "rb") as ahead,
    ):
        # Every length in the file is checked against the file's own before anything is
        # allocated.
        unpacker = msgpack.Unpacker(
            file,
            ext_hook=lambda code, data: _flax_array(path, code, data),
            max_buffer_size=max(size, 1),
        )
        yield from _read_map(path, unpacker, ahead, "", 0)
        if unpacker.tell() != size:
            raise CheckpointError(f"{path}: {size - unpacker.tell()} bytes too many.")


def _read_map(path, unpacker, ahead, prefix, depth):
    """The entries of the map that comes next in the file, and of those inside it."""
    if depth > MAX_DEPTH:
        raise CheckpointError(f"{path}: maps in maps, more than {MAX_DEPTH} deep.")
    for _ in range(unpacker.read_map_header()):
        key = unpacker.unpack()
        if not isinstance(key, str):
            raise CheckpointError(f"{path}: a key is no string: {str(key)[:80]!r}")
        name = f"{prefix}{key}"
        ahead.seek(unpacker.tell())
        if ahead.read(1) in MAP_MARKS:
            yield from _read_map(path, unpacker, ahead, f"{name}/", depth + 1)
            continue
        value = unpacker.unpack()
        if not isinstance(value, np.ndarray):
            raise CheckpointError(
                f"{path}: {name} is no array but {str(value)[:80]!r}. (Flax splits "
                "arrays of more than 1 GB; those are not supported.)"
            )
        yield name, value


def _flax_array(path, code, data):
    """The array of an extension, whose bytes are `(shape, dtype name, contents)`."""
    if code != FLAX_ARRAY:
        raise CheckpointError(f"{path}: MessagePack extension {code} is no array.")
    shape, dtype, contents = msgpack.unpackb(data)
    if dtype not in DTYPES:
        raise CheckpointError(f"{path}: dtype {dtype!r} is not one of {DTYPES}.")
    # Checked before any arithmetic: a number times a string or a list repeats it.
    if (
        not isinstance(shape, list)
        or not all(type(size) is int and size >= 0 for size in shape)
        or not isinstance(contents, bytes)
    ):
        raise CheckpointError(
            f"{path}: {str(shape)[:80]} is no shape, or {type(contents).__name__} is "
            "not bytes."
        )
    dtype = np.dtype(dtype)
    if len(contents) != math.prod(shape) * dtype.itemsize:
        raise CheckpointError(
            f"{path}: {len(contents)} bytes are no array of shape {tuple(shape)} and "
            f"dtype {dtype}."
        )
    return _known(np.frombuffer(contents, dtype).reshape(shape))


def _known(array):
    """The array, as float32 if it is bfloat16."""
    return array.astype("float32") if array.dtype == ml_dtypes.bfloat16 else array


READERS = {
    "model.safetensors": read_safetensors,
    "flax_model.msgpack": read_msgpack,
    "pytorch_model.bin": read_torch,
}


def tensor_shapes(path):
    """The shape of every tensor of a weights file, by name.

    Args:
        path: the file, named as in `READERS`.

    Raises:
        CheckpointError: the file is damaged.
    """
    kind = os.path.basename(path)
    if kind == "model.safetensors":
        with readable(path), safe_open(path, framework="np") as file:
            names = file.keys()
            return {name: tuple(file.get_slice(name).get_shape()) for name in names}
    return {key: array.shape for key, array in READERS[kind](path)}
