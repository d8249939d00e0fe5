"""Figures of which token moved which."""

import numpy as np

from keras_bigs.analysis.jacobian.measures import influence_by_position
from keras_bigs.analysis.jacobian.measures import influence_shares
from keras_bigs.training.figures import figure
from keras_bigs.training.figures import legend_below


def plot_influence(paths, maps):
    """Draws maps over the tokens of a text, one row a model and kind.

    Each row of a map is divided by its sum: what an output is moved by, in shares, as
    attention probabilities are. Colours go with the root of a share, so that small ones
    can be seen.

    Args:
        paths: the pictures, as for `keras_bigs.training.figure`.
        maps: list of `InfluenceMap`.

    Raises:
        ImportError: there is no Matplotlib.

    Example:
    ```python
    each = keras_bigs.analysis.InfluenceMap(
        "mini", "influence", "encoder", ["the", "fox"], np.eye(2)
    )
    keras_bigs.analysis.plot_influence(["influence.png"], [each])
    ```
    """
    rows = {}
    for each in maps:
        rows.setdefault((each.model, each.kind), []).append(each)
    rows = list(rows.values())
    columns = max(map(len, rows))
    side = 0.4 + 0.11 * max(len(each.tokens) for each in maps)
    size = (side * columns + 1.8, (side + 0.9) * len(rows))
    with figure(
        *paths, nrows=len(rows), ncols=columns, squeeze=False, figsize=size
    ) as axes:
        from matplotlib.colors import PowerNorm

        norm = PowerNorm(0.5, 0, 1)
        for i, row in enumerate(rows):
            for panel in axes[i, len(row) :]:
                panel.set_axis_off()
            # The next row has the same tokens, as far as it goes.
            below = rows[i + 1] if i + 1 < len(rows) else []
            labelled = len(below) if below and below[0].model == row[0].model else 0
            for j, (panel, each) in enumerate(zip(axes[i], row, strict=False)):
                shares = influence_shares(each.matrix)
                picture = panel.imshow(shares, cmap="viridis", norm=norm)
                panel.set_title(f"{each.kind}, {each.part}", fontsize=8)
                panel.tick_params(labelsize=6)
                ticks = range(len(each.tokens))
                panel.set_yticks(ticks if j == 0 else [])
                panel.set_xticks(ticks if j >= labelled else [])
                if j == 0:
                    panel.set_yticklabels(each.tokens)
                    panel.set_ylabel(f"{each.model}\ntoken", fontsize=8)
                if j >= labelled:
                    panel.set_xticklabels(each.tokens, rotation=90)
            panel.set_xlabel("moved by", fontsize=8)
        label = "share of all that moves a token"
        axes[0, 0].figure.colorbar(picture, ax=axes, label=label, aspect=40)


def plot_influence_by_position(paths, maps):
    """Draws the effective receptive field of whole encoders, one line a model.

    Args:
        paths: the pictures, as for `keras_bigs.training.figure`.
        maps: list of `InfluenceMap`; those of `"encoder"` are drawn, in shares.

    Raises:
        ImportError: there is no Matplotlib.

    Example:
    ```python
    each = keras_bigs.analysis.InfluenceMap(
        "mini", "influence", "encoder", ["the", "fox"], np.eye(2) + 0.1
    )
    keras_bigs.analysis.plot_influence_by_position(["field.png"], [each])
    ```
    """
    with figure(*paths, figsize=(6, 4)) as axes:
        for each in maps:
            if each.part != "encoder":
                continue
            field = influence_by_position(influence_shares(each.matrix))
            length = len(each.tokens)
            axes.semilogy(np.arange(1 - length, length), field, ".-", label=each.model)
        axes.set(
            xlabel="relative position of the token that moves (tokens)",
            ylabel="mean share of influence",
        )
        axes.grid(alpha=0.3)
        legend_below(axes)
