"""What PyTorch does at once, and what it only traces.

Keras 3.15 runs PyTorch eagerly: nothing is compiled, so that each small operation, each
pass over memory and each layer's bookkeeping takes its own time. The shortcuts against
that, in this folder, are for ordinary tensors alone; a program that is traced, to be
exported or compiled, is left as Keras writes it. May go with the shortcuts.
"""

import keras

TENSORS = ()
if keras.backend.backend() == "torch":
    import torch

    TENSORS = (torch.Tensor, torch.nn.Parameter)


def is_eager(x):
    """Whether `x` is a tensor of PyTorch that operations are done with at once.

    Args:
        x: anything.

    Returns:
        `False` on other backends, for NumPy arrays and symbolic tensors, and while
        PyTorch traces, exports, compiles, or transforms a function.
    """
    # It is asked hundreds of times for one text: no call that can be spared.
    return (
        type(x) in TENSORS
        and not x.is_meta
        and not torch.compiler.is_compiling()
        and not torch._C._is_tracing()
        and torch._C._len_torch_dispatch_stack() == 0
        and torch._C._functorch.maybe_current_level() is None
        and torch.autograd.forward_ad._current_level < 0
    )
