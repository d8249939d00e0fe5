"""The operations of all architectures of one size by length, and their figure."""

from dataclasses import dataclass

import numpy as np

from keras_bigs.analysis.flop_counts.encoder import PAPER_FLOPS
from keras_bigs.analysis.flop_counts.encoder import FlopCount
from keras_bigs.analysis.flop_counts.encoder import flops
from keras_bigs.errors import ConfigError
from keras_bigs.layers import BLOCKS
from keras_bigs.layers.routing import ROUTINGS
from keras_bigs.models import CONFIGS
from keras_bigs.ssm import METHODS
from keras_bigs.training.figures import figure

# The pairs that the paper has names for.
_NAMES = {
    ("gated", "ssm"): "BiGS",
    ("stack", "ssm"): "STACK/SSM",
    ("gated", "attention"): "GATED/ATT",
    ("stack", "attention"): "BERT",
}


@dataclass(frozen=True)
class ArchitectureFlops:
    """The operations of one architecture by length.

    Attributes:
        name: the paper's, or that of block and routing.
        block: `"gated"` or `"stack"`.
        routing: the name of the routing layer.
        algorithm: that of SSMs; `None` for other routings.
        counts: a `FlopCount` for each length.
    """

    name: str
    block: str
    routing: str
    algorithm: str | None
    counts: list[FlopCount]

    @property
    def label(self) -> str:
        """The routing, and the algorithm if there are several."""
        return ", ".join(filter(None, (self.routing, self.algorithm)))


def flops_by_length(size, lengths, training=False, masked=0.0):
    """Operations of each pair of block and routing, and each algorithm of SSMs.

    Both blocks are of about as many weights, see `keras_bigs.models.CONFIGS`.

    Args:
        size: such as `"large"`, for `CONFIGS["large"]` and `CONFIGS["large_stack"]`.
        lengths: ints, tokens of a sequence.
        training: bool. Whether to count the backward pass too.
        masked: float. The share of tokens that the head of a masked LM is computed
            for, from 0 to 1.

    Returns:
        A list of `ArchitectureFlops`, gated blocks first, in each SSMs first.

    Raises:
        ConfigError: there is no such size, or no length; a length is below 1; or
            `masked` is not from 0 to 1.

    Example:
    ```python
    for row in keras_bigs.analysis.flops_by_length("mini", [128, 1024]):
        print(row.name, row.algorithm, [f"{count.total:.1e}" for count in row.counts])
    ```
    """
    sizes = [name for name in CONFIGS if f"{name}_stack" in CONFIGS]
    if size not in sizes:
        raise ConfigError(f"--size {size} is not one of {sizes}.")
    lengths = list(lengths)
    if not lengths or min(lengths) < 1:
        raise ConfigError(f"--lengths must be 1 or more each. Received: {lengths}")
    if not 0 <= masked <= 1:
        raise ConfigError(f"--masked must be from 0 to 1. Received: {masked}")
    rows = []
    for block in BLOCKS:
        sized = CONFIGS[size if block == "gated" else f"{size}_stack"]
        for routing in ROUTINGS:
            encoder = {**sized, "routing": routing}
            for algorithm in METHODS if routing == "ssm" else [None]:
                counts = [
                    flops(encoder, n, algorithm, training, round(masked * n))
                    for n in lengths
                ]
                name = _NAMES.get((block, routing), f"{block}/{routing}")
                rows.append(ArchitectureFlops(name, block, routing, algorithm, counts))
    return rows


def plot_flops(paths, rows, title, with_paper=False):
    """Draws operations a token by length, a panel for each block.

    Args:
        paths: the pictures, as for `keras_bigs.training.figure`.
        rows: what `flops_by_length` returns.
        title: string.
        with_paper: bool. Whether to mark the paper's `PAPER_FLOPS`.

    Raises:
        ImportError: there is no Matplotlib.

    Example:
    ```python
    rows = keras_bigs.analysis.flops_by_length("mini", [128, 1024])
    keras_bigs.analysis.plot_flops(["flops.png"], rows, "mini")
    ```
    """
    blocks = list(dict.fromkeys(row.block for row in rows))
    size = (5 * len(blocks) + 2, 4.2)
    with figure(
        *paths, ncols=len(blocks), squeeze=False, sharey=True, figsize=size
    ) as panels:
        from matplotlib import ticker

        for axes, block in zip(panels[0], blocks, strict=True):
            own = [row for row in rows if row.block == block]
            for i, row in enumerate(own):
                axes.plot(
                    [count.length for count in row.counts],
                    [count.per_token for count in row.counts],
                    color=f"C{i}",
                    # A Toeplitz product has as many as attention.
                    linestyle="-" if row.algorithm else "--",
                    marker="osD^v<>ph"[i % 9],
                    markersize=4,
                    label=row.label,
                )
            paper = next((r.name for r in own if r.name in PAPER_FLOPS), None)
            if with_paper and paper:
                lengths = np.array(list(PAPER_FLOPS[paper]))
                values = np.array(list(PAPER_FLOPS[paper].values())) / lengths
                axes.plot(lengths, values, "kx", markersize=9, label="the paper's")
            axes.set(xscale="log", yscale="log", title=f"{block} blocks")
            lengths = [count.length for count in own[0].counts]
            axes.set_xticks(lengths, [f"{n:,}" for n in lengths])
            axes.minorticks_off()
            axes.yaxis.set_major_locator(ticker.LogLocator(subs=(1, 1.5, 2, 3, 5, 7)))
            axes.yaxis.set_major_formatter(ticker.EngFormatter())
            axes.set(xlabel="tokens of a sequence", ylabel="operations a token")
            axes.label_outer()
            axes.grid(alpha=0.3)
        handles = {}
        for axes in panels[0]:
            found = axes.get_legend_handles_labels()
            handles |= dict(zip(found[1], found[0], strict=True))
        panels[0, 0].figure.legend(
            handles.values(), handles, loc="outside right center"
        )
        panels[0, 0].figure.suptitle(title)
