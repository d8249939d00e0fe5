"""OpenVINO's files, by way of another format.

Keras 3.15 gives OpenVINO the function that TensorFlow has traced. Where a model has one
output, whatever nothing reads in it, such as sizes of loops, becomes an output too. A
SavedModel says what its outputs are. On PyTorch see `torch_export`. May go when
`keras.Model.export` writes files of the model's outputs.
"""

from keras_bigs.errors import needs_extra


def convert_to_openvino(path, filepath):
    """Writes an ONNX file or a SavedModel as `.xml` and `.bin`.

    Args:
        path: `pathlib.Path` or string.
        filepath: string, ending in `.xml`.

    Raises:
        ImportError: OpenVINO is not installed.
    """
    with needs_extra("export"):
        import openvino

    openvino.serialize(openvino.convert_model(path), filepath)
