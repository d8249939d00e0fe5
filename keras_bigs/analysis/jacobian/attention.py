"""The probabilities of attention, beside which influence can be put."""

import keras
import numpy as np
from keras_hub.models import BertBackbone

from keras_bigs.analysis.encoders import blocks_of
from keras_bigs.analysis.encoders import encoder_of
from keras_bigs.analysis.encoders import hidden_states
from keras_bigs.errors import ConfigError
from keras_bigs.layers import GatedBiGSBlock
from keras_bigs.layers import SelfAttention


def attention_maps(model, inputs):
    """Attention probabilities of all layers and heads.

    Args:
        model: `BiGSBackbone` with attention as its routing in either block,
            `keras_hub.models.BertBackbone`, or a task or `PooledEncoder` with one.
        inputs: dict of `token_ids`, `segment_ids` and `padding_mask`, each
            `(1, length)`; see `token_inputs`.

    Returns:
        `(layers, heads, length, length)` float32. Row `i` has the probabilities with
        which position `i` reads each position; its sum is 1.

    Raises:
        ConfigError: the routing of a layer is no attention, such as an SSM.

    Example:
    ```python
    sizes = keras_bigs.models.architecture_sizes("stack", 16, num_layers=2)
    bert = keras_bigs.models.BiGSBackbone(99, **sizes, routing="attention")
    ids = np.array([[2, 7, 8, 3]])
    inputs = {
        "token_ids": ids,
        "segment_ids": np.zeros_like(ids),
        "padding_mask": np.ones_like(ids),
    }
    maps = keras_bigs.analysis.attention_maps(bert, inputs)  # (2, 1, 4, 4)
    ```
    """
    encoder = encoder_of(model)
    if not has_attention(encoder):
        routings = {type(block.routing).__name__ for block in encoder.blocks}
        raise ConfigError(
            "Only SelfAttention has attention maps. Give a model with "
            f'`routing="attention"`. Received: {", ".join(sorted(routings))}'
        )
    mask = keras.ops.convert_to_tensor(inputs["padding_mask"], "int32")
    states = hidden_states(encoder, inputs)
    return np.concatenate(
        [
            keras.ops.convert_to_numpy(keras.ops.cast(_map(block, x, mask), "float32"))
            for block, x in zip(blocks_of(encoder), states, strict=False)
        ]
    )


def has_attention(encoder):
    """Whether `attention_maps` can take an encoder, as `encoder_of` returns it."""
    return isinstance(encoder, BertBackbone) or all(
        isinstance(block.routing, SelfAttention) for block in encoder.blocks
    )


def _map(block, x, padding_mask):
    """`(1, heads, length, length)` probabilities in a block that `x` enters."""
    if not hasattr(block, "routing"):  # a layer of keras-hub's BERT
        return block(
            x,
            padding_mask=padding_mask,
            training=False,
            return_attention_scores=True,
        )[1]
    if isinstance(block, GatedBiGSBlock):
        x = block.layer_norm(x)
    visible = None
    if block.mask_padding:
        visible = keras.ops.expand_dims(keras.ops.cast(padding_mask, "bool"), 1)
    attention = block.routing.attention
    return attention(
        x,
        x,
        attention_mask=visible,
        training=False,
        return_attention_scores=True,
    )[1]
