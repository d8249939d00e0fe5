"""Copies of a trained model with other options of its backbone."""

import keras

from keras_bigs.compat.inner_layers import inner_layers
from keras_bigs.models.bigs.bigs_backbone import BiGSBackbone
from keras_bigs.models.bigs.validate_preprocessor import with_sequence_length


def backbone_of(model):
    """The `BiGSBackbone` that a model is, or has; `ValueError` where there is none."""
    backbone = getattr(model, "backbone", model)
    if not isinstance(backbone, BiGSBackbone):
        raise ValueError(
            "`model` must be a `BiGSBackbone` or a task with one. Received: "
            f"model={model!r}"
        )
    return backbone


def changed_copy(model, sequence_length=None, **options):
    """A copy of a model whose backbone has other options.

    Args:
        model: `BiGSBackbone` or a task with one. It is not changed.
        sequence_length: int or `None`. What the preprocessor of a task packs to; `None`
            for what it packs to now.
        **options: arguments of `BiGSBackbone`.

    Returns:
        A model of the same class, compiled as new ones are, and trainable where the
        model is. All weights of the same shape are the model's; others, and those that
        the model has not, are as in a new one.

    Raises:
        ValueError: a model without a `BiGSBackbone`, or with LoRA or quantized layers.
    """
    backbone = backbone_of(model)
    changed = [
        layer.path
        for layer in inner_layers(model)
        if getattr(layer, "lora_enabled", False)
        or getattr(layer, "quantization_mode", None)
    ]
    if changed:
        raise ValueError(
            "A model with LoRA or quantized layers cannot be rebuilt with other "
            "options. Do that before `enable_lora` or `quantize`; or save and load it "
            "(`save_to_preset`, `from_preset`), which adds LoRA to the kernels. "
            f"Received such layers: {', '.join(changed)}"
        )
    config = model.get_config()
    (config if backbone is model else config["backbone"]["config"]).update(options)
    preprocessor = getattr(model, "preprocessor", None)
    if preprocessor is not None:
        config["preprocessor"] = with_sequence_length(
            preprocessor, sequence_length or preprocessor.sequence_length
        )
    copy = type(model).from_config(config)

    added = _added_layer(backbone, backbone_of(copy))
    new_weights = {id(weight) for weight in getattr(added, "weights", ())}
    # Not all variables: dropout has a generator's state, or none.
    weights = list(zip(model.weights, _without(copy.weights, new_weights), strict=True))
    for old, new in weights:
        if old.shape == new.shape:
            # A copy: JAX's training and prediction steps give up the arrays they get.
            new.assign(keras.ops.copy(old.value))
    # Outer layers come first; setting one sets those inside.
    for old, new in zip(
        inner_layers(model), _without(inner_layers(copy), {id(added)}), strict=True
    ):
        if new.trainable != old.trainable:
            new.trainable = old.trainable
    for old, new in weights:
        new.trainable = old.trainable
    if added is not None:
        added.trainable = backbone.trainable
    return copy


def _added_layer(backbone, copy):
    """The only layer that an option can add, if it did."""
    return copy.final_layer_norm if backbone.final_layer_norm is None else None


def _without(objects, ids):
    return [each for each in objects if id(each) not in ids]
