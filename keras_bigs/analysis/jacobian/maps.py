"""All maps of one text that are looked at side by side."""

from typing import NamedTuple

import numpy as np

from keras_bigs.analysis.encoders import blocks_of
from keras_bigs.analysis.encoders import encoder_of
from keras_bigs.analysis.jacobian.attention import attention_maps
from keras_bigs.analysis.jacobian.attention import has_attention
from keras_bigs.analysis.jacobian.influences import influence
from keras_bigs.analysis.kernels.taps import has_kernels
from keras_bigs.analysis.kernels.taps import routing_kernels
from keras_bigs.analysis.kernels.taps import tap_matrix


class InfluenceMap(NamedTuple):
    """A matrix over the tokens of a text.

    Attributes:
        model: the name of the model.
        kind: `"influence"`; or `"taps"` or `"attention"`, how a layer's routing alone
            weighs what it reads.
        part: `"layer 0"` and so on, or `"encoder"`.
        tokens: list of `length` strings.
        matrix: `(length, length)`: outputs, then inputs.
    """

    model: str
    kind: str
    part: str
    tokens: list
    matrix: np.ndarray


def influence_maps(name, model, tokens, inputs, layers):
    """The influence in some layers and in the whole encoder, and what routes there.

    Args:
        name: what to call the model.
        model: as for `influence`.
        tokens: list of strings.
        inputs: dict of their `token_ids` and so on, see `token_inputs`.
        layers: indices of blocks.

    Yields:
        `InfluenceMap`, one by one, as each may take long: of `"influence"` one a layer,
        and one of the encoder; then one a layer of `"taps"` (`tap_matrix`, the mean of
        kernels) or of `"attention"` (the mean of heads), where routing has them.

    Raises:
        ConfigError: a layer that the model does not have.

    Example:
    ```python
    analysis, preset = keras_bigs.analysis, "bigs_mini_en_uncased"
    tokenizer = keras_bigs.models.load_tokenizer(preset)
    text = analysis.token_inputs(tokenizer, "The fox runs.", 128)
    encoder = keras_bigs.models.load_encoder(preset)
    maps = list(analysis.influence_maps("mini", encoder, *text, layers=[0]))
    ```
    """
    encoder = encoder_of(model)
    for layer in (*layers, None):
        matrix = influence(encoder, inputs, layer)
        part = "encoder" if layer is None else f"layer {layer}"
        yield InfluenceMap(name, "influence", part, tokens, matrix)
    if has_kernels(encoder):
        kind = "taps"
        weights = tap_matrix(routing_kernels(encoder, len(tokens)))
    elif has_attention(encoder):
        kind, weights = "attention", attention_maps(encoder, inputs)
    else:
        return
    weights = weights.reshape(len(blocks_of(encoder)), -1, len(tokens), len(tokens))
    for layer in layers:
        matrix = weights[layer].mean(0)
        yield InfluenceMap(name, kind, f"layer {layer}", tokens, matrix)
