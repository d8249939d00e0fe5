"""A check of what tf2onnx wrote.

tf2onnx 1.17 logs operations that it cannot convert (of FFTs, say), and writes a file
all the same. May go when it raises an error.
"""


def check_onnx(filepath):
    """Raises `ValueError` if a file has operations that ONNX does not know."""
    import onnx

    try:
        onnx.checker.check_model(filepath)
    except onnx.checker.ValidationError as error:
        raise ValueError(
            "The model has operations that cannot be written as ONNX "
            f'({str(error).splitlines()[0]}), such as those of `method="fft"`, of '
            "Fourier routing or of the head of a masked language model. An SSM exports "
            'with `method="auto"` or `"chunked"`, which `from_preset` takes too.'
        ) from error
