"""One map, several algorithms: the entry point of this package."""

import keras
from keras import ops

from keras_bigs.compat.platform import platform
from keras_bigs.compat.scan import can_scan_unknown_length
from keras_bigs.ssm import chunked
from keras_bigs.ssm import fft
from keras_bigs.ssm import naive
from keras_bigs.ssm import toeplitz
from keras_bigs.ssm.discretization import discretize
from keras_bigs.ssm.parameters import SSMParameters

# An algorithm is a module: `prepare(ssm, length)` makes of the kernels what
# `apply(inputs, prepared, reverse)` needs, tensors whose first axis is the kernel.
METHODS = {
    "recurrent": naive,
    "toeplitz": toeplitz,
    "fft": fft,
    "chunked": chunked,
}

# How long a Toeplitz product is the fastest, by the least number of channels that share
# a kernel; from the tables in `benchmarks/README.md`. Beyond that matrix products win
# where they are thick enough, and else the FFT on CPUs. On TPUs, by the compiler's
# estimates, the FFT is slower than either, and Toeplitz products win twice as long; on
# GPUs it was not measured.
LONGEST_TOEPLITZ = {32: 512, 8: 256, 1: 128}
FEWEST_CHANNELS_TO_CHUNK = 32


def auto_method(length, channels, platform, can_loop=True, max_length=None):
    """The algorithm that `method="auto"` stands for.

    Args:
        length: int, or anything else (`None`, a symbolic dimension) where it is not
            known before the program runs.
        channels: int. The number of channels that share a kernel.
        platform: `"cpu"`, `"accelerator"` or, of a file that may run anywhere, `"any"`.
        can_loop: bool. Whether the program can loop over an unknown number of chunks.
        max_length: int or `None`. The longest that an unknown length can be.

    Returns:
        `"toeplitz"`, `"fft"` or `"chunked"`.
    """
    longest = next(n for least, n in LONGEST_TOEPLITZ.items() if channels >= least)
    if platform == "accelerator":
        longest *= 2
    if not isinstance(length, int):
        is_short = max_length is not None and max_length <= longest
        return "toeplitz" if is_short or not can_loop else "chunked"
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


def convolve(
    inputs,
    parameters,
    *,
    discretization="zoh",
    method="auto",
    max_length=None,
    reverse=False,
):
    """Applies diagonal SSMs along a sequence: `y = k * u + D u`.

    Every algorithm computes the same map, to rounding, and so do their gradients:

    | method      | cost a token and channel | good for                       |
    |-------------|--------------------------|--------------------------------|
    | `recurrent` | `O(N)`, sequential       | the definition, `naive.py`     |
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
        max_length: int or `None`. The longest sequence that will come. `"auto"` goes by
            it where the length is not known before the program runs: in exported files,
            and on TensorFlow in batches of several lengths. Longer ones are
            right too, at a cost quadratic in length.
        reverse: bool. `False`: causal, position `l` sees positions up to `l`. `True`:
            anti-causal, `Flip(SSM(Flip(u)))` in the paper's terms.

    Returns:
        `(batch, length, dim)` in the dtype of `inputs`.

    Raises:
        ValueError: an unknown `discretization` or `method`, inputs that are not
            `(batch, length, dim)`, without a position or no floating-point numbers, or
            a number of kernels that does not divide `dim`.

    Example:
    ```python
    parameters = keras_bigs.ssm.initial_parameters(state_dim=64, seed=0)
    parameters = keras_bigs.ssm.SSMParameters(
        *(x.astype("float32") for x in parameters)
    )
    u = np.random.normal(size=(2, 1000, 32)).astype("float32")
    y = keras_bigs.ssm.convolve(u, parameters)  # (2, 1000, 32)
    ```
    """
    inputs = ops.convert_to_tensor(inputs)
    (apply,) = convolutions(
        [parameters],
        inputs,
        discretization=discretization,
        method=method,
        max_length=max_length,
    )
    return apply(inputs, reverse=reverse)


def convolutions(
    parameters, like, *, discretization="zoh", method="auto", max_length=None
):
    """Convolutions by several SSMs whose kernels are computed in one go.

    Args:
        parameters: a list of `SSMParameters`, of equally many kernels each.
        like: `(batch, length, dim)`, a tensor of the shape of the inputs to come.
        discretization: as in `convolve`.
        method: as in `convolve`.
        max_length: as in `convolve`.

    Returns:
        A function of `inputs` and `reverse=False` for each of the SSMs: `convolve`
        with its parameters.

    Raises:
        ValueError: see `convolve`.
    """
    check_method(method)
    if not keras.backend.is_float_dtype(keras.backend.standardize_dtype(like.dtype)):
        raise ValueError(
            "An SSM takes floating-point inputs: `keras.ops.cast` them. Received: "
            f"inputs of dtype {like.dtype}"
        )
    if len(like.shape) != 3:
        raise ValueError(
            "An SSM runs along axis 1 of `(batch, length, dim)`. Reshape the inputs to "
            f"that. Received: inputs.shape={tuple(like.shape)}"
        )
    if like.shape[1] == 0:
        raise ValueError(
            "An SSM needs one position or more. Received: "
            f"inputs.shape={tuple(like.shape)}"
        )
    num_kernels, dim = parameters[0].A_re.shape[0], like.shape[-1]
    if dim % num_kernels:
        raise ValueError(
            "The number of kernels must divide the number of channels. "
            f"Received: num_kernels={num_kernels}, inputs.shape={like.shape}"
        )
    if method == "auto":
        method = auto_method(
            like.shape[1],
            dim // num_kernels,
            platform(),
            can_loop=can_scan_unknown_length(),
            max_length=max_length,
        )
    algorithm = METHODS[method]
    stacked = SSMParameters(
        *(ops.concatenate(x) for x in zip(*parameters, strict=True))
    )
    prepared = algorithm.prepare(
        discretize(stacked, discretization), ops.shape(like)[1]
    )

    def of(i):
        own = slice(i * num_kernels, (i + 1) * num_kernels)
        part = keras.tree.map_structure(lambda x: x[own], prepared)
        return lambda inputs, reverse=False: algorithm.apply(inputs, part, reverse)

    return [of(i) for i in range(len(parameters))]
