"""Tries each installation of the package in a fresh environment.

    python -m docs.installations
    python -m docs.installations none torch

Builds a wheel of the working tree. For each extra it makes a virtual environment,
installs the wheel with that extra by `constraints.txt`, and runs commands there, in a
directory that has copies of `recipes` and `guides` but not the package. Prints a table
of `docs/installation.md`: megabytes, seconds to install, what ran.
"""

import dataclasses
import os
import pathlib
import shutil
import subprocess
import sys
import tempfile
import time
from typing import Annotated

import tyro
from rich.console import Console

ROOT = pathlib.Path(__file__).parents[1]

MODELS = """
import keras_bigs

masked_lm = keras_bigs.models.BiGSMaskedLM.from_preset("bigs_mini_en_uncased")
assert len(masked_lm.fill_mask("He [MASK].", top_k=3)[0]) == 3
classifier = keras_bigs.models.BiGSTextClassifier.from_preset(
    "bigs_mini_en_uncased", num_classes=2
)
texts = ["a gripping film", "two hours of nothing"]
classifier.fit(texts, [1, 0], verbose=0)
assert classifier.predict(texts, verbose=0).shape == (2, 2)
"""

FIGURE = """
import pathlib
import tensorboard
from keras_bigs.training import figure

with figure("loss.png") as axes:
    axes.plot([3.1, 2.4, 2.2])
assert pathlib.Path("loss.png").stat().st_size > 1000
"""

IMPORTS = """
import importlib, sys

for name in sys.argv[1:]:
    importlib.import_module(name)
"""

BUCKET = """
from keras_bigs import files

assert type(files.as_path("gs://bucket/texts")).__module__.startswith("etils")
"""

NOT_PREPARED = """
from keras_bigs.data import tfds
from keras_bigs.errors import DataError

try:
    tfds.open_builder("glue/cola", "train", "nowhere")
except DataError as error:
    assert "nothing is prepared" in str(error), error
else:
    raise AssertionError
"""

FILMS = "sentence\tlabel\n" + "a gripping film\tgood\ntwo hours of nothing\tbad\n" * 8
BOOK = "\n".join(f"The {n} old men sat by the sea.\n" for n in range(1000))


CLASSIFY = (
    *("-m", "recipes.classify", "--train", "films.tsv", "--eval", "films.tsv"),
    *("--text", "sentence", "--label", "label", "--epochs", "1"),
    *("--model", "bigs_mini_en_uncased", "--sequence_length", "16"),
    *("--output", "classifier"),
)
PREPARE = (
    *("-m", "recipes.prepare", "book.txt", "--vocabulary_size", "200"),
    *("--output", "shards"),
)


def export(format):
    """The export of what `CLASSIFY` trains, which is run and compared with Keras."""
    return (
        *("-m", "recipes.export", "classifier/preset", "--format", format),
        *("--output", format),
    )


@dataclasses.dataclass(frozen=True)
class Installation:
    """What is installed, and what must run where nothing else is.

    Attributes:
        extra: of the package, or `""`.
        backend: Keras' backend.
        shows: what the commands show, in words.
        commands: arguments of Python.
        others: packages that are installed too.
        without: packages that are taken away again.
    """

    extra: str
    backend: str
    shows: str
    commands: tuple[tuple[str, ...], ...]
    others: tuple[str, ...] = ()
    without: tuple[str, ...] = ()


STRINGS = "`fill_mask`, `fit` and `predict` on raw strings"

INSTALLATIONS = {
    "none": Installation("", "tensorflow", STRINGS, (("-c", MODELS),)),
    "none_torch": Installation(
        *("", "torch", f"{STRINGS}, without TensorFlow", (("-c", MODELS),)),
        others=("grain", "torch"),
        without=("tensorflow", "tensorflow-text"),
    ),
    "jax": Installation(
        *("jax", "jax", "`guides/getting_started.py`"),
        (("guides/getting_started.py",),),
    ),
    "tensorflow": Installation("tensorflow", "tensorflow", STRINGS, (("-c", MODELS),)),
    "torch": Installation("torch", "torch", STRINGS, (("-c", MODELS),)),
    "training": Installation(
        *("training", "jax", "`recipes.prepare`, `recipes.classify`"),
        (PREPARE, CLASSIFY),
    ),
    "plot": Installation("plot", "tensorflow", "a figure", (("-c", FIGURE),)),
    "gcs": Installation("gcs", "jax", "a bucket's paths", (("-c", BUCKET),)),
    "tfds": Installation("tfds", "jax", "a data set's name", (("-c", NOT_PREPARED),)),
    "beam": Installation(
        *("beam", "jax", "`recipes.prepare --beam`"),
        ((*PREPARE, "--beam", "runner=DirectRunner"),),
    ),
    "onnx": Installation(
        "onnx,training",
        "tensorflow",
        "`recipes.export` to ONNX",
        (CLASSIFY, export("onnx")),
    ),
    "export": Installation(
        *("export,training", "tensorflow", "`recipes.export` to ONNX and OpenVINO"),
        (CLASSIFY, export("onnx"), export("openvino")),
    ),
    "guides": Installation(
        *("guides", "jax", "its packages"),
        (("-c", IMPORTS, "ipykernel", "litserve", "nbclient", "nbconvert"),),
    ),
    "docs": Installation(
        *("docs", "jax", "its packages"),
        (("-c", IMPORTS, "mkdocstrings_handlers.python", "zensical"),),
    ),
    "tpu": Installation(
        *("tpu", "jax", "`recipes.plan`"),
        (
            (
                *("-m", "recipes.plan", "tiny", "--topology", "v5e:2x2"),
                *("--length", "128", "--batch_size", "8", "--no_estimate_time"),
            ),
        ),
    ),
}


