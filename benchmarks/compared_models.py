"""What `benchmarks.train_step` and `benchmarks.peers` compare: models and batches.

Masked language models of about equally many parameters, at any width and depth. Only
what builds a model of Keras imports Keras: Hugging Face's sides use the rest, and the
memory of their processes is measured.
"""

import numpy as np

OURS = {
    "BiGS": ("gated", "ssm"),
    "STACK/SSM": ("stack", "ssm"),
    "GATED/ATT": ("gated", "attention"),
    "STACK/ATT": ("stack", "attention"),
}
"""Block and routing of the architectures of this package, by name."""
NAMES = (*OURS, "BERT", "FNet")
PREDICTED_SHARE = 0.15


def stacked_layers(gated_layers):
    """How many layers of BERT match BiGS': 12 dim^2 weights each, not 13."""
    return round(gated_layers * 13 / 12)


def fnet_layers(gated_layers):
    """How many layers of FNet match BiGS': 8 dim^2 weights each, not 13.

    FNet projects its embeddings, by dim^2 weights that the others lack. So 19 layers go
    with 12 of BiGS, 1.1% fewer parameters at width 256; 20 would be 1.8% more.
    """
    return round((gated_layers * 13 - 1) / 8)


def masked_lm(
    name, length, dim, vocabulary_size, layers=12, dropout=0.1, rematerialize=False
):
    """A masked language model of Keras, not compiled.

    Args:
        name: one of `NAMES`. BERT and FNet are keras-hub's.
        length: int. The longest sequence, in tokens.
        dim: int. The width of the encoder.
        vocabulary_size: int.
        layers: int. Of BiGS; the others have as many as match them.
        dropout: float.
        rematerialize: bool. Whether this package's compute blocks again in the backward
            pass.
    """
    import keras_hub

    from keras_bigs import models

    sizes = {
        "vocabulary_size": vocabulary_size,
        "max_sequence_length": length,
        "dropout": dropout,
    }
    if name in OURS:
        block, routing = OURS[name]
        num_layers = layers if block == "gated" else stacked_layers(layers)
        return models.BiGSMaskedLM(
            models.BiGSBackbone(
                routing=routing,
                rematerialize=rematerialize,
                **models.architecture_sizes(block, dim, num_layers),
                **sizes,
            )
        )
    hub = keras_hub.models
    sizes |= {"hidden_dim": dim, "intermediate_dim": 4 * dim}
    if name == "BERT":
        return hub.BertMaskedLM(
            hub.BertBackbone(
                num_layers=stacked_layers(layers), num_heads=max(1, dim // 64), **sizes
            )
        )
    if name == "FNet":
        return hub.FNetMaskedLM(
            hub.FNetBackbone(num_layers=fnet_layers(layers), **sizes)
        )
    raise ValueError(f"`name` must be one of {NAMES}. Received: {name!r}")


def masked_batch(batch, length, vocabulary_size):
    """A random batch of masked language modeling.

    Args:
        batch: int. The number of texts.
        length: int. Tokens a text.
        vocabulary_size: int.

    Returns:
        `(x, y)`: a dict of int32 arrays, `mask_positions` and all inputs of encoders;
        and the tokens at those positions.
    """
    rng = np.random.default_rng(0)
    ids = rng.integers(5, vocabulary_size, (batch, length), "int32")
    positions = np.tile(np.arange(length, dtype="int32"), (batch, 1))
    predictions = max(1, int(PREDICTED_SHARE * length))
    positions = np.sort(rng.permuted(positions, axis=1)[:, :predictions], axis=1)
    x = {
        "token_ids": ids,
        "segment_ids": np.zeros_like(ids),
        "padding_mask": np.ones_like(ids),
        "mask_positions": positions,
    }
    return x, np.take_along_axis(ids, positions, axis=1)
