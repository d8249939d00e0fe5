"""Text to embedder inputs."""

import keras
from keras_hub.models import TextEmbedderPreprocessor

from keras_bigs.models.bigs.bigs_backbone import BiGSBackbone
from keras_bigs.models.bigs.bigs_tokenizer import BiGSTokenizer
from keras_bigs.models.segment_packer import PacksSegments


@keras.saving.register_keras_serializable("keras_bigs")
class BiGSTextEmbedderPreprocessor(PacksSegments, TextEmbedderPreprocessor):
    """Tokenizes and packs texts for `BiGSTextEmbedder`.

    Args:
        tokenizer: `BiGSTokenizer`.
        sequence_length: int. The length of packed inputs, in tokens, at least 4.
        truncate: `"round_robin"` or `"waterfall"`; how several segments share it.

    Call arguments:
        x: a string, a batch of strings, or a tuple of such, one a segment.
        y: optional labels, passed through.
        sample_weight: optional weights, passed through.

    Returns:
        A dict of `token_ids`, `segment_ids` and `padding_mask`, each
        `(batch, sequence_length)`.

    Example:
    ```python
    preprocessor = keras_bigs.models.BiGSTextEmbedderPreprocessor.from_preset(
        "bigs_mini_en_uncased", sequence_length=16
    )
    preprocessor(["A man sleeps.", "Somebody is asleep."])
    ```
    """

    backbone_cls = BiGSBackbone
    tokenizer_cls = BiGSTokenizer

    def _format_output(self, token_ids, segment_ids):
        return {
            "token_ids": token_ids,
            "segment_ids": segment_ids,
            "padding_mask": token_ids != self.tokenizer.pad_token_id,
        }
