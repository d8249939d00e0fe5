"""The original's `config.json` and the arguments of `BiGSBackbone`."""

import keras

from keras_bigs import layers
from keras_bigs import models
from keras_bigs.compat.preset_loading import MODEL_TYPE
from keras_bigs.errors import CheckpointError

# The weights were trained with Flax's tanh approximation of GELU; the PyTorch port has
# the exact one.
ACTIVATIONS = {"flax": layers.gelu_tanh, "pytorch": keras.activations.gelu}
ARCHITECTURES = {
    "BiGSModel": models.BiGSBackbone,
    "BiGSForMaskedLM": models.BiGSMaskedLM,
    "BiGSForPreTraining": models.BiGSMaskedLM,
    "BiGSForSequenceClassification": models.BiGSTextClassifier,
    "BiGSForMultipleChoice": models.BiGSMultipleChoice,
    "BiGSForTokenClassification": models.BiGSTokenClassifier,
    "BiGSForQuestionAnswering": models.BiGSQuestionAnswerer,
}
WITH_CLASSIFIER = (
    models.BiGSTextClassifier,
    models.BiGSTokenClassifier,
    models.BiGSMultipleChoice,
)
# What only these values of the original mean the model that this library has.
SUPPORTED = {
    "hidden_act": ("gelu",),
    "scaling": ("hippo", "linear", "inverse"),
    "pre_norm": (True,),
    "decode": (False,),
    "layer_norm_eps": (1e-12,),
    "position_embedding_type": ("absolute",),
    "pooler_type": ("non_padding_mean", "mean"),
    "tie_word_embeddings": (True,),
}
DEFAULTS = {
    "hidden_act": "gelu",
    "scaling": "hippo",
    "pre_norm": True,
    "decode": False,
    "layer_norm_eps": 1e-12,
    "position_embedding_type": "absolute",
    "pooler_type": "non_padding_mean",
    "tie_word_embeddings": True,
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


class UnknownArchitecture(CheckpointError):
    """`architectures` in `config.json` names a class with a head of its own."""


def backbone_arguments(config, origin, where):
    """Arguments of `BiGSBackbone` for a configuration of the original.

    `hidden_dropout_prob` is the dropout of the embeddings. The original's blocks have
    none.

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
    if not _is_rate(dropout):
        problems.append(f"`hidden_dropout_prob` is {dropout!r}; it must be in [0, 1)")
    head_dropout = config.get("classifier_dropout")
    if head_dropout is not None and not _is_rate(head_dropout):
        problems.append(
            f"`classifier_dropout` is {head_dropout!r}; it must be in [0, 1) or null"
        )
    if problems:
        raise CheckpointError(f"{where}: config.json: " + "; ".join(problems) + ".")
    return {
        **arguments,
        "dropout": 0.0,
        "embedding_dropout": dropout,
        "mask_padding": False,
        "pool_padding": config.get("pooler_type") == "mean",
        "activation": ACTIVATIONS[origin],
    }


def head_arguments(config, cls):
    """Arguments of a task for an accepted configuration of the original.

    Args:
        config: dict that `backbone_arguments` has accepted.
        cls: the class of the task.

    Returns:
        dict: the `dropout` of a classifier, that of `classifier_dropout`, or else of
        `hidden_dropout_prob`. The original's other heads have none.
    """
    if cls not in WITH_CLASSIFIER:
        return {}
    dropout = config.get("classifier_dropout")
    if dropout is None:
        dropout = config.get("hidden_dropout_prob", 0.1)
    return {"dropout": dropout}


def named_task(config, where):
    """The task that `architectures` names, `None` for the bare encoder or no name.

    Args:
        config: dict, the contents of `config.json`.
        where: string for error messages, the checkpoint.

    Raises:
        CheckpointError: no list of strings.
        UnknownArchitecture: a class that this library does not know.
    """
    names = config.get("architectures") or ["BiGSModel"]
    if not isinstance(names, list) or not isinstance(names[0], str):
        raise CheckpointError(
            f"{where}: config.json: `architectures` is {names!r}; it must be a list of "
            "strings."
        )
    cls = ARCHITECTURES.get(names[0].removeprefix("Flax"))
    if cls is None:
        raise UnknownArchitecture(
            f"{where}: config.json: unknown architecture {names[0]!r}. "
            f"Known: {sorted(ARCHITECTURES)}."
        )
    return None if cls is models.BiGSBackbone else cls


def is_original(backbone):
    """Whether the original has a backbone's block and routing."""
    routing = backbone.blocks[0].routing
    return (
        backbone.block == "gated"
        and type(routing) is layers.BiSSM
        and routing.combine == "multiply"
        and routing.num_kernels == 1
        and routing.discretization == "zoh"
        and routing.activation == backbone.activation
    )


def original_config(model, origin, names_of_classes=None):
    """The `config.json` for a model of this library.

    Args:
        model: `BiGSBackbone` or a task.
        origin: `"flax"` or `"pytorch"`.
        names_of_classes: list of strings, of a classifier; `None` for "LABEL_0" and so
            on, as the original's library has it.

    Returns:
        dict.

    Raises:
        ValueError: the original has no such model: another block or routing, or a head
            of ours alone; or names that are not one for each class.
    """
    backbone = model if isinstance(model, models.BiGSBackbone) else model.backbone
    if not is_original(backbone):
        raise ValueError(
            'The original implementation has gated SSM encoders only (`block="gated"`, '
            '`routing="ssm"`, or a `BiSSM` of one kernel, the backbone\'s activation '
            f"and other arguments at their defaults). Received: block="
            f"{backbone.block!r}, routing={backbone.routing!r}"
        )
    if backbone.final_layer_norm is not None:
        raise ValueError(
            "The original implementation does not normalize the last hidden state. "
            "Received: a model with `final_layer_norm=True`"
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
        # Of a routing given as a layer, which has its own.
        "num_ssm": backbone.blocks[0].routing.state_dim,
        **DEFAULTS,
        "pooler_type": "mean" if backbone.pool_padding else "non_padding_mean",
        "hidden_dropout_prob": backbone.embeddings_dropout.rate,
        "initializer_range": 0.02,
        "pad_token_id": 0,
        "use_cache": True,
    }
    if isinstance(model, WITH_CLASSIFIER):
        # As the original writes it where it is that of the embeddings.
        is_same = model.dropout == config["hidden_dropout_prob"]
        config["classifier_dropout"] = None if is_same else model.dropout
    num_classes = getattr(model, "num_classes", None)
    if num_classes is not None:
        names = names_of_classes or [f"LABEL_{i}" for i in range(num_classes)]
        if len(names) != num_classes or len(set(names)) < num_classes:
            raise ValueError(
                f"`names_of_classes` must be {num_classes} different names, one for "
                f"each class. Received: {names}"
            )
        config["id2label"] = {str(i): name for i, name in enumerate(names)}
        config["label2id"] = {name: i for i, name in enumerate(names)}
    return config


def _is_rate(value):
    return type(value) in (int, float) and 0 <= value < 1
