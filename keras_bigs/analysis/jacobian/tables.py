"""Numbers of influence as a table and a file, models side by side."""

import numpy as np
from rich.table import Table

from keras_bigs.analysis.jacobian.measures import influence_shares
from keras_bigs.analysis.jacobian.measures import mean_influence_distance
from keras_bigs.data.tables import write_table


def influence_summary(maps):
    """How much of what moves a token is itself, and from how far the rest comes.

    Args:
        maps: list of `InfluenceMap`.

    Returns:
        A list of dicts, one a map, of its `model`, `kind` and `part`; `own`, the mean
        share of the diagonal, from 0 to 1; and `distance`, see
        `mean_influence_distance`, in tokens.

    Example:
    ```python
    each = keras_bigs.analysis.InfluenceMap(
        "mini", "influence", "encoder", ["the", "fox"], np.eye(2)
    )
    keras_bigs.analysis.influence_summary([each])[0]["own"]  # 1.0
    ```
    """
    return [
        {
            "model": each.model,
            "kind": each.kind,
            "part": each.part,
            "own": float(np.diagonal(influence_shares(each.matrix)).mean()),
            "distance": mean_influence_distance(each.matrix),
        }
        for each in maps
    ]


def influence_table(summary):
    """A summary as a table, one row a part and kind, two columns a model.

    Args:
        summary: what `influence_summary` returns.

    Returns:
        `rich.table.Table`.

    Example:
    ```python
    row = {"model": "mini", "kind": "influence", "part": "encoder"}
    keras_bigs.analysis.influence_table([{**row, "own": 0.5, "distance": 1.0}])
    ```
    """
    models = list(dict.fromkeys(row["model"] for row in summary))
    table = Table("part", "of", title="What moves a token")
    table.caption = (
        "The share that is its own, and from how many tokens away on average"
    )
    for model in models:
        table.add_column(f"{model}\nown", justify="right")
        table.add_column("\ndistance", justify="right")
    cells = {}
    for row in summary:
        numbers = (f"{row['own']:.1%}", f"{row['distance']:.2f}")
        cells.setdefault((row["part"], row["kind"]), {})[row["model"]] = numbers
    for (part, kind), by_model in cells.items():
        numbers = [by_model.get(model, ("", "")) for model in models]
        table.add_row(part, kind, *(cell for pair in numbers for cell in pair))
    return table


def write_influence(path, maps):
    """Writes all numbers as a CSV, one pair of tokens a row.

    Its columns are `model`, `kind`, `part`, `output` and `input` (positions from 0),
    `output_token`, `input_token` and `value`.

    Args:
        path: the file.
        maps: list of `InfluenceMap`.

    Raises:
        OSError: it cannot be written.

    Example:
    ```python
    each = keras_bigs.analysis.InfluenceMap(
        "mini", "influence", "encoder", ["the", "fox"], np.eye(2)
    )
    keras_bigs.analysis.write_influence("influence.csv", [each])
    ```
    """
    rows = [
        (*each[:3], i, j, each.tokens[i], each.tokens[j], value)
        for each in maps
        for (i, j), value in np.ndenumerate(each.matrix)
    ]
    names = ("model", "kind", "part", "output", "input", "output_token", "input_token")
    columns = zip(*rows, strict=True)
    write_table(path, dict(zip((*names, "value"), columns, strict=True)))
