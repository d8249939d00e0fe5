"""Tutobooks: guides that are Python scripts, in the form of keras.io.

Text is in strings that stand by themselves at the left margin, in Markdown; all else is
code. The first string is the header, a line a field.
"""

import ast
import dataclasses
import pathlib

import nbclient
import nbconvert
import nbformat

FIELDS = (
    "Title",
    "Author",
    "Date created",
    "Last modified",
    "Description",
    "Accelerator",
)


@dataclasses.dataclass(frozen=True)
class Tutobook:
    """A guide.

    Attributes:
        name: the name of its file, without `.py`.
        header: dict of `FIELDS`, in their order.
        cells: list of `(kind, text)`, where `kind` is `"markdown"` or `"code"`.
    """

    name: str
    header: dict[str, str]
    cells: list[tuple[str, str]]

    @property
    def title(self):
        """What stands above the text, in Markdown: title and description."""
        return f"# {self.header['Title']}\n\n{self.header['Description']}"


def read_tutobook(path):
    """Takes a guide apart.

    Args:
        path: of the Python file.

    Returns:
        `Tutobook`.

    Raises:
        ValueError: the header lacks a field, or has one that is not known.
    """
    path = pathlib.Path(path)
    source = path.read_text(encoding="utf-8")
    lines = source.splitlines()
    cells, end = [], 0
    for node in ast.parse(source).body:
        if _is_text(node):
            cells.append(("code", lines[end : node.lineno - 1]))
            cells.append(("markdown", node.value.value.splitlines()))
            end = node.end_lineno
    cells.append(("code", lines[end:]))
    cells = [(kind, "\n".join(text).strip("\n")) for kind, text in cells]
    cells = [(kind, text) for kind, text in cells if text.strip()]
    header = dict(line.split(": ", 1) for line in cells[0][1].splitlines())
    if tuple(header) != FIELDS:
        raise ValueError(
            f"The header of {path} must have the fields {', '.join(FIELDS)}, in this "
            f"order. Received: {', '.join(header)}"
        )
    return Tutobook(path.stem, header, cells[1:])


def to_markdown(tutobook):
    """A guide as it is, without having been run: text, and code in fences."""
    parts = [tutobook.title]
    for kind, text in tutobook.cells:
        parts.append(f"```python\n{text}\n```" if kind == "code" else text)
    return "\n\n".join(parts) + "\n"


def run(tutobook, folder, timeout=1800):
    """Runs a guide in a new kernel, cell by cell.

    Args:
        tutobook: `Tutobook`.
        folder: where to run it: the root of the repository.
        timeout: int. The most seconds that a cell may take.

    Returns:
        A notebook (`nbformat.NotebookNode`) with all outputs, but what was written to
        stderr, which is for the terminal: start-up notices and warnings.

    Raises:
        nbclient.exceptions.CellExecutionError: a cell raised an error.
    """
    v4 = nbformat.v4
    make = {"markdown": v4.new_markdown_cell, "code": v4.new_code_cell}
    cells = [("markdown", tutobook.title), *tutobook.cells]
    notebook = v4.new_notebook(cells=[make[kind](text) for kind, text in cells])
    notebook.metadata["kernelspec"] = {"name": "python3", "display_name": "Python 3"}
    resources = {"metadata": {"path": str(folder)}}
    nbclient.NotebookClient(notebook, timeout=timeout, resources=resources).execute()
    for index, cell in enumerate(notebook.cells):
        # Identifiers are drawn at random: with these, equal runs are equal files.
        cell["id"] = f"cell-{index}"
        # When each cell ran.
        cell.metadata.pop("execution", None)
        if cell.cell_type == "code":
            cell.outputs = [o for o in cell.outputs if o.get("name") != "stderr"]
    return notebook


def write(notebook, name, folder):
    """Writes `NAME.ipynb`, and `NAME.md` with its pictures in `NAME_files`.

    Args:
        notebook: as `run` returns.
        name: string.
        folder: `pathlib.Path`; made if it is not there.
    """
    folder.mkdir(parents=True, exist_ok=True)
    nbformat.write(notebook, folder / f"{name}.ipynb")
    exporter = nbconvert.MarkdownExporter()
    resources = {"unique_key": name, "output_files_dir": f"{name}_files"}
    text, resources = exporter.from_notebook_node(notebook, resources)
    writer = nbconvert.writers.FilesWriter(build_directory=str(folder))
    writer.write(text, resources, notebook_name=name)


def _is_text(node):
    return (
        isinstance(node, ast.Expr)
        and isinstance(node.value, ast.Constant)
        and isinstance(node.value.value, str)
    )
