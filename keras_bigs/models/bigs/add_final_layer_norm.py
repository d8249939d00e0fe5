"""A layer norm after the last block of a model that was trained without."""

from keras_bigs.models.bigs.changed_copy import backbone_of
from keras_bigs.models.bigs.changed_copy import changed_copy


def add_final_layer_norm(model):
    """A copy of a model whose last hidden state is layer normalized.

    Gated blocks normalize what they read and add to it without bounds; nothing in the
    paper's model normalizes what the last one hands on. The head for masked tokens ends
    in a norm and does not mind; a head that starts from nothing does: if hidden states
    are in the thousands, the `tanh` of the pooled output is 1 or -1 whatever the text,
    and no gradient comes through it. See `benchmarks/results.md` for a model before and
    after.

    Outputs change, by more than a factor, since every token is divided by its own
    deviation: a pretrained head loses little, and a few steps of `recipes.extend` win
    it back; the head of a fine-tuned model should be trained again.

    Args:
        model: `BiGSBackbone` or a task with one, without such a norm. It is not
            changed.

    Returns:
        A model of the same class with `final_layer_norm=True`, compiled as new ones
        are. All other weights are the model's.

    Raises:
        ValueError: a model without a `BiGSBackbone`, with LoRA or quantized layers, or
            with a final layer norm.

    Example:
    ```python
    backbone = keras_bigs.models.BiGSBackbone(
        vocabulary_size=1000, num_layers=2, hidden_dim=64, intermediate_dim=192
    )
    backbone = keras_bigs.models.add_final_layer_norm(backbone)
    ```
    """
    if backbone_of(model).final_layer_norm is not None:
        raise ValueError("`model` has a final layer norm already.")
    return changed_copy(model, final_layer_norm=True)
