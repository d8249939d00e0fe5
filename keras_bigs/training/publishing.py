"""Presets to give away: weights in 16 bits, and a model card."""

import json
import pathlib
import shutil

import h5py
import numpy as np

from keras_bigs import files
from keras_bigs.errors import ConfigError
from keras_bigs.training.report import read_history


def publish(run, output, name, data, license="Apache 2.0", sequence_length=None):
    """Copies the preset of a finished run, halves its weights and adds a model card.

    Weights are stored as float16; models load them into the dtype of their policy.

    Args:
        run: the directory that `pretrain_masked_lm` wrote.
        output: the directory to write.
        name: string. What the preset is called, for the card.
        data: string. What it was trained on, for the card.
        license: string. Of the weights, for the card.
        sequence_length: int. The tokens to which preprocessors of the preset pack
            texts, unless they are told otherwise; `None` for all that the model takes.

    Returns:
        A float: the largest change of a weight, relative to itself, or to 1e-4 if that
        is more.

    Raises:
        ConfigError: the run is not finished or not of pretraining, `output` has
            something in it, a weight is too large for float16, or the model does not
            take so many tokens.
    """
    run = pathlib.Path(run)
    if not (run / "results.json").exists():
        raise ConfigError(f"{run} is not finished: no results.json.")
    if not read_history(run):
        raise ConfigError(
            f"{run} has no history.csv with tokens: only what `recipes.pretrain` or "
            "`recipes.extend` has made is published. Upload the preset/ of other runs "
            "by `keras_hub.upload_preset`."
        )
    longest = _sizes(run)["max_sequence_length"]
    if sequence_length is not None and not 4 <= sequence_length <= longest:
        raise ConfigError(
            f"`sequence_length` must be from 4 to the {longest} tokens that the model "
            f"takes. Received: sequence_length={sequence_length}"
        )
    if (
        sequence_length is not None
        and _read(run, "preset/task.json")["config"].get("preprocessor") is None
    ):
        raise ConfigError(
            f"{run / 'preset'} has no preprocessor to set the `sequence_length` of. "
            f"Leave it out. Received: sequence_length={sequence_length}"
        )
    files.require_new(output)
    with files.atomic_write(output) as temporary:
        shutil.copytree(run / "preset", temporary)
        if sequence_length is not None:
            set_sequence_length(temporary, sequence_length)
        change = max(halve(path) for path in temporary.glob("*.h5"))
        card = model_card(run, name, data, license, sequence_length)
        (temporary / "README.md").write_text(card, encoding="utf-8")
    return change


def set_sequence_length(preset, sequence_length):
    """Makes preprocessors of a preset pack texts to another length."""
    for name in ("preprocessor.json", "task.json"):
        path = preset / name
        saved = json.loads(path.read_text(encoding="utf-8"))
        preprocessor = saved["config"].get("preprocessor", saved)
        preprocessor["config"]["sequence_length"] = sequence_length
        path.write_text(json.dumps(saved, indent=4), encoding="utf-8")


def halve(path):
    """Stores the float32 arrays of an HDF5 file as float16.

    Args:
        path: `pathlib.Path`, which is replaced.

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
                    raise ConfigError(f"{path}: {name} has values beyond float16.")
                scale = np.maximum(np.abs(array), 1e-4)
                change = np.abs(half.astype("float32") - array) / scale
                worst, array = max(worst, float(change.max(initial=0))), half
            new.create_dataset(name, data=array).attrs.update(item.attrs)

        new.attrs.update(old.attrs)
        old.visititems(copy)
    path.with_suffix(".tmp").replace(path)
    return worst


def model_card(run, name, data, license, sequence_length=None):
    """How a model was made and how well it does, in Markdown; see `publish`."""
    results, sizes = _read(run, "results.json"), _sizes(run)
    packing = ""
    if sequence_length not in (None, sizes["max_sequence_length"]):
        packing = (
            f" Texts are packed to {sequence_length} unless\n"
            "`task.preprocessor.sequence_length` is set to more."
        )
    runs = stages_of(run)
    stages = "\n".join(_stage(each, i > 0) for i, each in enumerate(runs))
    kind = "A language encoder"
    if (sizes["block"], sizes["routing"]) == ("gated", "ssm"):
        kind = "A BiGS language encoder, without attention"
    return f"""# {name}

{kind} (Wang et al. 2023, "Pretraining Without
Attention"): {sizes["num_layers"]} layers of width {sizes["hidden_dim"]}, block
`{sizes["block"]}`, routing `{sizes["routing"]}`, {results["parameters"]:,} parameters,
a vocabulary of {sizes["vocabulary_size"]:,} WordPieces and inputs of up to
{sizes["max_sequence_length"]} tokens.{packing} Weights are stored as float16.

```python
import keras_bigs

masked_lm = keras_bigs.models.BiGSMaskedLM.from_preset("{name}")
masked_lm.fill_mask("The old [MASK] was very happy.")
```

## How it was made

On {data}:

{stages}

{_held_out(results)}

## What it is for

Filling masks, and fine-tuning on tasks of one's own. What it knows is what its texts
hold: of a few million words mostly how words go together, and few facts; and whatever
bias they have. Nothing was done to remove any.

Licence: {license}.
"""


def _held_out(results):
    if "val_loss" not in results:
        return "It was not evaluated on held-out texts."
    return f"""| on held-out texts | |
|---|---:|
| masked LM loss (nats) | {results["val_loss"]:.3f} |
| accuracy of masked tokens | {results["val_accuracy"]:.3f} |"""


def stages_of(run):
    """The runs that made a model, from the first to the last.

    Those before are found where `recipes.extend` started from the preset of a run that
    is still there.
    """
    start = _read(run, "config.json").get("start")
    if start is None:
        return [run]
    before = pathlib.Path(start).parent
    is_run = pathlib.Path(start).name == "preset" and read_history(before)
    return [*(stages_of(before) if is_run else []), run]


def _stage(run, goes_on):
    """A line of the card; `goes_on` where the line before is of what it began with."""
    options, results = _read(run, "config.json"), _read(run, "results.json")
    # Runs of version 0.1 counted it, and have no tokens in their history.
    counted = "not counted" if read_history(run) else "counted"
    recipe = "pretrain`"
    if "start" in options:
        recipe = "extend` of that" if goes_on else f"extend` from `{options['start']}`"
    details = [
        f"{label} {options[name]}"
        for name, label in (
            ("learning_rate", "AdamW at"),
            ("decay", "decay:"),
            ("dtype", "dtype:"),
            ("seed", "seed"),
            ("backend", "backend:"),
        )
        if name in options
    ]
    if options.get("final_layer_norm"):
        details.append("with a final layer norm")
    return (
        f"- `recipes.{recipe}: {results['tokens']:,} tokens (padding {counted}), in "
        f"{options['steps']:,} steps of {options['batch_size']} sequences of up to "
        f"{_sizes(run)['max_sequence_length']} tokens. {'; '.join(details)}."
    )


def _read(run, name):
    return json.loads((run / name).read_text(encoding="utf-8"))


def _sizes(run):
    return _read(run, "preset/config.json")["config"]
