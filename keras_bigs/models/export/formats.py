"""The formats of exported models, and what writes and runs each."""

import dataclasses


@dataclasses.dataclass(frozen=True)
class Format:
    """A format of exported models.

    Attributes:
        file: the file's name in a package; of a directory, if it has no ending.
        backends: those that write it rightly at every length.
        quantized_backends: those of them from which quantized layers come out right
            (TensorFlow 2.21, PyTorch 2.13, OpenVINO 2026.4).
        runs_in: what to install to run it.
    """

    file: str
    backends: tuple[str, ...]
    quantized_backends: tuple[str, ...]
    runs_in: str

    @property
    def suffix(self):
        """The ending of the file's name; `""` for a directory."""
        _, dot, ending = self.file.partition(".")
        return dot + ending


FORMATS = {
    "tf_saved_model": Format(
        "saved_model", ("tensorflow", "jax"), ("tensorflow", "jax"), "tensorflow"
    ),
    "onnx": Format(
        "model.onnx", ("tensorflow", "torch"), ("tensorflow",), "onnxruntime"
    ),
    "openvino": Format("model.xml", ("tensorflow", "torch"), (), "openvino"),
    "litert": Format(
        "model.tflite", ("tensorflow",), (), "tensorflow (or ai-edge-litert)"
    ),
    "torch": Format("model.pt2", ("torch",), ("torch",), "torch"),
    "jax": Format("model.jax", ("jax",), ("jax",), "jax"),
}
