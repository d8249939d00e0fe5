"""Tables of kernels, models side by side (paper, section 7.1)."""

import numpy as np
from rich.table import Table

from keras_bigs.analysis.kernels.measures import mass_radius
from keras_bigs.analysis.kernels.taps import DIRECTIONS
from keras_bigs.data.tables import write_table

# Keys of `kernel_summary`, their label and format.
_NUMBERS = {
    "peak": ("peak", "{:>4d}"),
    "mass_radius": ("90%", "{:>4d}"),
    "mean_distance": ("mean", "{:>6.1f}"),
    "slowest": ("slowest", "{:>8.1f}"),
}


def kernel_table(summaries):
    """How far kernels reach, one row a kernel.

    Args:
        summaries: dict of what `kernel_summary` returns, by the name of the model. They
            may have different numbers of layers.

    Returns:
        `rich.table.Table`; all numbers are in tokens.

    Example:
    ```python
    analysis, preset = keras_bigs.analysis, "bigs_mini_en_uncased"
    rows = analysis.kernel_summary(
        analysis.routing_kernels(preset, 512), analysis.time_constants(preset)
    )
    analysis.kernel_table({"mini": rows})
    ```
    """
    table = Table("layer", "kernel", title="Distances that kernels reach, in tokens")
    table.caption = (
        "peak: of the largest tap; 90%: within which 90% of the absolute taps lie; "
        "mean: of the absolute taps; slowest: the longest time constant of a state"
    )
    labels = [f"{label:>{len(form.format(0))}}" for label, form in _NUMBERS.values()]
    for name in summaries:
        table.add_column(f"{name}\n{''.join(labels)}", justify="right", no_wrap=True)
    cells = {}
    for name, rows in summaries.items():
        for row in rows:
            place = (row["layer"], DIRECTIONS.index(row["direction"]), row["kernel"])
            numbers = (form.format(row[key]) for key, (_, form) in _NUMBERS.items())
            cells.setdefault(place, {})[name] = "".join(numbers)
    for place in sorted(cells):
        layer, direction, kernel = place
        label = DIRECTIONS[direction] + (f" {kernel}" if kernel else "")
        values = (cells[place].get(name, "") for name in summaries)
        table.add_row(str(layer), label, *values)
    return table


def kernel_change_table(before, after, change, layers):
    """By how much kernels changed and how far they reach, one row a layer.

    Args:
        before: `(layers, 2, [kernels,] length)` taps.
        after: the same after fine-tuning.
        change: what `kernel_change` returns.
        layers: the layers in the order of the rows, such as `most_changed` returns. Of
            several kernels a direction, a row has the largest numbers.

    Returns:
        `rich.table.Table`.

    Example:
    ```python
    analysis = keras_bigs.analysis
    before = analysis.routing_kernels("bigs_mini_en_uncased", 128)
    change = analysis.kernel_change(before, 2 * before)
    analysis.kernel_change_table(before, 2 * before, change, [0])
    ```
    """
    table = Table("layer", title="Change of kernels, and tokens that hold 90% of them")
    for direction in DIRECTIONS:
        table.add_column(f"{direction}\nchange", justify="right")
        table.add_column("90% before", justify="right")
        table.add_column("90% after", justify="right")
    radii = [mass_radius(taps) for taps in (before, after)]
    for layer in layers:
        cells = [str(layer)]
        for direction in range(len(DIRECTIONS)):
            cells.append(f"{change[layer, direction].max():.1%}")
            cells += [str(radius[layer, direction].max()) for radius in radii]
        table.add_row(*cells)
    return table


def write_kernels(path, kernels):
    """Writes all taps as a CSV, one a row.

    Its columns are `model`, `layer`, `direction`, `kernel` (from 0), `position`, which
    is relative, in tokens, and at most 0 for forward kernels, and `tap`.

    Args:
        path: the file.
        kernels: dict of taps, as `routing_kernels` returns, by the name of the model.

    Raises:
        OSError: it cannot be written.

    Example:
    ```python
    taps = keras_bigs.analysis.routing_kernels("bigs_mini_en_uncased", 128)
    keras_bigs.analysis.write_kernels("kernels.csv", {"mini": taps})
    ```
    """
    names = ("model", "layer", "direction", "kernel", "position", "tap")
    columns = {name: [] for name in names}
    for model, taps in kernels.items():
        taps = np.reshape(taps, (len(taps), 2, -1, np.shape(taps)[-1]))
        for (layer, direction, kernel, distance), tap in np.ndenumerate(taps):
            position = distance if direction else -distance
            row = (model, layer, DIRECTIONS[direction], kernel, position, tap)
            for name, value in zip(names, row, strict=True):
                columns[name].append(value)
    write_table(path, columns)
