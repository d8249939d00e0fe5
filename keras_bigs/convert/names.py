"""Which tensor of the original is which variable of ours.

Of the backbone, after `bigs.` (PyTorch) or `s4_bert.` (Flax):

| original                       | ours                                |
|--------------------------------|-------------------------------------|
| `embeddings.word_embeddings`   | `token_embedding`                   |
| `embeddings.position_embeddings` | `position_embedding`              |
| `embeddings.token_type_embeddings` | `segment_embedding`             |
| `embeddings.LayerNorm`         | `embeddings_layer_norm`             |
| `encoder.layer.i.LayerNorm`    | `block_i/layer_norm`                |
| `encoder.layer.i.dv`           | `block_i/value_dense`               |
| `encoder.layer.i.dol`          | `block_i/gate_dense`                |
| `encoder.layer.i.do`           | `block_i/output_dense`              |
| `encoder.layer.i.du_forward`   | `block_i/routing/forward_dense`     |
| `encoder.layer.i.du_backward`  | `block_i/routing/backward_dense`    |
| `encoder.layer.i.duc_forward`  | `block_i/routing/forward_output_dense` |
| `encoder.layer.i.duc_backward` | `block_i/routing/backward_output_dense` |
| `encoder.layer.i.fs4`          | `block_i/routing/forward_ssm`       |
| `encoder.layer.i.bs4`          | `block_i/routing/backward_ssm`      |
| `pooler.dense`                 | `pooled_dense`                      |

Of the heads, after nothing:

| original                              | ours                             |
|---------------------------------------|----------------------------------|
| `cls.predictions.transform.dense`     | `mlm_head/intermediate_dense`    |
| `cls.predictions.transform.LayerNorm` | `mlm_head/intermediate_layer_norm` |
| `cls.predictions.bias`                | `mlm_head/output_bias`           |
| `classifier`                          | `logits` of a task               |
| `qa_outputs`                          | `span_logits`                    |

Not loaded, in Flax with `/` for `.`:

| original                         | what it is                               |
|----------------------------------|------------------------------------------|
| `embeddings.position_ids`        | 0, 1, 2, ... (PyTorch)                   |
| `cls.predictions.decoder.weight` | the word embeddings again (PyTorch)      |
| `cls.predictions.decoder.bias`   | `cls.predictions.bias` again (PyTorch)   |
| `cls.seq_relationship`           | the head of next sentence prediction     |

A decoder that does not repeat what it should is an error; its bias is read where
`cls.predictions.bias` is absent.

Checkpoints of the original's bare encoder have the backbone's names without the root.
Those of Flax with a head that works on tokens have no `pooler`.

Of a layer, in Flax with `/` for `.`:

| PyTorch                          | Flax               | ours                       |
|----------------------------------|--------------------|----------------------------|
| `weight` (out, in) of a dense    | `kernel` (in, out) | `kernel` (in, out)         |
| `weight` of a layer norm         | `scale`            | `gamma`                    |
| `weight` of embeddings           | `embedding`        | `embeddings`               |
| `bias`                           | `bias`             | `bias`, `beta`             |
| `kernel.A_re`, `kernel.A_im` (N) | `A_re`, `A_im` (N) | `A_re`, `A_im` (1, N)      |
| `kernel.C` (N, 2)                | `C` (N, 2)         | `C` (1, N, 2)              |
| `kernel.log_step` (1)            | `log_step` (1)     | `log_step` (1)             |
| `D` (1)                          | `D` (1)            | `D` (1)                    |
"""

from typing import Any
from typing import NamedTuple

import keras

from keras_bigs import layers
from keras_bigs import models
from keras_bigs.convert.config import WITH_CLASSIFIER

ROOTS = {"flax": "s4_bert", "pytorch": "bigs"}
SEPARATORS = {"flax": "/", "pytorch": "."}
# PyTorch's `Linear.weight` is transposed, and so on: our name to (theirs, transposed).
SUFFIXES = {
    "flax": {
        "kernel": "kernel",
        "gamma": "scale",
        "embeddings": "embedding",
        "position_embeddings": "embedding",
    },
    "pytorch": {
        "kernel": "weight",
        "gamma": "weight",
        "embeddings": "weight",
        "position_embeddings": "weight",
        "A_re": "kernel.A_re",
        "A_im": "kernel.A_im",
        "C": "kernel.C",
        "log_step": "kernel.log_step",
    },
}
BOTH = {"bias": "bias", "beta": "bias"}
# Tensors of PyTorch's state dict that repeat others.
REPEATED = {
    "cls.predictions.decoder.weight": "bigs.embeddings.word_embeddings.weight",
    "cls.predictions.decoder.bias": "cls.predictions.bias",
}
BACKBONE_PARTS = ("embeddings", "encoder", "pooler")
HEADS = ("cls", "classifier", "qa_outputs")
# Whose classes in the original's Flax code have no pooler.
WITHOUT_POOLER = (
    models.BiGSMaskedLM,
    models.BiGSQuestionAnswerer,
    models.BiGSTokenClassifier,
)


