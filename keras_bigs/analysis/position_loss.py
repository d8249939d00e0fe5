"""How well masked tokens are found, by where in the text they are."""

from typing import NamedTuple

import keras
import numpy as np
from keras import ops
from rich.progress import track
from rich.table import Table

from keras_bigs.errors import ConfigError
from keras_bigs.errors import DataError
from keras_bigs.models.row_prediction import predict_batches
from keras_bigs.training.figures import figure
from keras_bigs.training.figures import legend_below


class PositionLoss(NamedTuple):
    """The masked LM loss in one part of all texts.

    Attributes:
        start: int. The first position of the part; `[CLS]` is 0.
        stop: int. The one after the last.
        count: int. How many masked tokens there are.
        loss: float. Their mean loss, in nats.
        error: float. The standard error of that mean, tokens taken as independent.

    Example:
    ```python
    part = keras_bigs.analysis.PositionLoss(0, 64, count=900, loss=3.9, error=0.1)
    part.loss - 1.96 * part.error
    ```
    """

    start: int
    stop: int
    count: int
    loss: float
    error: float


def held_out_batch(folder, most=None):
    """The held-out texts of a folder of shards, masked as for pretraining.

    Args:
        folder: `keras_bigs.data.ShardFolder`.
        most: int. How many at most, drawn at random. Default: all.

    Returns:
        `(x, y, sample_weight)` as `PretrainingBatches.batch` returns.

    Raises:
        DataError: it has no held-out texts.

    Example:
    ```python
    folder = keras_bigs.data.open_shard_folder("shards")
    x, y, sample_weight = keras_bigs.analysis.held_out_batch(folder, most=8)
    ```
    """
    number = folder.batches("validation", 1, folder.masking).num_examples
    if most is not None:
        number = min(most, number)
    return folder.batches("validation", number, folder.masking).batch(0)


def check_length(masked_lm, batch, name):
    """Finds out whether a model takes texts of a length, before any work.

    Args:
        masked_lm: as for `loss_by_position`.
        batch: as for `loss_by_position`.
        name: what an error calls the model.

    Raises:
        ConfigError: it takes fewer tokens.

    Example:
    ```python
    masked_lm = keras_bigs.models.BiGSMaskedLM.from_preset("bigs_mini_en_uncased")
    folder = keras_bigs.data.open_shard_folder("shards")
    batch = keras_bigs.analysis.held_out_batch(folder)
    keras_bigs.analysis.check_length(masked_lm, batch, "mini")
    ```
    """
    length = batch[0]["token_ids"].shape[1]
    longest = getattr(masked_lm.backbone, "max_sequence_length", None)
    if longest is not None and longest < length:
        raise ConfigError(
            f"The texts have {length} tokens, and {name} takes {longest}. "
            "Prepare shorter ones, or extend it by `recipes.extend`."
        )


