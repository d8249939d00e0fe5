"""The original's `config.json` and the arguments of `BiGSBackbone`."""

import keras

from keras_bigs import models
from keras_bigs.convert.errors import CheckpointError
from keras_bigs.layers import gelu_tanh

MODEL_TYPE = "BiGS"
# The weights were trained with Flax's tanh approximation of GELU; the PyTorch port has
# the exact one.
ACTIVATIONS = {"flax": gelu_tanh, "pytorch": keras.activations.gelu}
ARCHITECTURES = {
    "BiGSModel": models.BiGSBackbone,
    "BiGSForMaskedLM": models.BiGSMaskedLM,
    "BiGSForPreTraining": models.BiGSMaskedLM,
    "BiGSForSequenceClassification": models.BiGSTextClassifier,
    "BiGSForMultipleChoice": models.BiGSMultipleChoice,
    "BiGSForTokenClassification": models.BiGSTokenClassifier,
    "BiGSForQuestionAnswering": models.BiGSQuestionAnswerer,
}
# What only these values of the original mean the model that this library has.
SUPPORTED = {
    "hidden_act": ("gelu",),
    "scaling": ("hippo", "linear", "inverse"),
    "pre_norm": (True,),
    "decode": (False,),
    "layer_norm_eps": (1e-12,),
    "position_embedding_type": ("absolute",),
    "pooler_type": ("non_padding_mean", "mean"),
}
DEFAULTS = {
    "hidden_act": "gelu",
    "scaling": "hippo",
    "pre_norm": True,
    "decode": False,
    "layer_norm_eps": 1e-12,
    "position_embedding_type": "absolute",
    "pooler_type": "non_padding_mean",
}
SIZES = {
    "vocab_size": "vocabulary_size",
    "num_hidden_layers": "num_layers",
    "hidden_size": "hidden_dim",
    "intermediate_size": "intermediate_dim",
    "num_ssm": "state_dim",
    "max_position_embeddings": "max_sequence_length",
    "type_vocab_size": "num_segments",
}


def backbone_arguments(config, origin, where):
    """Arguments of `BiGSBackbone` for a configuration of the original.

    Args:
        config: dict, the contents of `config.json`.
        origin: `"flax"` or `"pytorch"`: whose GELU the weights go with.
        where: string for error messages, the checkpoint.

    Returns:
        dict.

    Raises:
        CheckpointError: a size is missing or no positive number, or a setting that
            this library does not have. All are listed.
    """
    problems = []
    for name, allowed in SUPPORTED.items():
        value = config.get(name, DEFAULTS[name])
        if value not in allowed:
            choices = " or ".join(map(repr, allowed))
            problems.append(f"`{name}` is {value!r}; supported: {choices}")
    arguments = {}
    for theirs, ours in SIZES.items():
        value = config.get(theirs)
        if type(value) is not int or value < 1:
            problems.append(f"`{theirs}` is {value!r}; it must be a positive integer")
        arguments[ours] = value
    dropout = config.get("hidden_dropout_prob", 0.1)
    if not isinstance(dropout, int | float) or not 0 <= dropout < 1:
        problems.append(f"`hidden_dropout_prob` is {dropout!r}; it must be in [0, 1)")
    if problems:
        raise CheckpointError(f"{where}: config.json: " + "; ".join(problems) + ".")
    return {
        **arguments,
        "dropout": dropout,
        "mask_padding": False,
        "pool_padding": config.get("pooler_type") == "mean",
        "activation": ACTIVATIONS[origin],
    }


def original_config(model, origin):
    """The `config.json` for a model of this library.

    Args:
        model: `BiGSBackbone` or a task.
        origin: `"flax"` or `"pytorch"`.

    Returns:
        dict.

    Raises:
        ValueError: the original has no such model: another block or routing, or a head
            of ours alone.
    """
    backbone = model if isinstance(model, models.BiGSBackbone) else model.backbone
    if (backbone.block, backbone.routing) != ("gated", "ssm"):
        raise ValueError(
            'The original implementation has gated SSM encoders only (`block="gated"`, '
            f'`routing="ssm"`). Received: block={backbone.block!r}, '
            f"routing={backbone.routing!r}"
        )
    names = {cls: name for name, cls in reversed(ARCHITECTURES.items())}
    if type(model) not in names:
        raise ValueError(
            f"The original implementation has no {type(model).__name__}. Save its "
            "`backbone`, or one of "
            f"{sorted(cls.__name__ for cls in names)}."
        )
    config = {
        "model_type": MODEL_TYPE,
        "architectures": [names[type(model)]],
        **{theirs: getattr(backbone, ours) for theirs, ours in SIZES.items()},
        **DEFAULTS,
        "pooler_type": "mean" if backbone.pool_padding else "non_padding_mean",
        "hidden_dropout_prob": backbone.dropout,
        "initializer_range": 0.02,
        "pad_token_id": 0,
        "use_cache": True,
    }
    num_classes = getattr(model, "num_classes", None)
    if num_classes is not None:
        labels = {str(i): f"LABEL_{i}" for i in range(num_classes)}
        config["id2label"] = labels
        config["label2id"] = {label: int(i) for i, label in labels.items()}
    return config
