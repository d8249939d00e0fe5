"""A result that PyTorch does not compute again while its arguments stay the same.

JAX and TensorFlow compile a model, and constant parts of a program cost little there;
Keras 3.15 on PyTorch runs some hundred small operations a layer for the kernels of SSMs
at every call. May go when Keras compiles models on PyTorch.
"""

from keras_bigs.compat.eager_torch import is_eager


class Remembered:
    """The last result of a function of tensors, where PyTorch runs without gradients.

    Arguments are compared by value with those of the result, so that it is never out of
    date, however a weight was changed. Anywhere else the function is called each time.
    """

    def __init__(self):
        # One tuple, since threads may share a model.
        self._last = None

    def __call__(self, function, tensors, key):
        """`function()`, or what it returned when it was last called.

        Args:
            function: a function of no arguments but `tensors` and `key`.
            tensors: list of the few small tensors, of one dtype, it depends on.
            key: whatever else it depends on.

        Returns:
            What the function returns, tensors on the device of its arguments.
        """
        if not all(map(is_eager, tensors)):
            return function()
        import torch

        if torch.is_grad_enabled():
            # In training it would only take memory.
            self._last = None
            return function()
        values = torch.cat([x.detach().reshape(-1) for x in tensors])
        key = (key, values.device, values.dtype)
        last = self._last
        if last is not None and last[0] == key and torch.equal(last[1], values):
            return last[2]
        result = function()
        self._last = (key, values, result)
        return result

    def __reduce__(self):
        # A copy of a layer has weights of its own.
        return type(self), ()
