"""The convolutions of a layer's SSMs."""

from keras_bigs import ssm
from keras_bigs.compat.remembered import Remembered


class Convolutions:
    """`ssm.convolutions` whose kernels, on PyTorch, inference does not compute again.

    Args:
        discretization: as for `ssm.convolutions`.
        method: as for `ssm.convolutions`.
    """

    def __init__(self, discretization, method):
        self._options = {"discretization": discretization, "method": method}
        self._remembered = Remembered()

    def __call__(self, parameters, like):
        """See `ssm.convolutions`."""
        return self._remembered(
            lambda: ssm.convolutions(parameters, like, **self._options),
            [tensor for of_one in parameters for tensor in of_one],
            key=tuple(like.shape[1:]),
        )
