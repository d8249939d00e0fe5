"""The convolution by fast Fourier transform.

Cost: `O(log L)` a token and channel, memory-bound. FFTs are float32 at least: 16-bit
inputs are cast up and the result cast back.
"""

import keras
from keras import ops

from keras_bigs.ssm.kernel import kernel
from keras_bigs.ssm.kernel import pad_length
from keras_bigs.ssm.kernel import round_up


def prepare(ssm, length):
    """The taps, `(K, length)`."""
    return kernel(ssm, length)


def apply(u, taps, reverse=False):
    """Multiplies spectra of the zero-padded sequence and taps.

    Args:
        u: `(batch, length, dim)`.
        taps: what `prepare` returns.
        reverse: bool. Whether the convolution is anti-causal, which is the product
            with the conjugate of the kernel's spectrum.

    Returns:
        `(batch, length, dim)` in the dtype of `u`.
    """
    if u.shape[0] == 0:
        return u  # PyTorch has no transform of nothing
    dtype = u.dtype
    batch, length, dim = ops.shape(u)[0], ops.shape(u)[1], u.shape[-1]
    # Twice the length, so that the ends do not wrap around; a multiple of 128, since
    # transforms of a large prime length are slow.
    size = 2 * round_up(length, 64)
    if keras.backend.standardize_dtype(dtype) in ("bfloat16", "float16"):
        u = ops.cast(u, "float32")
    taps = ops.cast(taps, u.dtype)
    taps = ops.repeat(taps, dim // taps.shape[0], axis=0)[None]
    k_re, k_im = ops.rfft(
        ops.swapaxes(pad_length(ops.swapaxes(taps, 1, 2), size), 1, 2)
    )
    u_re, u_im = ops.rfft(ops.swapaxes(pad_length(u, size), 1, 2))
    if reverse:
        k_im = -k_im
    y = ops.irfft((u_re * k_re - u_im * k_im, u_re * k_im + u_im * k_re))
    y = ops.swapaxes(y[:, :, :length], 1, 2)
    # Where lengths are unknown, TensorFlow's FFT forgets all other dimensions as well.
    return ops.cast(ops.reshape(y, (batch, length, dim)), dtype)
