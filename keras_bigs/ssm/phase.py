"""The phase of a transition, to more digits than its dtype has.

The phase of `a^l` is `l dt A_im`, thousands of radians. Rounding `dt`, or `dt A_im`,
before it is multiplied by `l` leaves a float32 kernel three decimals, and the gradient
of the step size, a sum over modes that cancels, fewer. So phases are counted in turns
(of `2 pi`), of which whole ones can be dropped exactly, and kept as two numbers:

    turns = coarse + fine,      coarse a multiple of 1/2048, fine at most half of that,

since the product of `coarse` and an exponent is exact modulo 1.
"""

import math

import numpy as np
from keras import ops

# `coarse` is a multiple of one part in this many.
PARTS = 2048

# `exp(x) = 2^k exp(j / 128) exp(delta)`, the first two factors from tables.
GRID = 128
LARGEST_J = math.ceil(math.log(2) / 2 * GRID)
EXP = np.exp(np.arange(-LARGEST_J, LARGEST_J + 1) / GRID)
LARGEST_K = 64
POWERS_OF_TWO = 2.0 ** np.arange(-LARGEST_K, LARGEST_K + 1)
# `log(2)` as a sum, so that the product of `k` and its first part is exact.
LOG_2_HIGH = 0.693145751953125
LOG_2_LOW = 1.4286068203094173e-06

COS, SIN = (
    function(2 * math.pi * np.arange(-PARTS, PARTS + 1) / PARTS)
    for function in (np.cos, np.sin)
)
COS_HIGH, SIN_HIGH = (np.round(table * 4096) / 4096 for table in (COS, SIN))


def nearest(x):
    """The nearest integer, a constant to gradients."""
    return ops.stop_gradient(ops.round(x))


def look_up(table, index):
    """Entry `index` of a table of `-n` to `n`, for whole numbers in a float."""
    largest = len(table) // 2
    # Clipped as integers: a NaN must reach the result, not the table.
    position = ops.clip(ops.cast(index, "int32") + largest, 0, 2 * largest)
    return ops.take(ops.convert_to_tensor(table, index.dtype), position)


def split_exp(x, unit):
    """`exp(x) / unit` as a sum, with a relative error below 2^-29 in float32.

    Args:
        x: any shape.
        unit: float.

    Returns:
        `(high, low)`: `high` has eight bits and no gradient, `low` is about 2^7 times
        smaller.
    """
    table = EXP / unit
    last_bit = 2.0 ** (math.ceil(math.log2(table.max())) - 8)
    table_high = np.round(table / last_bit) * last_bit

    k = ops.clip(nearest(x / math.log(2)), -LARGEST_K, LARGEST_K)
    remainder = x - k * LOG_2_HIGH
    j = ops.clip(nearest((remainder - k * LOG_2_LOW) * GRID), -LARGEST_J, LARGEST_J)
    delta = (remainder - j / GRID) - k * LOG_2_LOW
    low = look_up(table - table_high, j) + look_up(table, j) * ops.expm1(delta)
    scale = look_up(POWERS_OF_TWO, k)
    return scale * look_up(table_high, j), scale * low


def split_product(log_step, frequency, unit):
    """`exp(log_step) frequency / unit` as a sum.

    Args:
        log_step: `(K, 1)`.
        frequency: `(K, N)`.
        unit: float.

    Returns:
        `(exact, rest)`, each `(K, N)`: `exact` has no rounding error (for frequencies
        below 2^16) and no gradient, `rest` is about 2^7 times smaller, or below
        `exp(log_step) / unit`.
    """
    high, low = split_exp(log_step, unit)
    whole = nearest(frequency)
    return high * whole, high * (frequency - whole) + low * frequency


def split_turns(exact, rest):
    """The turns `exact + rest`, modulo 1, as `(coarse, fine)`."""
    exact = exact - nearest(exact)
    coarse = nearest(exact * PARTS) / PARTS
    fine = (exact - coarse) + rest
    more = nearest(fine * PARTS) / PARTS
    coarse = coarse + more
    return coarse - nearest(coarse), fine - more


def multiply_turns(coarse, fine, exponents):
    """The angle of `exponents` times a phase.

    Args:
        coarse: multiples of `1 / 2048` turn, of a shape that broadcasts with that of
            `exponents`.
        fine: the rest of the phase, in turns.
        exponents: integer tensor.

    Returns:
        Radians from -pi to pi, in the dtype of `fine`.
    """
    exact = coarse * ops.cast(exponents % PARTS, fine.dtype)
    turns = (exact - nearest(exact)) + fine * ops.cast(exponents, fine.dtype)
    return 2 * math.pi * (turns - nearest(turns))


def split_cos_sin(coarse, fine):
    """The cosine and sine of a phase, each as a sum of two numbers.

    Args:
        coarse: multiples of `1 / 2048` turn, between -1 and 1.
        fine: the rest of the phase, in turns, of the same shape.

    Returns:
        `((cos_high, cos_low), (sin_high, sin_low))`: `high` has twelve bits after the
        point and no gradient; the error of their sum is below 2^-31 in float32.
    """
    index = coarse * PARTS
    cos, sin = look_up(COS, index), look_up(SIN, index)
    cos_high, sin_high = look_up(COS_HIGH, index), look_up(SIN_HIGH, index)
    small_cos, small_sin = ops.cos(2 * math.pi * fine), ops.sin(2 * math.pi * fine)
    less = -2 * ops.square(ops.sin(math.pi * fine))
    cos_low = look_up(COS - COS_HIGH, index) * small_cos + cos_high * less
    sin_low = look_up(SIN - SIN_HIGH, index) * small_cos + sin_high * less
    return (
        (cos_high, cos_low - sin * small_sin),
        (sin_high, sin_low + cos * small_sin),
    )
