"""Makes a small preset to give away: weights in 16 bits, and a model card.

    python -m recipes.publish runs/bigs --name bigs_mini_en_uncased --output mini

Copies the preset of a finished run of `recipes.pretrain` with its weights stored as
float16, which halves the files; models load them into the dtype of their policy. The
largest rounding of a weight is reported. The card says how the model was made and how
well it does, from the run's `config.json` and `results.json`.
"""

import json
import pathlib
import shutil
from dataclasses import dataclass
from typing import Annotated

import h5py
import numpy as np
import tyro
from rich.console import Console

from keras_bigs import errors
from keras_bigs import files


@dataclass
class Config:
    """Makes a small preset to give away."""

    run: Annotated[pathlib.Path, tyro.conf.Positional]
    """The output directory of a finished run."""
    name: str
    """What the preset is called."""
    output: pathlib.Path
    """The directory to write."""
    data: str = "the texts that its owner gave"
    """What it was trained on, for the card."""
    license: str = "Apache 2.0"
    """Of the weights, for the card."""


def main(config: Config):
    if not (config.run / "results.json").exists():
        raise errors.ConfigError(f"{config.run} is not finished: no results.json.")
    files.require_new(config.output)
    with files.atomic_write(config.output) as temporary:
        shutil.copytree(config.run / "preset", temporary)
        error = max(halve(path) for path in temporary.glob("*.h5"))
        (temporary / "README.md").write_text(card(config), encoding="utf-8")
    size = sum(path.stat().st_size for path in config.output.rglob("*"))
    console = Console()
    console.print(f"Wrote {config.output}, {size / 1e6:.1f} MB.")
    console.print(
        f"No weight changed by more than {error:.2g} of itself, or of 1e-4 if that is "
        "more."
    )


def halve(path):
    """Stores the float32 arrays of an HDF5 file as float16.

    Returns:
        The largest change of a value, relative to itself or to 1e-4 if that is more.

    Raises:
        ConfigError: a value is too large for float16.
    """
    worst = 0.0
    with h5py.File(path) as old, h5py.File(path.with_suffix(".tmp"), "w") as new:

        def copy(name, item):
            nonlocal worst
            if isinstance(item, h5py.Group):
                new.require_group(name).attrs.update(item.attrs)
                return
            array = item[()]
            if array.dtype == "float32":
                with np.errstate(over="ignore"):
                    half = array.astype("float16")
                if not np.isfinite(half).all():
                    raise errors.ConfigError(f"{name} has values beyond float16.")
                scale = np.maximum(np.abs(array), 1e-4)
                change = np.abs(half.astype("float32") - array) / scale
                worst, array = max(worst, float(change.max(initial=0))), half
            new.create_dataset(name, data=array).attrs.update(item.attrs)

        new.attrs.update(old.attrs)
        old.visititems(copy)
    path.with_suffix(".tmp").replace(path)
    return worst


def card(config):
    """The model card."""
    options = json.loads((config.run / "config.json").read_text(encoding="utf-8"))
    results = json.loads((config.run / "results.json").read_text(encoding="utf-8"))
    backbone = json.loads((config.run / "preset/config.json").read_text("utf-8"))
    sizes = backbone["config"]
    recipe = "extend" if "start" in options else "pretrain"
    return f"""# {config.name}

A BiGS language encoder without attention (Wang et al. 2023, "Pretraining Without
Attention"): {sizes["num_layers"]} layers of width {sizes["hidden_dim"]}, block
`{sizes["block"]}`, routing `{sizes["routing"]}`, {results["parameters"]:,} parameters,
a vocabulary of {sizes["vocabulary_size"]:,} WordPieces and inputs of up to
{sizes["max_sequence_length"]} tokens. Weights are stored as float16.

```python
import keras_bigs

masked_lm = keras_bigs.models.BiGSMaskedLM.from_preset("{config.name}")
masked_lm.fill_mask("The old [MASK] was very happy.")
```

## How it was made

`recipes.{recipe}` on {config.data}: {results["tokens"]:,} tokens, padding included, in
{options["steps"]:,} steps of {options["batch_size"]} sequences; AdamW at
{options["learning_rate"]}, {options["decay"]} decay, {options["dtype"]}, seed
{options["seed"]}, {results["backend"]}.

| on held-out texts | |
|---|---:|
| masked LM loss (nats) | {results.get("val_loss", float("nan")):.3f} |
| accuracy of masked tokens | {results.get("val_accuracy", float("nan")):.3f} |

## What it is for

Trying things out, teaching, tests, and fine-tuning where a small model is enough. It
has seen little text: expect it to know words and grammar rather than facts, and to
repeat whatever bias its texts have. Nothing was done to remove any.

Licence: {config.license}.
"""


if __name__ == "__main__":
    errors.run(lambda arguments: main(tyro.cli(Config, args=arguments)))
