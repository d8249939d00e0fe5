"""Figures of kernels (paper, Figures 1, 3 and 4)."""

import itertools

import numpy as np

from keras_bigs.analysis.kernels.measures import mass_radius
from keras_bigs.analysis.kernels.measures import mean_distance
from keras_bigs.analysis.kernels.measures import scaled_kernels
from keras_bigs.errors import ConfigError
from keras_bigs.training.figures import figure

BOTH_SIDES = "← forward   position (tokens)   backward →"


def plot_kernel_map(paths, kernels, radius=10):
    """Draws all kernels near the token, a row a layer, models side by side (Figure 3).

    Brightness is the absolute tap, scaled for each kernel from 0 to 1; see
    `scaled_kernels`.

    Args:
        paths: the pictures, as for `keras_bigs.training.figure`.
        kernels: dict of taps, as `routing_kernels` returns, by the name of the model.
        radius: int. The farthest relative position, in tokens.

    Raises:
        ConfigError: there are no more than `radius` taps.
        ImportError: there is no Matplotlib.

    Example:
    ```python
    taps = keras_bigs.analysis.routing_kernels("bigs_mini_en_uncased", 128)
    keras_bigs.analysis.plot_kernel_map(["map.png", "map.svg"], {"mini": taps})
    ```
    """
    maps = {name: scaled_kernels(taps, radius) for name, taps in kernels.items()}
    rows = max(np.prod(values.shape[:-1]) // 2 for values in maps.values())
    columns = 2 * len(maps)
    size = (2.2 * columns + 1.2, 0.25 * rows + 1.6)
    with figure(*paths, ncols=columns, squeeze=False, figsize=size) as axes:
        panels = axes[0]
        for i, (name, values) in enumerate(maps.items()):
            names = _row_names(values)
            values = np.moveaxis(values, 1, 0).reshape(2, len(names), radius + 1)
            sides = zip(("forward", "backward"), (-radius, 0), strict=True)
            for j, (side, first) in enumerate(sides):
                panel = panels[2 * i + j]
                picture = panel.imshow(
                    values[j],
                    aspect="auto",
                    cmap="viridis",
                    vmin=0,
                    vmax=1,
                    extent=(first - 0.5, first + radius + 0.5, len(names) - 0.5, -0.5),
                )
                panel.set_title(f"{name}\n{side}", fontsize=10)
                panel.set_xlabel("relative position (tokens)")
                panel.xaxis.get_major_locator().set_params(integer=True)
                panel.set_yticks(range(len(names)), names if j == 0 else [])
                panel.set_ylim(rows - 0.5, -0.5)
            panels[2 * i].set_ylabel("layer")
        panel.figure.colorbar(picture, ax=panels, label="|tap|, from 0 to 1 per kernel")


def plot_kernels(paths, kernels, number=3):
    """Draws kernels of the layers that reach least, most and between (Figure 1).

    Forward taps are to the left and backward ones to the right, out to where 95% of the
    absolute mass of either lies.

    Args:
        paths: the pictures, as for `keras_bigs.training.figure`.
        kernels: dict of taps, as `routing_kernels` returns, by the name of the model.
        number: int. The number of layers of each model, evenly chosen in the order of
            the mean distance of their kernels.

    Raises:
        ImportError: there is no Matplotlib.

    Example:
    ```python
    taps = keras_bigs.analysis.routing_kernels("bigs_mini_en_uncased", 128)
    keras_bigs.analysis.plot_kernels(["kernels.png"], {"mini": taps})
    ```
    """
    size = (4 * len(kernels), 2.1 * number + 0.3)
    with figure(
        *paths, nrows=number, ncols=len(kernels), squeeze=False, figsize=size
    ) as axes:
        for column, (name, taps) in zip(axes.T, kernels.items(), strict=True):
            reach = mean_distance(taps).reshape(len(taps), -1).mean(-1)
            order = np.argsort(reach, kind="stable")
            places = np.linspace(0, len(order) - 1, number).round().astype(int)
            for panel, layer in zip(column, order[places], strict=True):
                _draw_layer(panel, {name: taps[layer]})
                panel.set_title(f"{name}, layer {layer}", fontsize=10)
            panel.set_xlabel(BOTH_SIDES)
        for panel in axes[:, 0]:
            panel.set_ylabel("tap")


def plot_kernel_change(paths, kernels, layers):
    """Draws kernels of two checkpoints over each other, a panel a layer (Figure 4).

    As in `plot_kernels`.

    Args:
        paths: the pictures, as for `keras_bigs.training.figure`.
        kernels: dict of taps, as `routing_kernels` returns, by what to call them, such
            as `{"pretrained": ..., "fine-tuned": ...}`; of equal shape.
        layers: the layers to draw, such as the first of `most_changed`.

    Raises:
        ConfigError: the shapes differ.
        ImportError: there is no Matplotlib.

    Example:
    ```python
    taps = keras_bigs.analysis.routing_kernels("bigs_mini_en_uncased", 128)
    both = {"before": taps, "after": 1.1 * taps}
    keras_bigs.analysis.plot_kernel_change(["change.png"], both, [0])
    ```
    """
    shapes = {np.shape(taps) for taps in kernels.values()}
    if len(shapes) > 1:
        raise ConfigError(
            "Kernels can be compared of encoders with as many layers and kernels. "
            f"Received: {sorted(shapes)}"
        )
    size = (6, 2.1 * len(layers) + 0.6)
    with figure(*paths, nrows=len(layers), squeeze=False, figsize=size) as axes:
        for panel, layer in zip(axes[:, 0], layers, strict=True):
            _draw_layer(panel, {name: taps[layer] for name, taps in kernels.items()})
            panel.set_title(f"layer {layer}", fontsize=10)
            panel.set_ylabel("tap")
        panel.set_xlabel(BOTH_SIDES)
        axes[0, 0].legend(fontsize=8)


def _draw_layer(panel, kernels):
    """A line each from the farthest forward tap, at the left, to the farthest backward.

    Args:
        panel: `matplotlib.axes.Axes`.
        kernels: dict of `(2, [kernels,] length)` taps of a layer, by label.
    """
    reach = max(10, *(mass_radius(taps, 0.95).max() for taps in kernels.values()))
    styles = itertools.cycle(("-", "--", ":", "-."))
    for (label, taps), style in zip(kernels.items(), styles, strict=False):
        taps = taps.reshape(2, -1, taps.shape[-1])[..., : reach + 1]
        distances = np.arange(taps.shape[-1])
        positions = np.concatenate([-distances[::-1], distances])
        values = np.concatenate([taps[0, :, ::-1], taps[1]], axis=-1)
        lines = panel.plot(positions, values.T, style, linewidth=1.2)
        for line in lines:
            line.set_color(lines[0].get_color())
        lines[0].set_label(label)
    panel.axhline(0, color="grey", linewidth=0.5)
    panel.axvline(0, color="grey", linewidth=0.5)


def _row_names(values):
    """The layer of each row, and the kernel where there are several."""
    layers, several = len(values), values.ndim > 3
    if not several:
        return [str(layer) for layer in range(layers)]
    return [f"{i}.{k}" for i in range(layers) for k in range(values.shape[2])]
