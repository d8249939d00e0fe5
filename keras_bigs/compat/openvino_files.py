"""OpenVINO's files, by way of another format.

Keras 3.15 gives OpenVINO the function that TensorFlow has traced. Where a model has one
output, whatever nothing reads in it, such as sizes of loops, becomes an output too. A
SavedModel says what its outputs are. On PyTorch see `torch_export`. May go when
`keras.Model.export` writes files of the model's outputs.
"""

import contextlib
import pathlib
import tempfile

from keras_bigs.errors import needs_extra


@contextlib.contextmanager
def converted_to_openvino(filepath, name):
    """Gives a path to write a model to, and then converts it to `.xml` and `.bin`.

    Args:
        filepath: string, ending in `.xml`.
        name: string. That of what will be written: an ONNX file or a SavedModel.

    Yields:
        `pathlib.Path`.

    Raises:
        ImportError: OpenVINO is not installed; before anything is written.
    """
    with needs_extra("export"):
        import openvino
    with tempfile.TemporaryDirectory() as folder:
        path = pathlib.Path(folder) / name
        yield path
        openvino.serialize(openvino.convert_model(path), filepath)
