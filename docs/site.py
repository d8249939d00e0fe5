"""Builds the site: guides, recipes with their help, API reference, measurements.

    python -m docs.site
    python -m docs.site --guides build/guides

With `--guides`, the directory of `docs.guides`, guides have their outputs; without they
are text and code. Writes `build/site/site/index.html` and so on.
"""

import concurrent.futures
import dataclasses
import importlib
import inspect
import os
import pathlib
import re
import shutil
import subprocess
import sys

import tyro

from docs import tutobook

ROOT = pathlib.Path(__file__).parents[1]
MODULES = (
    *("models", "layers", "ssm", "data", "training", "analysis", "convert"),
    "errors",
)


@dataclasses.dataclass(kw_only=True)
class Config:
    """Builds the site."""

    output: pathlib.Path = ROOT / "build" / "site"
    """The directory to write to, which is replaced."""
    guides: pathlib.Path | None = None
    """The directory of guides that were run."""


def main(config):
    shutil.rmtree(config.output, ignore_errors=True)
    pages = config.output / "docs"
    pages.mkdir(parents=True)
    settings = (ROOT / "docs" / "zensical.toml").read_text(encoding="utf-8")
    settings = settings.replace("REPOSITORY", str(ROOT))
    (config.output / "zensical.toml").write_text(settings, encoding="utf-8")
    copy_pages(pages)
    write_guides(pages / "guides", config.guides)
    (pages / "recipes" / "commands.md").write_text(commands_page(), encoding="utf-8")
    (pages / "api").mkdir()
    for module in MODULES:
        page = api_page(importlib.import_module(f"keras_bigs.{module}"))
        (pages / "api" / f"{module}.md").write_text(page, encoding="utf-8")
    subprocess.run(
        [sys.executable, "-m", "zensical", "build", "--clean"],
        cwd=config.output,
        check=True,
    )


def copy_pages(pages):
    """The README as the first page, and what it refers to."""
    text = (ROOT / "README.md").read_text(encoding="utf-8")
    (pages / "index.md").write_text(on_the_site(text), encoding="utf-8")
    for name in ("CONTRIBUTING.md", "CITATION.cff"):
        shutil.copy(ROOT / name, pages / name)
    for name in ("benchmarks", "docs", "recipes"):
        keep = shutil.ignore_patterns("*.py", "*.toml", "__pycache__")
        shutil.copytree(ROOT / name, pages / name, ignore=keep)


def write_guides(folder, built):
    """The guides: as they were run, or without outputs."""
    folder.mkdir()
    for path in sorted((ROOT / "guides").glob("*.py")):
        if built is None:
            text = tutobook.to_markdown(tutobook.read_tutobook(path))
        else:
            text = (built / f"{path.stem}.md").read_text(encoding="utf-8")
            pictures = built / f"{path.stem}_files"
            if pictures.exists():
                shutil.copytree(pictures, folder / pictures.name)
        (folder / f"{path.stem}.md").write_text(on_the_site(text), encoding="utf-8")
    for path in (ROOT / "guides").glob("*.md"):
        shutil.copy(path, folder / path.name)


def on_the_site(text):
    """Links to guides lead to their pages."""
    return re.sub(r"\((guides/)?(\w+)\.py\)", r"(\1\2.md)", text)


def commands_page():
    """Each recipe's docstring and help."""
    parts = ["# Commands\n\n`python -m recipes.NAME`, from a clone.\n"]
    names = sorted(path.stem for path in (ROOT / "recipes").glob("[!_]*.py"))
    with concurrent.futures.ThreadPoolExecutor(os.cpu_count()) as pool:
        helps = list(pool.map(help_of, names))
    for name, text in zip(names, helps, strict=True):
        document = inspect.cleandoc(importlib.import_module(f"recipes.{name}").__doc__)
        parts.append(
            f'## {name}\n\n{document}\n\n??? note "`--help`"\n\n    ```text\n'
            + "".join(f"    {line}\n" for line in text.splitlines())
            + "    ```\n"
        )
    return "\n".join(parts)


def help_of(name):
    """What `--help` of a recipe prints."""
    done = subprocess.run(
        [sys.executable, "-m", f"recipes.{name}", "--help"],
        cwd=ROOT,
        env={**os.environ, "COLUMNS": "88", "NO_COLOR": "1"},
        capture_output=True,
        check=True,
        text=True,
    )
    path = str(ROOT / "recipes" / f"{name}.py")
    return done.stdout.replace(path, f"python -m recipes.{name}")


def api_page(module, heading="#", seen=None):
    """The public names of a module, each by where it is defined, then its modules."""
    seen = set() if seen is None else seen
    parts = [
        f"{heading} {module.__name__}\n\n{inspect.cleandoc(module.__doc__ or '')}\n"
    ]
    inside = []
    for public in sorted(getattr(module, "__all__", None) or dir(module)):
        value = getattr(module, public)
        if inspect.ismodule(value) and public in getattr(module, "__all__", ()):
            inside.append(value)
        defined = getattr(value, "__module__", None) or ""
        if public.startswith("_") or not defined.startswith("keras_bigs"):
            continue
        if defined.startswith("keras_bigs.compat") or id(value) in seen:
            continue
        seen.add(id(value))
        parts.append(
            f"::: {defined}.{value.__qualname__}\n    options:\n"
            f"      heading: {public}\n      toc_label: {public}\n"
            f"      heading_level: {len(heading) + 1}\n"
        )
    return "\n".join(parts + [api_page(each, heading + "#", seen) for each in inside])


if __name__ == "__main__":
    main(tyro.cli(Config, use_underscores=True))
