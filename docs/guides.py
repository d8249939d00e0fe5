"""Runs guides and writes them as notebooks and Markdown, with their outputs.

    python -m docs.guides
    python -m docs.guides getting_started inside_bigs --output build/guides

`KERAS_BACKEND` says on which backend.
"""

import dataclasses
import pathlib
import shutil
import time
from typing import Annotated

import tyro
from rich.console import Console

from docs import tutobook

ROOT = pathlib.Path(__file__).parents[1]


@dataclasses.dataclass(kw_only=True)
class Config:
    """Runs guides and writes them as notebooks and Markdown."""

    names: Annotated[tuple[str, ...], tyro.conf.Positional] = ()
    """The guides, such as getting_started. Default: all."""
    output: pathlib.Path = ROOT / "build" / "guides"
    """The directory to write to."""


def main(config):
    console = Console(markup=False, highlight=False)
    paths = sorted((ROOT / "guides").glob("*.py"))
    known = {path.stem: path for path in paths}
    unknown = sorted(set(config.names) - set(known))
    if unknown:
        raise SystemExit(f"No such guides: {unknown}. There are {sorted(known)}.")
    for name in config.names or known:
        start = time.monotonic()
        with console.status(f"Running {name}"):
            guide = tutobook.read_tutobook(known[name])
            tutobook.write(tutobook.run(guide, ROOT), name, config.output)
        console.print(f"{name}: {time.monotonic() - start:.0f} s")
    for path in (ROOT / "guides").glob("*.md"):  # that they have links to
        shutil.copy(path, config.output / path.name)
    console.print(f"Written to {config.output}")


if __name__ == "__main__":
    main(tyro.cli(Config, use_underscores=True))
