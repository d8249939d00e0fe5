"""How far kernels reach, and by how much they change (paper, section 7.1).

Arrays of taps are those of `routing_kernels`.
"""

import numpy as np

from keras_bigs.analysis.kernels.taps import DIRECTIONS
from keras_bigs.errors import ConfigError


def kernel_summary(taps, constants, share=0.9):
    """What there is to say of each kernel in a few numbers.

    Args:
        taps: `(layers, 2, [kernels,] length)`, as `routing_kernels` returns.
        constants: `(layers, 2, [kernels,] states)`, as `time_constants` returns.
        share: float, as for `mass_radius`.

    Returns:
        A list of dicts, one a kernel: `layer`, `direction` and `kernel`, from 0; and in
        tokens `peak`, the distance of the largest absolute tap, `mass_radius`,
        `mean_distance`, and `slowest`, the largest time constant.

    Raises:
        ConfigError: a `share` outside its range, or taps that are not finite.

    Example:
    ```python
    analysis, preset = keras_bigs.analysis, "bigs_mini_en_uncased"
    rows = analysis.kernel_summary(
        analysis.routing_kernels(preset, 512), analysis.time_constants(preset)
    )
    ```
    """
    taps, constants = np.asarray(taps), np.asarray(constants)
    numbers = (
        np.abs(taps).argmax(-1),
        mass_radius(taps, share),
        mean_distance(taps),
        constants.max(-1),
    )
    names = ("peak", "mass_radius", "mean_distance", "slowest")
    return [
        {
            "layer": place[0],
            "direction": DIRECTIONS[place[1]],
            "kernel": place[2] if len(place) > 2 else 0,
            **{
                n: values[place].item()
                for n, values in zip(names, numbers, strict=True)
            },
        }
        for place in np.ndindex(taps.shape[:-1])
    ]


def mass_radius(taps, share=0.9):
    """The distance within which a share of a kernel's absolute mass lies.

    The least `r` with `sum_(l <= r) |k_l| >= share * sum_l |k_l|`. Absolute values,
    since they bound what is missed: with inputs of at most 1, leaving out all taps
    beyond `r` changes an output by at most `1 - share` of the largest that the kernel
    can give.

    Args:
        taps: `(..., length)`. Mass beyond `length` is not counted.
        share: float, above 0 and at most 1.

    Returns:
        `(...)` int64, in tokens; 0 for a kernel that is zero.

    Raises:
        ConfigError: a `share` outside its range, or taps that are not finite.

    Example:
    ```python
    keras_bigs.analysis.mass_radius([8.0, 0.0, -1.0, 0.5, 0.5])  # 2
    ```
    """
    if not 0 < share <= 1:
        raise ConfigError(f"`share` must be above 0, and at most 1. Received: {share}")
    taps = np.asarray(taps, "float64")
    if not np.isfinite(taps).all():
        raise ConfigError("`taps` must be finite: of these the model is damaged.")
    mass = np.abs(taps).cumsum(-1)
    return (mass >= share * mass[..., -1:]).argmax(-1)


def mean_distance(taps):
    """The centre of a kernel's absolute mass: `sum_l l |k_l| / sum_l |k_l|`.

    Args:
        taps: `(..., length)`.

    Returns:
        `(...)` float64, in tokens; 0 for a kernel that is zero.

    Example:
    ```python
    keras_bigs.analysis.mean_distance([3.0, 0.0, -1.0])  # 0.5
    ```
    """
    mass = np.abs(np.asarray(taps, "float64"))
    total = mass.sum(-1)
    moment = mass @ np.arange(mass.shape[-1])
    return np.divide(moment, total, out=np.zeros_like(moment), where=total != 0)


def scaled_kernels(taps, radius):
    """The values of the paper's Figure 3: absolute taps near the token, from 0 to 1.

    Each kernel is scaled by the least and the largest of all its absolute taps, and
    then cropped, so that one that reaches beyond the crop is bright to its edge.

    Args:
        taps: `(layers, 2, [kernels,] length)`.
        radius: int, below `length`. The farthest distance to keep, in tokens.

    Returns:
        `(layers, 2, [kernels,] radius + 1)` float64 by ascending relative position: of
        forward kernels from `-radius` to 0, of backward ones from 0 to `radius`.

    Raises:
        ConfigError: a `radius` outside its range.

    Example:
    ```python
    taps = keras_bigs.analysis.routing_kernels("bigs_mini_en_uncased", 128)
    values = keras_bigs.analysis.scaled_kernels(taps, 10)
    ```
    """
    taps = np.asarray(taps, "float64")
    if not 0 <= radius < taps.shape[-1]:
        raise ConfigError(
            f"The radius must be from 0 to {taps.shape[-1] - 1}, below the length of "
            f"{taps.shape[-1]} taps. Received: {radius}"
        )
    mass = np.abs(taps)
    low, high = mass.min(-1, keepdims=True), mass.max(-1, keepdims=True)
    scaled = (mass - low) / np.where(high > low, high - low, 1)
    scaled = scaled[..., : radius + 1]
    return np.stack([scaled[:, 0, ..., ::-1], scaled[:, 1]], axis=1)


def kernel_change(before, after):
    """By how much kernels change, relative to what they were (paper, Figure 4).

    Args:
        before: `(..., length)` taps, such as of a pretrained encoder.
        after: the same of another, such as of a fine-tuned one.

    Returns:
        `(...)` float64, `||after - before|| / ||before||` in the Euclidean norm over
        taps: 0 for no change, infinite where a kernel was zero.

    Raises:
        ConfigError: the shapes differ.

    Example:
    ```python
    taps = keras_bigs.analysis.routing_kernels("bigs_mini_en_uncased", 128)
    change = keras_bigs.analysis.kernel_change(taps, 1.5 * taps)  # 0.5 everywhere
    ```
    """
    before, after = np.asarray(before, "float64"), np.asarray(after, "float64")
    if before.shape != after.shape:
        raise ConfigError(
            "Kernels can be compared of encoders with as many layers and kernels. "
            f"Received: before={before.shape}, after={after.shape}"
        )
    change = np.linalg.norm(after - before, axis=-1)
    norm = np.linalg.norm(before, axis=-1)
    beyond = np.where(change != 0, np.inf, 0.0)
    return np.divide(change, norm, out=beyond, where=norm != 0)


def most_changed(change):
    """The layers in the order of their change, most first.

    Args:
        change: `(layers, 2, [kernels])`, as `kernel_change` returns.

    Returns:
        `(layers,)` int64. The change of a layer is that of its kernel that changed
        most.

    Example:
    ```python
    keras_bigs.analysis.most_changed([[0.1, 0.2], [0.4, 0.0]])  # [1, 0]
    ```
    """
    change = np.asarray(change)
    largest = change.reshape(len(change), -1).max(-1)
    return np.argsort(-largest, kind="stable")
