"""Length extension: more position embeddings for a trained model."""

import keras
import numpy as np

from keras_bigs.models.bigs.changed_copy import backbone_of
from keras_bigs.models.bigs.changed_copy import changed_copy

METHODS = ("tile", "interpolate")


def extend_positions(model, max_sequence_length, method="tile"):
    """A copy of a model that takes longer inputs (paper, sections 5 and 6.2).

    SSMs have no maximum length; position embeddings do. The others of a model's weights
    are copied as they are, and training may go on: what was frozen stays so. Optimizer,
    loss and metrics are not copied.

    Args:
        model: `BiGSBackbone` or a task with one. It is not changed.
        max_sequence_length: int. The new number of positions, above the old.
        method: `"tile"` repeats the old embeddings, so that outputs at old lengths do
            not change (as Longformer, Beltagy et al. 2020, starts). `"interpolate"`
            stretches them linearly: the first and last position keep theirs.

    Returns:
        A model of the same class, compiled as new ones are: a backbone not at all, a
        task with its defaults (`compile()` it with your own before training). The
        preprocessor of a task packs up to the new length if it packed up to the old.

    Raises:
        ValueError: a model without a `BiGSBackbone`, or with LoRA or quantized layers;
            an unknown `method`; or a length that is no integer or not longer.

    Example:
    ```python
    backbone = keras_bigs.models.BiGSBackbone.from_preset("bigs_mini_en_uncased")
    longer = keras_bigs.models.extend_positions(backbone, 512)  # instead of 128
    ```
    """
    if method not in METHODS:
        raise ValueError(
            f"`method` must be one of {METHODS}. Received: method={method!r}"
        )
    backbone = backbone_of(model)
    old_length = backbone.max_sequence_length
    is_int = isinstance(max_sequence_length, int | np.integer)
    if not is_int or max_sequence_length <= old_length:
        raise ValueError(
            "`max_sequence_length` must be an integer above the model's. Received: "
            f"max_sequence_length={max_sequence_length!r}; the model's is {old_length}"
        )
    new_length = int(max_sequence_length)
    preprocessor = getattr(model, "preprocessor", None)
    packed_to = getattr(preprocessor, "sequence_length", None)
    longer = changed_copy(
        model,
        sequence_length=new_length if packed_to == old_length else None,
        max_sequence_length=new_length,
    )
    table = backbone.position_embedding.position_embeddings
    table = keras.ops.convert_to_numpy(keras.ops.cast(table, "float32"))
    backbone_of(longer).position_embedding.position_embeddings.assign(
        stretch(table, new_length, method)
    )
    return longer


def stretch(table, length, method):
    """`(length, dim)` of a NumPy array `(old_length, dim)`, see `extend_positions`."""
    if method == "tile":
        return np.resize(table, (length, table.shape[1]))
    old = np.arange(len(table))
    new = np.linspace(0, len(table) - 1, length)
    return np.stack([np.interp(new, old, column) for column in table.T], axis=1)
