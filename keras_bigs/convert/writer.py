"""Weights of this library as checkpoints that the original's code loads."""

import json

import keras
import msgpack
import numpy as np
from safetensors.numpy import save_file

from keras_bigs import models
from keras_bigs.convert.config import ACTIVATIONS
from keras_bigs.convert.config import original_config
from keras_bigs.convert.names import tensor_map
from keras_bigs.convert.readers import FLAX_ARRAY
from keras_bigs.files import whole


def save_original(model, directory, origin=None):
    """Writes a directory that the original's Flax or PyTorch code loads.

    The original ignores padding: at padded inputs its outputs are those of a model
    with `mask_padding=False`.

    Args:
        model: `BiGSBackbone` with gated blocks and SSM routing, or a task with one.
        directory: where to write `config.json`, the weights and, if the model has a
            tokenizer, `vocab.txt`. Must not exist or be empty.
        origin: `"flax"` (`flax_model.msgpack`) or `"pytorch"` (`model.safetensors`).
            `None` takes the one whose GELU is the model's.

    Raises:
        ValueError: the original has no such model, or its code has another GELU.

    Returns:
        `"flax"` or `"pytorch"`.
    """
    backbone = model if isinstance(model, models.BiGSBackbone) else model.backbone
    fitting = [
        name for name, gelu in ACTIVATIONS.items() if gelu == backbone.activation
    ]
    if origin not in (None, *ACTIVATIONS):
        raise ValueError(
            f"`origin` must be one of {list(ACTIVATIONS)}. Received: {origin!r}"
        )
    if not fitting or origin not in (None, *fitting):
        raise ValueError(
            "The original's Flax code has the tanh approximation of GELU in its blocks "
            "and its PyTorch code the exact one. This model has "
            f"{keras.activations.serialize(backbone.activation)!r}, which fits "
            f"{fitting or 'neither'}. Received: origin={origin!r}"
        )
    origin = fitting[0]
    config = original_config(model, origin)
    arrays = {
        name: _array(target)
        for name, target in sorted(tensor_map(model, origin).items())
    }
    with whole(directory) as temporary:
        temporary.mkdir()
        text = json.dumps(config, indent=2, sort_keys=True) + "\n"
        (temporary / "config.json").write_text(text, encoding="utf-8")
        if origin == "flax":
            write_msgpack(temporary / "flax_model.msgpack", arrays)
        else:
            arrays.update(_repeated(arrays, backbone.max_sequence_length))
            save_file(arrays, temporary / "model.safetensors", {"format": "pt"})
        preprocessor = getattr(model, "preprocessor", None)
        if preprocessor is not None:
            pieces = preprocessor.tokenizer.get_vocabulary()
            text = "".join(f"{piece}\n" for piece in pieces)
            (temporary / "vocab.txt").write_text(text, encoding="utf-8")
    return origin


def write_msgpack(path, arrays):
    """Writes arrays as Flax does, one at a time.

    Args:
        path: the file.
        arrays: dict from names such as `"s4_bert/pooler/dense/bias"` to NumPy arrays.
    """
    tree = {}
    for name, array in arrays.items():
        *parents, leaf = name.split("/")
        branch = tree
        for parent in parents:
            branch = branch.setdefault(parent, {})
        branch[leaf] = array
    packer = msgpack.Packer()
    with open(path, "wb") as file:
        _write_map(file, packer, tree)


def _write_map(file, packer, tree):
    file.write(packer.pack_map_header(len(tree)))
    for key, value in tree.items():
        file.write(packer.pack(key))
        if isinstance(value, dict):
            _write_map(file, packer, value)
        else:
            contents = (value.shape, value.dtype.name, value.tobytes())
            file.write(packer.pack_ext_type(FLAX_ARRAY, msgpack.packb(contents)))


def _array(target):
    """The array that the original has for a variable."""
    array = keras.ops.convert_to_numpy(target.variable.value)
    array = array.T if target.transposed else array
    return np.ascontiguousarray(array).reshape(target.shape)


def _repeated(arrays, max_sequence_length):
    """Tensors of PyTorch's state dict that repeat others."""
    positions = np.arange(max_sequence_length, dtype="int64")[None]
    repeated = {"bigs.embeddings.position_ids": positions}
    if "cls.predictions.bias" in arrays:
        repeated["cls.predictions.decoder.bias"] = arrays["cls.predictions.bias"]
        repeated["cls.predictions.decoder.weight"] = arrays[
            "bigs.embeddings.word_embeddings.weight"
        ]
    return repeated
