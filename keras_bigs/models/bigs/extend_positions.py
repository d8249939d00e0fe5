"""Length extension: more position embeddings for a trained model."""

import keras
import numpy as np

from keras_bigs.compat.inner_layers import inner_layers
from keras_bigs.models.bigs.bigs_backbone import BiGSBackbone
from keras_bigs.models.bigs.validate_preprocessor import with_sequence_length

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
    is_task = hasattr(model, "backbone")
    backbone = model.backbone if is_task else model
    if not isinstance(backbone, BiGSBackbone):
        raise ValueError(
            "`model` must be a `BiGSBackbone` or a task with one. Received: "
            f"model={model!r}"
        )
    changed = [
        layer.path
        for layer in inner_layers(model)
        if getattr(layer, "lora_enabled", False)
        or getattr(layer, "quantization_mode", None)
    ]
    if changed:
        raise ValueError(
            "A model with LoRA or quantized layers cannot be rebuilt for another "
            "length. Extend it before `enable_lora` or `quantize`; or save and load it "
            "(`save_to_preset`, `from_preset`), which adds LoRA to the kernels. "
            f"Received such layers: {', '.join(changed)}"
        )
    old_length = backbone.max_sequence_length
    is_int = isinstance(max_sequence_length, int | np.integer)
    if not is_int or max_sequence_length <= old_length:
        raise ValueError(
            "`max_sequence_length` must be an integer above the model's. Received: "
            f"max_sequence_length={max_sequence_length!r}; the model's is {old_length}"
        )
    max_sequence_length = int(max_sequence_length)
    config = model.get_config()
    inner = config["backbone"]["config"] if is_task else config
    inner["max_sequence_length"] = max_sequence_length
    preprocessor = getattr(model, "preprocessor", None)
    if preprocessor is not None:
        length = preprocessor.sequence_length
        config["preprocessor"] = with_sequence_length(
            preprocessor, max_sequence_length if length == old_length else length
        )
    longer = type(model).from_config(config)
    new_backbone = longer.backbone if is_task else longer

    old_positions = backbone.position_embedding.position_embeddings
    new_positions = new_backbone.position_embedding.position_embeddings
    for old, new in zip(model.weights, longer.weights, strict=True):
        if old is not old_positions:
            # A copy: JAX's training and prediction steps give up the arrays they get.
            new.assign(keras.ops.copy(old.value))
    table = keras.ops.convert_to_numpy(keras.ops.cast(old_positions, "float32"))
    new_positions.assign(stretch(table, max_sequence_length, method))
    _freeze_alike(model, longer)
    return longer


def _freeze_alike(model, copy):
    """Makes trainable in a copy what is so in a model."""
    layers = zip(inner_layers(model), inner_layers(copy), strict=True)
    for old, new in layers:
        # Outer layers come first; setting one sets those inside.
        if new.trainable != old.trainable:
            new.trainable = old.trainable
    for old, new in zip(model.variables, copy.variables, strict=True):
        new.trainable = old.trainable


def stretch(table, length, method):
    """`(length, dim)` of a NumPy array `(old_length, dim)`, see `extend_positions`."""
    if method == "tile":
        return np.resize(table, (length, table.shape[1]))
    old = np.arange(len(table))
    new = np.linspace(0, len(table) - 1, length)
    return np.stack([np.interp(new, old, column) for column in table.T], axis=1)
