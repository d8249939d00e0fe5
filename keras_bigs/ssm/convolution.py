"""One map, several algorithms: the entry point of this package."""

import keras
from keras import ops

from keras_bigs.ssm.chunked import chunked
from keras_bigs.ssm.discretization import discretize
from keras_bigs.ssm.fft import fft
from keras_bigs.ssm.recurrent import recurrent
from keras_bigs.ssm.toeplitz import toeplitz

METHODS = {
    "recurrent": recurrent,
    "toeplitz": toeplitz,
    "fft": fft,
    "chunked": chunked,
}

# From the tables that `benchmarks/routing.py` prints (see `benchmarks/README.md`).
# Fewer channels a kernel leave matrix products too thin: there the FFT is faster on
# CPUs. On TPUs it is not, by an order of magnitude.
FEW_CHANNELS = 32
LONGEST_TOEPLITZ = 512
LONGEST_TOEPLITZ_FEW_CHANNELS = 128


def platform():
    """`"cpu"` or `"accelerator"`: where the backend computes by default."""
    backend = keras.backend.backend()
    if backend == "jax":
        import jax

        on_cpu = jax.default_backend() == "cpu"
    elif backend == "tensorflow":
        import tensorflow as tf

        on_cpu = {d.device_type for d in tf.config.list_physical_devices()} == {"CPU"}
    else:
        import torch

        on_cpu = not torch.accelerator.is_available()
    return "cpu" if on_cpu else "accelerator"


def auto_method(length, channels, platform):
    """The algorithm that `method="auto"` stands for.

    Args:
        length: int, or anything else (`None`, a symbolic dimension) where it is not
            known before the program runs.
        channels: int. The number of channels that share a kernel.
        platform: `"cpu"` or `"accelerator"`.

    Returns:
        `"toeplitz"`, `"fft"` or `"chunked"`.
    """
    if not isinstance(length, int):
        return "chunked"
    if channels >= FEW_CHANNELS:
        return "toeplitz" if length <= LONGEST_TOEPLITZ else "chunked"
    if length <= LONGEST_TOEPLITZ_FEW_CHANNELS:
        return "toeplitz"
    return "fft" if platform == "cpu" else "chunked"


def check_method(method):
    """Raises `ValueError` unless `method` names an algorithm or is `"auto"`."""
    if method != "auto" and method not in METHODS:
        raise ValueError(
            f"Unknown `method={method!r}`. Choose one of {['auto', *METHODS]}."
        )


def convolve(inputs, parameters, *, discretization="zoh", method="auto", reverse=False):
    """Applies diagonal SSMs along a sequence: `y = k * u + D u`.

    Every algorithm computes the same map, to rounding, and so do their gradients:

    | method      | cost a token and channel | good for                       |
    |-------------|--------------------------|--------------------------------|
    | `recurrent` | `O(N)`, sequential       | the definition; tests          |
    | `toeplitz`  | `O(L)`, one product      | `L` up to about 512            |
    | `fft`       | `O(log L)`, float32      | long `L` where FFTs are cheap  |
    | `chunked`   | `O(C + N)`, products     | long `L`; linear in length     |
    | `auto`      |                          | the fastest, by length, device |

    Args:
        inputs: `(batch, length, dim)` floating-point tensor, `dim` a multiple of the
            number of kernels `K`. Consecutive groups of `dim / K` channels share a
            kernel: `K = 1` is BiGS (paper, section 4), `K = dim` the original S4D.
        parameters: `SSMParameters` of float32 (or float64) tensors; taps and states are
            computed in their dtype whatever that of the inputs.
        discretization: `"zoh"` or `"bilinear"`.
        method: `"auto"`, `"recurrent"`, `"toeplitz"`, `"fft"` or `"chunked"`.
        reverse: bool. `False`: causal, position `l` sees positions up to `l`. `True`:
            anti-causal, `Flip(SSM(Flip(u)))` in the paper's terms.

    Returns:
        `(batch, length, dim)` in the dtype of `inputs`.

    Raises:
        ValueError: an unknown `discretization` or `method`, or a number of kernels that
            does not divide `dim`.
    """
    check_method(method)
    inputs = ops.convert_to_tensor(inputs)
    num_kernels, dim = parameters.A_re.shape[0], inputs.shape[-1]
    if dim % num_kernels:
        raise ValueError(
            "The number of kernels must divide the number of channels. "
            f"Received: num_kernels={num_kernels}, inputs.shape={inputs.shape}"
        )
    if method == "auto":
        method = auto_method(inputs.shape[1], dim // num_kernels, platform())
    ssm = discretize(parameters, discretization)
    return METHODS[method](inputs, ssm, reverse=reverse)
