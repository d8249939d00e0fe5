"""The convolutions of a layer's SSMs."""

from keras_bigs import ssm
from keras_bigs.compat.remembered import Remembered


class Convolutions:
    """`ssm.convolutions` whose kernels, on PyTorch, inference does not compute again.

    Of one kernel a direction, that is: the matrices of hundreds would take gigabytes.
    """

    def __init__(self):
        self._remembered = Remembered()

    def __call__(self, parameters, like, **options):
        """See `ssm.convolutions`."""

        def compute():
            return ssm.convolutions(parameters, like, **options)

        if parameters[0].D.shape[0] > 1:
            return compute()
        return self._remembered(
            compute,
            [tensor for of_one in parameters for tensor in of_one],
            key=(*like.shape[1:], *options.values()),
        )
