"""Fixed-size embeddings of texts."""

import keras
from keras import ops
from keras_hub.models import TextEmbedder

from keras_bigs.layers import MeanPooling
from keras_bigs.models.bigs.bigs_backbone import BiGSBackbone
from keras_bigs.models.bigs.bigs_text_embedder_preprocessor import (
    BiGSTextEmbedderPreprocessor,
)
from keras_bigs.models.export import Exportable
from keras_bigs.models.fit_preprocessor import fit_preprocessor


@keras.saving.register_keras_serializable("keras_bigs")
class BiGSTextEmbedder(Exportable, TextEmbedder):
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
        `(batch, hidden_dim)`.

    Example:
    ```python
    embedder = keras_bigs.models.BiGSTextEmbedder.from_preset(path)
    embeddings = embedder.encode_text(["A man sleeps.", "Somebody is asleep."])
    similarity = embedder.similarity(embeddings, embeddings)
    ```
    """

    backbone_cls = BiGSBackbone
    preprocessor_cls = BiGSTextEmbedderPreprocessor

    def __init__(self, backbone, preprocessor=None, normalize=True, **kwargs):
        self.backbone = backbone
        self.preprocessor = fit_preprocessor(preprocessor, backbone)
        self.pooling = MeanPooling(dtype=backbone.dtype_policy, name="mean_pooling")
        inputs = backbone.input
        outputs = self.pooling(
            backbone(inputs)["sequence_output"], padding_mask=inputs["padding_mask"]
        )
        if normalize:
            outputs = ops.normalize(outputs, axis=-1, order=2)
        super().__init__(inputs=inputs, outputs=outputs, **kwargs)
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
