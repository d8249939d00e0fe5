"""Tensors of a `pytorch_model.bin`: pickled, and so the format to trust least."""

import os
import pickle
import zipfile

from keras_bigs.convert.readable import readable
from keras_bigs.errors import CheckpointError


def read_torch(path):
    """Yields `(name, array)` of a `pytorch_model.bin`.

    PyTorch's weights-only reader builds tensors and runs nothing that a file says. It
    holds all tensors at once.

    Args:
        path: the file.

    Yields:
        Names such as `"bigs.encoder.layer.0.dv.weight"`, and NumPy arrays; bfloat16 as
        float32.

    Raises:
        CheckpointError: the file is damaged, claims to hold more than its size, or has
            something else than named dense tensors.
        ImportError: PyTorch is not installed.
    """
    try:
        import torch
    except ImportError as error:
        raise ImportError(
            f"{path} is a pickled file, which only PyTorch's weights-only reader may "
            "open. Install torch, or use a checkpoint with `model.safetensors` or "
            "`flax_model.msgpack`."
        ) from error
    with readable(path):
        check_archive(path)
        try:
            tensors = torch.load(path, map_location="cpu", weights_only=True)
        except pickle.UnpicklingError as error:
            raise CheckpointError(
                f"{path}: PyTorch's weights-only reader refuses it: it holds something "
                "else than tensors, or was cut short or changed. "
                f"({str(error).splitlines()[0]})"
            ) from error
        check_tensors(path, tensors)
        for name in sorted(tensors):
            tensor = tensors.pop(name).detach()
            if tensor.dtype == torch.bfloat16:
                tensor = tensor.float()
            yield name, tensor.numpy()


def check_archive(path):
    """Refuses compressed archives, which may unpack to far more than their size."""
    if not zipfile.is_zipfile(path):
        return
    with zipfile.ZipFile(path) as archive:
        entries = archive.infolist()
    for entry in entries:
        if entry.compress_type != zipfile.ZIP_STORED:
            raise CheckpointError(
                f"{path}: {entry.filename} is compressed, which PyTorch never does. "
                "Get the file from its authors again."
            )
    if sum(entry.file_size for entry in entries) > os.path.getsize(path):
        raise CheckpointError(f"{path}: its entries claim to be larger than the file.")


def check_tensors(path, tensors):
    """Refuses what is no flat state dict of dense tensors of about the file's size."""
    import torch

    if not isinstance(tensors, dict):
        raise CheckpointError(
            f"{path}: holds a {type(tensors).__name__}, not a state dict. Save "
            "`model.state_dict()`."
        )
    for name, tensor in tensors.items():
        if not isinstance(name, str) or not isinstance(tensor, torch.Tensor):
            raise CheckpointError(
                f"{path}: {str(name)[:80]!r} holds a {type(tensor).__name__}, not a "
                "tensor. Save the model's own state dict, with nothing around it."
            )
        if tensor.layout != torch.strided or tensor.device.type != "cpu":
            raise CheckpointError(
                f"{path}: {name} is no dense tensor with contents (layout "
                f"{tensor.layout}, device {tensor.device})."
            )
    # Tensors may share their contents: tied embeddings do, and forged ones might.
    claimed = sum(t.numel() * t.element_size() for t in tensors.values())
    if claimed > 2 * os.path.getsize(path):
        raise CheckpointError(
            f"{path}: its tensors claim {claimed} bytes, more than the file could hold."
        )
