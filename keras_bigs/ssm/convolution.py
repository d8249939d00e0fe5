"""One map, several algorithms: the entry point of this package."""

from keras import ops

from keras_bigs.compat.platform import platform
from keras_bigs.compat.scan import can_scan_unknown_length
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

# How long a Toeplitz product is the fastest, by the least number of channels that share
# a kernel; from the tables in `benchmarks/README.md`. Beyond that matrix products win
# where they are thick enough, and else the FFT on CPUs. (On TPUs the FFT is slower than
# either by the compiler's estimates.)
LONGEST_TOEPLITZ = {32: 512, 8: 256, 1: 128}
FEWEST_CHANNELS_TO_CHUNK = 32


def auto_method(length, channels, platform, can_loop=True):
    """The algorithm that `method="auto"` stands for.

    Args:
        length: int, or anything else (`None`, a symbolic dimension) where it is not
            known before the program runs.
        channels: int. The number of channels that share a kernel.
        platform: `"cpu"`, `"accelerator"` or, of a file that may run anywhere, `"any"`.
        can_loop: bool. Whether the program can loop over an unknown number of chunks.

    Returns:
        `"toeplitz"`, `"fft"` or `"chunked"`.
    """
    if not isinstance(length, int):
        return "chunked" if can_loop else "toeplitz"
    longest = next(n for least, n in LONGEST_TOEPLITZ.items() if channels >= least)
    if length <= longest:
        return "toeplitz"
    is_thin = channels < FEWEST_CHANNELS_TO_CHUNK
    return "fft" if is_thin and platform == "cpu" else "chunked"


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
    | `auto`      |                          | by length, channels and device |

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
        method = auto_method(
            inputs.shape[1],
            dim // num_kernels,
            platform(),
            can_loop=can_scan_unknown_length(),
        )
    ssm = discretize(parameters, discretization)
    return METHODS[method](inputs, ssm, reverse=reverse)
