"""Operations by length as tables, printed and written."""

import json
import pathlib

from rich.table import Table

from keras_bigs import files
from keras_bigs.analysis.flop_counts.encoder import PAPER_FLOPS
from keras_bigs.data.tables import write_table


def flops_table(rows, title, with_paper=False):
    """A table of architectures and lengths, for the terminal.

    Args:
        rows: what `flops_by_length` returns.
        title: string.
        with_paper: bool. Whether the paper's `PAPER_FLOPS` follow what they are of:
            BiGS by FFT, and BERT.

    Returns:
        `rich.table.Table`.

    Example:
    ```python
    rows = keras_bigs.analysis.flops_by_length("mini", [128, 1024])
    keras_bigs.analysis.flops_table(rows, "mini")
    ```
    """
    lengths = [count.length for count in rows[0].counts]
    table = Table("block", "routing", title=f"FLOPs of a sequence: {title}")
    for length in lengths:
        table.add_column(f"{length:,}", justify="right")
    table.caption = "A multiply-add is two operations."
    for row in rows:
        counts = (f"{count.total:.2e}" for count in row.counts)
        table.add_row(row.block, row.label, *counts)
        is_papers = (row.name, row.algorithm) in (("BiGS", "fft"), ("BERT", None))
        if with_paper and is_papers:
            values = (PAPER_FLOPS[row.name].get(length) for length in lengths)
            cells = ("" if value is None else f"{value:.1e}" for value in values)
            table.add_row("paper", row.name, *cells, style="bold")
    return table


def write_flops(directory, rows):
    """Writes all counts, with their terms, as `flops.json` and `flops.csv`.

    Args:
        directory: made if need be.
        rows: what `flops_by_length` returns.

    Raises:
        OSError: the directory cannot be written.

    Example:
    ```python
    rows = keras_bigs.analysis.flops_by_length("mini", [128, 1024])
    keras_bigs.analysis.write_flops("flops", rows)
    ```
    """
    directory = pathlib.Path(directory)
    records = [
        {
            "architecture": row.name,
            "block": row.block,
            "routing": row.routing,
            "algorithm": row.algorithm,
            "length": count.length,
            "total": count.total,
            **count.terms,
        }
        for row in rows
        for count in row.counts
    ]
    files.write_text(directory / "flops.json", json.dumps(records, indent=2))
    # Not every routing has all terms.
    names = dict.fromkeys(name for record in records for name in record)
    columns = {name: [record.get(name, 0) for record in records] for name in names}
    write_table(directory / "flops.csv", columns)
