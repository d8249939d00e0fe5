"""The guides run from top to bottom, and are in the form that `docs` reads."""

import os
import pathlib
import subprocess
import sys

import nbformat
import pytest

from docs import tutobook

ROOT = pathlib.Path(__file__).parents[1]
GUIDES = sorted((ROOT / "guides").glob("*.py"))
# One of them in `make test`, without a training.
QUICK = "from_the_original"


@pytest.mark.parametrize(
    "path",
    [
        pytest.param(path, marks=() if path.stem == QUICK else pytest.mark.slow)
        for path in GUIDES
    ],
    ids=lambda path: path.stem,
)
def test_a_guide_runs(path):
    environment = {**os.environ, "MPLBACKEND": "agg", "PYTHONPATH": str(ROOT)}
    done = subprocess.run(
        [sys.executable, path],
        cwd=ROOT,
        env=environment,
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stderr[-3000:]


@pytest.mark.without_backend
@pytest.mark.parametrize("path", GUIDES, ids=lambda path: path.stem)
def test_a_guide_has_a_header_and_sections(path):
    guide = tutobook.read_tutobook(path)
    kinds = [kind for kind, _ in guide.cells]
    assert kinds[0] == "markdown" and "code" in kinds
    # Text that is not at the left margin would be code.
    assert all('"""' not in text for kind, text in guide.cells if kind == "markdown")
    sections = [
        line
        for kind, text in guide.cells
        if kind == "markdown"
        for line in text.splitlines()
        if line.startswith("## ")
    ]
    assert len(sections) >= 3


GUIDE = '''"""
Title: A guide
Author: somebody
Date created: 2026/11/29
Last modified: 2026/11/29
Description: What it is about.
Accelerator: None
"""

"""
## A section

Text.
"""

import sys

x = """
not text
"""


def f():
    """Neither."""
    return 2


"""
More text.
"""
print(f(), "lines")
print("a warning", file=sys.stderr)
'''


@pytest.mark.without_backend
def test_text_and_code(tmp_path):
    (tmp_path / "guide.py").write_text(GUIDE)
    guide = tutobook.read_tutobook(tmp_path / "guide.py")
    assert guide.name == "guide" and guide.header["Title"] == "A guide"
    kinds, texts = zip(*guide.cells, strict=True)
    assert kinds == ("markdown", "code", "markdown", "code")
    assert texts[0] == "## A section\n\nText."
    assert texts[1].startswith("import sys") and texts[1].endswith("return 2")
    (tmp_path / "guide.py").write_text(GUIDE.replace("Author: somebody\n", ""))
    with pytest.raises(ValueError, match="must have the fields Title, Author"):
        tutobook.read_tutobook(tmp_path / "guide.py")


@pytest.mark.without_backend
def test_a_notebook_has_outputs_and_no_warnings(tmp_path):
    (tmp_path / "guide.py").write_text(GUIDE)
    guide = tutobook.read_tutobook(tmp_path / "guide.py")
    tutobook.write(tutobook.run(guide, tmp_path), "guide", tmp_path / "build")
    notebook = nbformat.read(tmp_path / "build" / "guide.ipynb", as_version=4)
    nbformat.validate(notebook)
    outputs = [cell.outputs for cell in notebook.cells if cell.cell_type == "code"]
    assert outputs[0] == []
    assert [output.text for output in outputs[1]] == ["2 lines\n"]
    text = (tmp_path / "build" / "guide.md").read_text()
    assert text.startswith("# A guide\n\nWhat it is about.")
    assert "    2 lines" in text and "a warning" not in text.split("print")[0]


@pytest.mark.without_backend
def test_an_error_in_a_guide_is_one(tmp_path):
    (tmp_path / "guide.py").write_text(GUIDE + "\n1 / 0\n")
    guide = tutobook.read_tutobook(tmp_path / "guide.py")
    with pytest.raises(Exception, match="ZeroDivisionError"):
        tutobook.run(guide, tmp_path)
