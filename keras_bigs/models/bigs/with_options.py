"""Other options for the encoder of a trained model."""

from keras_bigs.models.bigs.changed_copy import backbone_of
from keras_bigs.models.bigs.changed_copy import changed_copy

OPTIONS = (
    "activation",
    "dropout",
    "embedding_dropout",
    "final_layer_norm",
    "mask_padding",
    "method",
    "pool_padding",
    "rematerialize",
)


def with_options(model, **options):
    """A copy of a trained model whose encoder has other options.

    Weights are the model's, and what was frozen stays so. Optimizer, loss and metrics
    are not copied.

    `final_layer_norm=True` adds a layer norm after the last block. Gated blocks
    normalize what they read and add to it without bounds, and nothing in the paper's
    model normalizes what the last one hands on. The head for masked tokens ends in a
    norm and does not mind; a head that starts from nothing does: where hidden states
    are in the thousands, the `tanh` of the pooled output is 1 or -1 whatever the text,
    and no gradient comes through it. A pretrained head loses little by the norm, and a
    few steps of `recipes.extend` win it back; the head of a fine-tuned model should be
    trained again. `benchmarks/results.md` has a model with and without.

    Args:
        model: `BiGSBackbone` or a task with one. It is not changed.
        **options: arguments of `BiGSBackbone`, of `activation`, `dropout`,
            `embedding_dropout`, `final_layer_norm`, `mask_padding`, `method`,
            `pool_padding` and `rematerialize`. (For `max_sequence_length` there is
            `extend_positions`.)

    Returns:
        A model of the same class, compiled as new ones are: a backbone not at all, a
        task with its defaults (`compile()` it with your own before training).

    Raises:
        ValueError: a model without a `BiGSBackbone`, or with LoRA or quantized layers;
            another option; `final_layer_norm=False` for a model that has one; or
            `method` for one whose routing is a layer, which has its own.

    Example:
    ```python
    backbone = keras_bigs.models.BiGSBackbone.from_preset("bigs_mini_en_uncased")
    backbone = keras_bigs.models.with_options(backbone, dropout=0.2, rematerialize=True)
    ```
    """
    backbone = backbone_of(model)
    has_norm = backbone.final_layer_norm is not None
    for name in options:
        if name not in OPTIONS:
            raise ValueError(
                f"Of a trained encoder only {', '.join(OPTIONS)} can change. "
                f"Received: {name}={options[name]!r}"
            )
    if has_norm and not options.get("final_layer_norm", True):
        raise ValueError(
            "The final layer norm of a trained model cannot be taken away. Received: "
            f"final_layer_norm={options['final_layer_norm']}"
        )
    if "method" in options and not isinstance(backbone.routing, str):
        raise ValueError(
            "The routing of this model is a layer, which keeps its own `method`. Build "
            "the model with another layer and set its weights. Received: "
            f"method={options['method']!r}"
        )
    return changed_copy(model, **options)