def loss_by_position(masked_lm, batch, parts=8, batch_size=32, progress=False):
    """The masked LM loss by the position of the masked token.

    What a model gains from more context shows in texts that have it: only those that
    reach into the last part count, so that all parts are of the same texts. At the
    beginning of a text there is context on the right, at its end on the left, in the
    middle on both sides.

    Args:
        masked_lm: a masked language model, such as `BiGSMaskedLM`, that maps
            `token_ids`, `segment_ids`, `padding_mask` and `mask_positions` to logits of
            the masked positions.
        batch: `(x, y, sample_weight)` as `PretrainingBatches.batch` returns, of all
            texts: `(n, length)` and `(n, predictions)`. For several models the same.
        parts: int. Into how many, of about equal length, texts are divided.
        batch_size: int. The texts that are computed at once.
        progress: bool. Whether to show how far it is.

    Returns:
        A list of `PositionLoss`, in the order of the text.

    Raises:
        DataError: no text reaches into the last part, or a part has less than two
            masked tokens.
        ConfigError: the model takes fewer tokens; `parts` or `batch_size` is below 1.

    Example:
    ```python
    folder = keras_bigs.data.open_shard_folder("shards")
    batch = keras_bigs.analysis.held_out_batch(folder)
    backbone = keras_bigs.models.BiGSBackbone(len(folder.vocabulary), 2, 32, 96)
    masked_lm = keras_bigs.models.BiGSMaskedLM(backbone)  # or one that was trained
    keras_bigs.analysis.loss_by_position(masked_lm, batch, parts=2)
    ```
    """
    if parts < 1 or batch_size < 1:
        raise ConfigError(
            "`parts` and `batch_size` must be at least 1. Received: "
            f"parts={parts}, batch_size={batch_size}"
        )
    check_length(masked_lm, batch, masked_lm.name)
    x, y, weight = batch
    length = x["token_ids"].shape[1]
    edges = np.linspace(0, length, parts + 1).round().astype(int)
    long = np.flatnonzero(x["padding_mask"][:, edges[-2]])
    if not len(long):
        raise DataError(
            f"None of {len(weight)} texts has more than {edges[-2]} tokens. Prepare "
            "longer ones, or shorter sequences."
        )
    losses = _losses(masked_lm, x, y, long, batch_size, progress)
    is_masked = weight[long] > 0
    losses, positions = losses[is_masked], x["mask_positions"][long][is_masked]
    found = []
    for start, stop in zip(edges[:-1], edges[1:], strict=True):
        own = losses[(start <= positions) & (positions < stop)]
        if len(own) < 2:
            raise DataError(
                f"{len(own)} masked tokens are between positions {start} and {stop}. "
                f"Take more texts, or fewer parts. Received: parts={parts}"
            )
        mean, error = own.mean(), own.std(ddof=1) / np.sqrt(len(own))
        found.append(
            PositionLoss(int(start), int(stop), len(own), float(mean), float(error))
        )
    return found


def _losses(masked_lm, x, y, rows, batch_size, progress):
    """`(len(rows), predictions)`, float64, in nats; noise where nothing is masked."""
    losses, y = np.empty((len(rows), y.shape[1])), y[rows]
    inputs = {name: array[rows] for name, array in x.items()}
    batches = track(
        predict_batches(masked_lm, inputs, batch_size),
        masked_lm.name,
        total=-(-len(rows) // batch_size),
        disable=not progress,
        transient=True,
    )
    for own, logits in batches:
        loss = keras.losses.sparse_categorical_crossentropy(
            y[own], logits, from_logits=True
        )
        losses[own] = ops.convert_to_numpy(loss)
    return losses


def position_table(results):
    """Losses by position, models side by side.

    Args:
        results: dict of lists of `PositionLoss`, by the name of the model, of the same
            texts.

    Returns:
        `rich.table.Table`, of means and 95% intervals in nats.

    Example:
    ```python
    part = keras_bigs.analysis.PositionLoss(0, 64, count=900, loss=3.9, error=0.1)
    keras_bigs.analysis.position_table({"BiGS": [part]})
    ```
    """
    table = Table("positions", "masked tokens", *results)
    table.title = "Masked LM loss by position, nats"
    for rows in zip(*results.values(), strict=True):
        losses = (f"{row.loss:.3f} ± {1.96 * row.error:.3f}" for row in rows)
        place = f"{rows[0].start} to {rows[0].stop - 1}"
        table.add_row(place, f"{rows[0].count:,}", *losses)
    return table


def plot_loss_by_position(paths, results):
    """Draws losses by position, with 95% intervals.

    Args:
        paths: the pictures, as for `keras_bigs.training.figure`.
        results: as for `position_table`.

    Raises:
        ImportError: there is no Matplotlib.
    """
    with figure(*paths, figsize=(7, 4)) as axes:
        for i, (name, rows) in enumerate(results.items()):
            axes.errorbar(
                [(row.start + row.stop - 1) / 2 for row in rows],
                [row.loss for row in rows],
                yerr=[1.96 * row.error for row in rows],
                marker="osD^v<>"[i % 7],
                capsize=3,
                label=name,
            )
        axes.set(
            xlabel="position of the masked token",
            ylabel="masked LM loss (nats)",
        )
        axes.grid(alpha=0.3)
        legend_below(axes)
