"""Tables of results, on the console and as Markdown."""

from rich.console import Console


def show(table):
    """Prints a table: names such as `[a]` as they are, and into a file unwrapped."""
    console = Console(markup=False, highlight=False)
    if not console.is_terminal:
        console.width = 250
    console.print(table)


def markdown(table):
    """A rich table as Markdown."""
    lines = [[str(column.header) for column in table.columns]]
    lines.append(["---"] * len(table.columns))
    lines += zip(*(column.cells for column in table.columns), strict=True)
    rows = "\n".join(f"| {' | '.join(line)} |" for line in lines)
    return f"{table.title}\n\n{rows}\n\n{table.caption or ''}\n"
