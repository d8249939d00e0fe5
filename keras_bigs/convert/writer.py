"""Weights of this library as checkpoints that the original's code loads."""

import json
import warnings

import keras
import msgpack
import numpy as np
from safetensors.numpy import save_file

from keras_bigs import models
from keras_bigs.compat.inner_layers import inner_layers
from keras_bigs.convert.config import ACTIVATIONS
from keras_bigs.convert.config import original_config
from keras_bigs.convert.names import REPEATED
from keras_bigs.convert.names import has_pooler
from keras_bigs.convert.names import is_pooler
from keras_bigs.convert.names import tensor_map
from keras_bigs.convert.names import without_root
from keras_bigs.convert.readers import FLAX_ARRAY
from keras_bigs.files import atomic_write
from keras_bigs.files import require_new


def save_original(model, directory, origin=None, tokenizer=None, names_of_classes=None):
    """Writes a directory that the original's Flax or PyTorch code loads.

    The original ignores padding: at padded inputs its outputs are those of a model
    with `mask_padding=False`, and others than those of a model without; a warning says
    so. Weights are written as float32, or float64 if they are; what LoRA adds is added
    to the kernels. The Flax classes of masked LMs, question answerers and token
    classifiers have no pooler, and so it is not written for these.

    Args:
        model: `BiGSBackbone` with gated blocks and SSM routing, or a task with one.
        directory: where to write `config.json`, the weights and, if there is a
            tokenizer, `vocab.txt` and `tokenizer_config.json`. Must not exist or be
            empty.
        origin: `"flax"` (`flax_model.msgpack`) or `"pytorch"` (`model.safetensors`).
            `None` takes the one whose GELU is the model's.
        tokenizer: `BiGSTokenizer`, or `None` for that of the model, if it has one.
        names_of_classes: list of strings, what `id2label` calls the classes of a
            classifier. Defaults to "LABEL_0" and so on.

    Raises:
        ValueError: the original has no such model, its code has another GELU, or a
            layer is quantized.
        ConfigError: the directory has something in it.
        OSError: it cannot be written.

    Returns:
        `"flax"` or `"pytorch"`.
    """
    require_new(directory)
    backbone = model if isinstance(model, models.BiGSBackbone) else None
    backbone = backbone or getattr(model, "backbone", None)
    if not isinstance(backbone, models.BiGSBackbone):
        raise ValueError(
            "`model` must be a `BiGSBackbone` or a task with one. Received: "
            f"model={model!r}"
        )
    quantized = [
        layer.path
        for layer in inner_layers(model)
        if getattr(layer, "quantization_mode", None)
    ]
    if quantized:
        raise ValueError(
            "The original has no quantized layers. Save the model that was quantized, "
            f"as it was before. Quantized: {', '.join(quantized)}"
        )
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
    config = original_config(model, origin, names_of_classes)
    arrays = {
        name: _array(target)
        for name, target in sorted(tensor_map(model, origin).items())
        if has_pooler(model, origin) or not is_pooler(name)
    }
    if origin == "flax" and model is backbone:
        # Flax finds the bare encoder's tensors only without the root.
        arrays = {without_root(name, origin): array for name, array in arrays.items()}
    if backbone.mask_padding:
        warnings.warn(
            "This model has `mask_padding=True`. The original's code lets padding "
            "through: its outputs will differ at padded inputs.",
            stacklevel=2,
        )
    with atomic_write(directory) as temporary:
        temporary.mkdir()
        text = json.dumps(config, indent=2, sort_keys=True) + "\n"
        (temporary / "config.json").write_text(text, encoding="utf-8")
        if origin == "flax":
            write_msgpack(temporary / "flax_model.msgpack", arrays)
        else:
            arrays.update(_repeated(arrays, backbone.max_sequence_length))
            save_file(arrays, temporary / "model.safetensors", {"format": "pt"})
        if tokenizer is None and getattr(model, "preprocessor", None) is not None:
            tokenizer = model.preprocessor.tokenizer
        if tokenizer is not None:
            _write_tokenizer(temporary, tokenizer)
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


def _write_tokenizer(directory, tokenizer):
    text = "".join(f"{piece}\n" for piece in tokenizer.get_vocabulary())
    (directory / "vocab.txt").write_text(text, encoding="utf-8")
    options = {
        "tokenizer_class": "BertTokenizer",
        "do_lower_case": tokenizer.lowercase,
        "strip_accents": tokenizer.strip_accents,
    }
    text = json.dumps(options, indent=2) + "\n"
    (directory / "tokenizer_config.json").write_text(text, encoding="utf-8")


def _array(target):
    """The array that the original has for a variable, float32 at least."""
    tensor = keras.ops.convert_to_tensor(target.variable)
    array = keras.ops.convert_to_numpy(tensor)
    if array.dtype.itemsize < 4:
        array = array.astype("float32")
    array = array.T if target.transposed else array
    return np.ascontiguousarray(array).reshape(target.shape)


def _repeated(arrays, max_sequence_length):
    """Tensors of PyTorch's state dict that repeat others."""
    positions = np.arange(max_sequence_length, dtype="int64")[None]
    repeated = {"bigs.embeddings.position_ids": positions}
    if "cls.predictions.bias" in arrays:
        repeated.update({name: arrays[same] for name, same in REPEATED.items()})
    return repeated
