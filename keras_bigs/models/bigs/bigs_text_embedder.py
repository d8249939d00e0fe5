"""Fixed-size embeddings of texts."""

import keras
from keras import ops
from keras_hub.models import TextEmbedder

from keras_bigs.layers import MeanPooling
from keras_bigs.models.bigs.bigs_task import BiGSTask
from keras_bigs.models.bigs.bigs_text_embedder_preprocessor import (
    BiGSTextEmbedderPreprocessor,
)
from keras_bigs.models.bigs.validate_preprocessor import validate_preprocessor


@keras.saving.register_keras_serializable("keras_bigs")
class BiGSTextEmbedder(BiGSTask, TextEmbedder):
    """Embeds a text as the mean of its tokens' last hidden states.

    Args:
        backbone: `BiGSBackbone`.
        preprocessor: `BiGSTextEmbedderPreprocessor` or `None`. Without one, inputs must
            be tokenized and packed.
        normalize: bool. Whether embeddings have unit length, so that their dot product
            is the cosine similarity.
        **kwargs: as for `keras_hub.models.TextEmbedder`.

    Call arguments:
        inputs: the backbone's inputs.

    Returns:
        `(batch, hidden_dim)`; zeros for a text that is all padding.

    Raises:
        ValueError: a preprocessor of another task, or whose tokenizer has more tokens
            than the backbone.

    Example:
    ```python
    embedder = keras_bigs.models.BiGSTextEmbedder.from_preset("bigs_mini_en_uncased")
    embeddings = embedder.encode_text(["A man sleeps.", "Somebody is asleep."])
    similarity = embedder.similarity(embeddings, embeddings)
    ```
    """

    preprocessor_cls = BiGSTextEmbedderPreprocessor

    def __init__(self, backbone, preprocessor=None, normalize=True, **kwargs):
        # === Layers ===
        self.backbone = backbone
        self.preprocessor = validate_preprocessor(preprocessor, type(self), backbone)
        self.pooling = MeanPooling(dtype=backbone.dtype_policy, name="mean_pooling")

        # === Functional model ===
        inputs = backbone.input
        outputs = self.pooling(
            backbone(inputs)["sequence_output"], padding_mask=inputs["padding_mask"]
        )
        if normalize:
            outputs = to_unit_length(outputs)
        super().__init__(inputs=inputs, outputs=outputs, **kwargs)

        # === Config ===
        self.normalize = normalize

    def similarity(self, first, second):
        """Dot products of embeddings: cosine similarities if they are normalized.

        Args:
            first: `(m, hidden_dim)`.
            second: `(n, hidden_dim)`.

        Returns:
            `(m, n)`.
        """
        return ops.matmul(first, ops.transpose(second))

    def get_config(self):
        config = super().get_config()
        config["normalize"] = self.normalize
        return config


def to_unit_length(x):
    """Vectors `(batch, dim)` divided by their length, where it is not below 1e-7.

    The gradient of `keras.ops.normalize` (Keras 3.15) is not a number at zero, which is
    where a text without tokens is, and so would be that of all weights.
    """
    wide = ops.cast(x, keras.backend.result_type(x.dtype, "float32"))
    squares = ops.sum(ops.square(wide), axis=-1, keepdims=True)
    return ops.cast(wide * ops.rsqrt(ops.maximum(squares, 1e-14)), x.dtype)
