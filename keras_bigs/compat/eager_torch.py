"""What PyTorch does at once, and what it only traces.

Keras 3.15 runs PyTorch eagerly: nothing is compiled, so that each small operation, each
pass over memory and each layer's bookkeeping takes its own time. The shortcuts against
that, in this folder, are for ordinary tensors alone; a program that is traced, to be
exported or compiled, is left as Keras writes it. May go with the shortcuts.
"""

import keras


def is_eager(x):
    """Whether `x` is a tensor of PyTorch that operations are done with at once.

    Args:
        x: anything.

    Returns:
        `False` on other backends, for NumPy arrays and symbolic tensors, and while
        PyTorch traces, exports, compiles, or transforms a function.
    """
    if keras.backend.backend() != "torch":
        return False
    import torch

    return (
        type(x) in (torch.Tensor, torch.nn.Parameter)
        and x.device.type != "meta"
        and not torch.compiler.is_compiling()
        and not torch.jit.is_tracing()
        and torch._C._len_torch_dispatch_stack() == 0
        and torch._C._functorch.maybe_current_level() is None
        and torch.autograd.forward_ad._current_level < 0
    )
