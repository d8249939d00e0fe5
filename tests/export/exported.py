"""Runs exported files on the runtimes that they are for."""

import contextlib

import keras
import numpy as np
import pytest

SUFFIXES = {
    "tf_saved_model": "",
    "onnx": ".onnx",
    "openvino": ".xml",
    "litert": ".tflite",
    "torch": ".pt2",
}
# Packages that write or run a format, apart from the backends.
PACKAGES = {
    "onnx": {"tensorflow": ["tf2onnx"], "torch": ["onnxscript"]},
    "openvino": {"tensorflow": [], "torch": ["onnxscript"]},
}


def need(format):
    """Skips the test if a package is missing that the format needs."""
    if format in PACKAGES:
        for package in PACKAGES[format][keras.backend.backend()]:
            pytest.importorskip(package)
        pytest.importorskip("onnxruntime" if format == "onnx" else "openvino")


def run(path, format):
    """A function from a dict of arrays to the arrays that the file's model returns.

    Arrays come in no certain order: runtimes differ in what they call outputs.
    """
    path = str(path)
    if format == "tf_saved_model":
        import tensorflow as tf

        model = tf.saved_model.load(path)
        return lambda inputs: [
            np.asarray(x) for x in tf.nest.flatten(model.serve(inputs))
        ]
    if format == "onnx":
        import onnxruntime

        session = onnxruntime.InferenceSession(path)
        names = {x.name.split(":")[0]: x.name for x in session.get_inputs()}
        return lambda inputs: session.run(None, {names[k]: inputs[k] for k in names})
    if format == "openvino":
        import openvino

        model = openvino.Core().compile_model(
            path, "CPU", {"INFERENCE_PRECISION_HINT": "f32"}
        )
        return lambda inputs: [np.array(x) for x in model(inputs).values()]
    if format == "litert":
        import tensorflow as tf

        # Without the operations of TensorFlow, as on a phone.
        interpreter = tf.lite.Interpreter(
            path,
            experimental_op_resolver_type=(
                tf.lite.experimental.OpResolverType.BUILTIN_WITHOUT_DEFAULT_DELEGATES
            ),
        )
        runner = interpreter.get_signature_runner()
        return lambda inputs: list(runner(**inputs).values())

    import torch

    module = torch.export.load(path).module()
    return lambda inputs: [
        x.detach().numpy()
        for x in keras.tree.flatten(
            module({k: torch.from_numpy(v) for k, v in inputs.items()})
        )
    ]


@contextlib.contextmanager
def refused():
    """Passes if a runtime refuses its inputs, whatever it calls that."""
    try:
        yield
    except Exception:
        return
    pytest.fail("The inputs were not refused.")
