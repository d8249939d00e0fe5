"""The blocks of an encoder, what enters them, and the tokens of a text."""

import keras
import numpy as np
from keras_hub.models import BertBackbone

from keras_bigs.errors import ConfigError
from keras_bigs.errors import DataError
from keras_bigs.models import BiGSBackbone
from keras_bigs.models import load_encoder
from keras_bigs.models.segment_packer import pack_segments


def encoder_of(model):
    """The encoder inside a model.

    Args:
        model: `BiGSBackbone`, keras-hub's `BertBackbone`, a task or `PooledEncoder`
            with one, or the name of a preset.

    Returns:
        `BiGSBackbone` or `BertBackbone`, not a copy.

    Raises:
        ConfigError: any other model.

    Example:
    ```python
    encoder = keras_bigs.analysis.encoder_of("bigs_mini_en_uncased")
    ```
    """
    encoder = load_encoder(model) if isinstance(model, str) else model
    while not isinstance(encoder, BiGSBackbone | BertBackbone):
        if not hasattr(encoder, "backbone"):
            raise ConfigError(
                "The blocks of BiGSBackbone and BertBackbone can be looked into, of "
                f"no other encoder. Received: {type(encoder).__name__} in model={model}"
            )
        encoder = encoder.backbone
    return encoder


def blocks_of(encoder):
    """The blocks of a `BiGSBackbone` or `BertBackbone`, a list of layers."""
    is_bert = isinstance(encoder, BertBackbone)
    return encoder.transformer_layers if is_bert else encoder.blocks


def hidden_states(encoder, inputs):
    """What enters each block of an encoder, and what leaves the last one.

    Args:
        encoder: as `encoder_of` returns.
        inputs: dict of `token_ids`, `segment_ids`, `padding_mask`, each
            `(batch, length)`.

    Returns:
        A list of tensors `(batch, length, hidden_dim)`, one more than there are blocks.
        The first is the normalized sum of token, position and segment embeddings.
    """
    embeddings = keras.Model(encoder.input, encoder.embeddings_dropout.output)
    inputs = {
        name: keras.ops.convert_to_tensor(inputs[name], "int32")
        for name in encoder.input
    }
    states = [embeddings({name: inputs[name] for name in embeddings.input})]
    for block in blocks_of(encoder):
        states.append(
            block(states[-1], padding_mask=inputs["padding_mask"], training=False)
        )
    return states


def token_inputs(tokenizer, text, max_length):
    """A text as an encoder's inputs, a batch of one, without padding.

    Args:
        tokenizer: as `keras_bigs.models.load_tokenizer` returns, for BiGS or BERT. With
            its `special_tokens_in_strings`, the text may have `[MASK]`.
        text: string, or a tuple of two for a pair.
        max_length: int. The most tokens that the encoder takes.

    Returns:
        `(tokens, inputs)`: the list of `length` tokens, such as `["[CLS]", "the",
        "[SEP]"]`, and a dict of `token_ids`, `segment_ids` and `padding_mask`, int32
        `(1, length)`.

    Raises:
        DataError: the text is empty, or has more tokens than `max_length`.

    Example:
    ```python
    tokenizer = keras_bigs.models.load_tokenizer("bigs_mini_en_uncased")
    tokens, inputs = keras_bigs.analysis.token_inputs(tokenizer, "The fox.", 128)
    ```
    """
    texts = (text,) if isinstance(text, str) else tuple(text)
    segments = [[list(map(int, tokenizer(part)))] for part in texts]
    if not all(part for (part,) in segments):
        raise DataError(f"A text must have one word or more. Received: {text!r}")
    length = sum(len(part) for (part,) in segments) + len(segments) + 1
    if length > max_length:
        raise DataError(
            f"The text has {length} tokens, [CLS] and [SEP] among them, and the "
            f"encoder takes {max_length}. Shorten it. Received: {text!r:.80}"
        )
    token_ids, segment_ids = pack_segments(
        segments,
        length,
        start_value=tokenizer.start_token_id,
        end_value=tokenizer.end_token_id,
        pad_value=tokenizer.pad_token_id,
    )
    inputs = {
        "token_ids": token_ids,
        "segment_ids": segment_ids,
        "padding_mask": np.ones_like(token_ids),
    }
    return [tokenizer.id_to_token(int(i)) for i in token_ids[0]], inputs
