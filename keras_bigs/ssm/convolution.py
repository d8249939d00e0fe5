"""One map, several algorithms: the entry point of this package."""

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

# The longest sequence for which one Toeplitz product is the fastest, as
# `benchmarks/routing.py` measured it, by whether the kernel is shared by all channels.
LONGEST_TOEPLITZ = {"shared": 512, "grouped": 128}


def auto_method(length, num_kernels):
    """The algorithm that `method="auto"` stands for.

    Args:
        length: int, or anything else (`None`, a symbolic dimension) where it is not
            known before the program runs.
        num_kernels: int. The number of kernels.

    Returns:
        `"toeplitz"` or `"chunked"`.
    """
    if not isinstance(length, int):
        return "chunked"
    longest = LONGEST_TOEPLITZ["shared" if num_kernels == 1 else "grouped"]
    return "toeplitz" if length <= longest else "chunked"


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
    | `auto`      |                          | the fastest of them, by length |

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
        method = auto_method(inputs.shape[1], num_kernels)
    ssm = discretize(parameters, discretization)
    return METHODS[method](inputs, ssm, reverse=reverse)