@dataclasses.dataclass(kw_only=True)
class Config:
    """Tries each installation of the package in a fresh environment."""

    names: Annotated[tuple[str, ...], tyro.conf.Positional] = ()
    """Which installations. Default: all."""


def main(config):
    console = Console(markup=False, highlight=False, stderr=True)
    unknown = sorted(set(config.names) - set(INSTALLATIONS))
    if unknown:
        raise SystemExit(f"No such installation: {unknown} of {list(INSTALLATIONS)}.")
    with tempfile.TemporaryDirectory() as directory:
        directory = pathlib.Path(directory)
        # A copy: setuptools puts into a wheel what an earlier build has left.
        kept_out = shutil.ignore_patterns(".*", "build", "runs", "*.egg-info")
        shutil.copytree(ROOT, directory / "source", ignore=kept_out)
        run(
            *(sys.executable, "-m", "pip", "wheel", "--quiet", "--no-deps"),
            *("--wheel-dir", directory, directory / "source"),
            cwd=directory,
        )
        (wheel,) = directory.glob("*.whl")
        print("| installation | MB | install, s | backend | what ran |")
        print("|---|---:|---:|---|---|", flush=True)
        for name in config.names or INSTALLATIONS:
            with console.status(name):
                print(tried(INSTALLATIONS[name], wheel, directory / name), flush=True)


def tried(installation, wheel, directory):
    """Installs and runs: a row of the table."""
    for name in ("recipes", "guides"):
        shutil.copytree(ROOT / name, directory / name)
    (directory / "films.tsv").write_text(FILMS, encoding="utf-8")
    (directory / "book.txt").write_text(BOOK, encoding="utf-8")
    environment = directory / "environment"
    run(sys.executable, "-m", "venv", environment, cwd=directory)
    python = environment / ("Scripts" if os.name == "nt" else "bin") / "python"
    extra = f"[{installation.extra}]" if installation.extra else ""
    constraints = ("--quiet", "-c", ROOT / "constraints.txt")
    start = time.monotonic()
    # PyTorch by itself first: its exact version, before anything asks for a newer one.
    if "torch" in (installation.extra, *installation.others):
        run(python, "-m", "pip", "install", *constraints, "torch", cwd=directory)
    run(
        *(python, "-m", "pip", "install", *constraints),
        *(f"{wheel}{extra}", *installation.others),
        cwd=directory,
    )
    if installation.without:
        run(
            python, "-m", "pip", "uninstall", "-y", *installation.without, cwd=directory
        )
    seconds = time.monotonic() - start
    size = sum(p.stat().st_size for p in environment.rglob("*") if p.is_file())
    for command in installation.commands:
        run(python, *command, cwd=directory, KERAS_BACKEND=installation.backend)
    shutil.rmtree(environment)
    what = " + ".join((f"`keras-bigs{extra}`", *installation.others))
    what += "".join(f" − {name}" for name in installation.without)
    return (
        f"| {what} | {size / 1e6:,.0f} | {seconds:.0f} | "
        f"{installation.backend} | {installation.shows} |"
    )


def run(*command, cwd, **environment):
    """Runs a command in silence; what it said is shown if it fails."""
    done = subprocess.run(
        list(map(str, command)),
        cwd=cwd,
        env=os.environ | environment,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        encoding="utf-8",
        errors="replace",
    )
    if done.returncode:
        command = " ".join(map(str, command))
        raise SystemExit(f"{done.stdout[-5000:]}\n{command}: rc {done.returncode}")


if __name__ == "__main__":
    main(tyro.cli(Config, use_underscores=True))
