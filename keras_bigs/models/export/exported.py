"""Runs exported files, each in the runtime that it is for."""

import pathlib

import keras
import numpy as np

from keras_bigs.errors import needs_extra
from keras_bigs.models.export.formats import FORMATS


def load_exported(path):
    """A function that computes what an exported file does, outside of Keras.

    Args:
        path: what `export` wrote. Its ending says the format: `.onnx` (ONNX Runtime),
            `.xml` (OpenVINO), `.tflite` (LiteRT with its own operations only, as on a
            phone), `.pt2` (PyTorch), `.jax` (JAX), or a directory (TensorFlow).

    Returns:
        A function from a dict of int32 arrays to a list of arrays, in the order of the
        file. Which output is which the file may not say; see `verify_export`.

    Raises:
        ImportError: the runtime is not installed.
        ValueError: no format has this ending.

    Example:
    ```python
    backbone = keras_bigs.models.BiGSBackbone.from_preset("bigs_mini_en_uncased")
    backbone.export("bigs.onnx", format="onnx")  # TensorFlow or PyTorch
    run = keras_bigs.models.load_exported("bigs.onnx")
    ones = np.ones((1, 8), "int32")
    run({"token_ids": ones, "segment_ids": 0 * ones, "padding_mask": ones})
    ```
    """
    suffix = pathlib.Path(path).suffix
    formats = {format.suffix: name for name, format in FORMATS.items()}
    if pathlib.Path(path).is_dir():
        suffix = ""
    if suffix not in formats:
        raise ValueError(
            f"`path` must be a directory or end in one of {sorted(formats)[1:]}. "
            f"Received: path={str(path)!r}"
        )
    return LOADERS[formats[suffix]](str(path))


def _saved_model(path):
    import tensorflow as tf

    model = tf.saved_model.load(path)
    return lambda inputs: [np.asarray(x) for x in tf.nest.flatten(model.serve(inputs))]


def _onnx(path):
    with needs_extra("export"):
        import onnxruntime

    session = onnxruntime.InferenceSession(path)
    # TensorFlow's converter may write `token_ids:0`.
    names = {x.name.split(":")[0]: x.name for x in session.get_inputs()}
    return lambda inputs: session.run(None, {names[k]: inputs[k] for k in names})


def _openvino(path):
    with needs_extra("export"):
        import openvino

    # In half precision on some processors otherwise.
    options = {"INFERENCE_PRECISION_HINT": "f32"}
    model = openvino.Core().compile_model(path, "CPU", options)
    return lambda inputs: [np.array(x) for x in model(inputs).values()]


def _litert(path):
    import tensorflow as tf

    # Without the operations of TensorFlow.
    resolver = tf.lite.experimental.OpResolverType.BUILTIN_WITHOUT_DEFAULT_DELEGATES
    interpreter = tf.lite.Interpreter(path, experimental_op_resolver_type=resolver)
    runner = interpreter.get_signature_runner()
    return lambda inputs: list(runner(**inputs).values())


def _torch(path):
    import torch

    module = torch.export.load(path).module()

    def run(inputs):
        outputs = module({name: torch.from_numpy(x) for name, x in inputs.items()})
        return [x.detach().numpy() for x in keras.tree.flatten(outputs)]

    return run


def _jax(path):
    import jax

    program = jax.export.deserialize(bytearray(pathlib.Path(path).read_bytes()))
    return lambda inputs: [
        np.asarray(x) for x in keras.tree.flatten(program.call(inputs))
    ]


LOADERS = {
    "tf_saved_model": _saved_model,
    "onnx": _onnx,
    "openvino": _openvino,
    "litert": _litert,
    "torch": _torch,
    "jax": _jax,
}