class Target(NamedTuple):
    """Where a tensor of the original goes.

    Attributes:
        variable: ours; of a layer with LoRA its kernel with what LoRA adds, a tensor.
        transposed: bool. Whether the original has it transposed.
        shape: tuple. The original's shape.
    """

    variable: Any
    transposed: bool
    shape: tuple


def tensor_map(model, origin):
    """The tensors of the original that a backbone or task has.

    Args:
        model: `BiGSBackbone` with gated blocks and SSM routing, or a task with one.
        origin: `"flax"` or `"pytorch"`.

    Returns:
        dict from the original's tensor names to `Target`s.
    """
    backbone = model if isinstance(model, models.BiGSBackbone) else model.backbone
    root, separator = ROOTS[origin], SEPARATORS[origin]
    named = {f"{root}.{name}": layer for name, layer in _backbone_layers(backbone)}
    named.update(_head_layers(model))
    targets = {}
    for path, layer in named.items():
        if isinstance(layer, keras.Variable):
            targets[path.replace(".", separator)] = Target(
                layer, False, tuple(layer.shape)
            )
            continue
        for variable in layer.weights:
            if variable.name.startswith("lora_"):
                continue
            suffix = {**BOTH, **SUFFIXES[origin]}.get(variable.name, variable.name)
            shape = tuple(variable.shape)
            if isinstance(layer, layers.S4DKernel) and len(shape) > 1:
                shape = shape[1:]
            transposed = origin == "pytorch" and variable.name == "kernel"
            name = f"{path}.{suffix}".replace(".", separator)
            if getattr(layer, "lora_enabled", False) and variable.name != "bias":
                variable = getattr(layer, variable.name)
            targets[name] = Target(
                variable, transposed, shape[::-1] if transposed else shape
            )
    return targets


def full_names(names, origin):
    """The names of a file's tensors in a model with a head, by those in the file.

    Args:
        names: collection of strings, all names in the file.
        origin: `"flax"` or `"pytorch"`.

    Returns:
        dict of strings.
    """
    root = ROOTS[origin] + SEPARATORS[origin]
    full = {name: name for name in names}
    if not any(name.startswith(root) for name in names):
        for name in names:
            if name.replace("/", ".").split(".")[0] in BACKBONE_PARTS:
                full[name] = root + name
    bias, repeated = "cls.predictions.bias", "cls.predictions.decoder.bias"
    if origin == "pytorch" and repeated in full and bias not in full:
        full[repeated] = bias
    return full


def without_root(name, origin):
    """The name of a backbone's tensor in a checkpoint of the bare encoder."""
    return name.removeprefix(ROOTS[origin] + SEPARATORS[origin])


def is_head(name):
    """Whether a tensor of the original belongs to a head."""
    return name.replace("/", ".").split(".")[0] in HEADS


def is_pooler(name):
    """Whether a tensor of the original, by its full name, belongs to the pooler."""
    return name.replace("/", ".").split(".")[1] == "pooler"


def is_ignored(name):
    """Whether no model of this library has a place for a tensor of the original."""
    name = name.replace("/", ".")
    return (
        name == "bigs.embeddings.position_ids"
        or name in REPEATED
        or name.startswith("cls.seq_relationship.")
    )


def has_pooler(model, origin):
    """Whether the original's class for a model has a pooler."""
    return origin == "pytorch" or not isinstance(model, WITHOUT_POOLER)


def _backbone_layers(backbone):
    yield "embeddings.word_embeddings", backbone.token_embedding
    yield "embeddings.position_embeddings", backbone.position_embedding
    yield "embeddings.token_type_embeddings", backbone.segment_embedding
    yield "embeddings.LayerNorm", backbone.embeddings_layer_norm
    for i, block in enumerate(backbone.blocks):
        for name, layer in (
            ("LayerNorm", block.layer_norm),
            ("dv", block.value_dense),
            ("dol", block.gate_dense),
            ("do", block.output_dense),
            ("du_forward", block.routing.forward_dense),
            ("du_backward", block.routing.backward_dense),
            ("duc_forward", block.routing.forward_output_dense),
            ("duc_backward", block.routing.backward_output_dense),
            ("fs4", block.routing.forward_ssm),
            ("bs4", block.routing.backward_ssm),
        ):
            yield f"encoder.layer.{i}.{name}", layer
    yield "pooler.dense", backbone.pooled_dense


def _head_layers(model):
    if isinstance(model, models.BiGSMaskedLM):
        head, path = model.masked_lm_head, "cls.predictions"
        return {
            f"{path}.transform.dense": head._intermediate_dense,
            f"{path}.transform.LayerNorm": head._intermediate_layer_norm,
            f"{path}.bias": head._bias,
        }
    if isinstance(model, models.BiGSQuestionAnswerer):
        return {"qa_outputs": model.output_dense}
    if isinstance(model, WITH_CLASSIFIER):
        return {"classifier": model.output_dense}
    return {}
