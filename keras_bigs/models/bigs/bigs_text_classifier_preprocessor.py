"""Text to classifier inputs."""

import keras
from keras_hub.models import TextClassifierPreprocessor

from keras_bigs.models.bigs.bigs_backbone import BiGSBackbone
from keras_bigs.models.bigs.bigs_tokenizer import BiGSTokenizer
from keras_bigs.models.packed_preprocessor import separator
from keras_bigs.models.segment_packer import PacksSegments


@keras.saving.register_keras_serializable("keras_bigs")
class BiGSTextClassifierPreprocessor(PacksSegments, TextClassifierPreprocessor):
    """Tokenizes and packs one text or several: `[CLS] a [SEP] b [SEP]`.

    Args:
        tokenizer: `BiGSTokenizer`, or BART's or FNet's, see `load_tokenizer`. With
            BART's it packs `<s> a </s></s> b </s>`.
        sequence_length: int. The length of packed inputs, in tokens, at least 4.
        truncate: `"round_robin"` or `"waterfall"`; how several segments share it.

    Call arguments:
        x: a string, a batch of strings, or a tuple of such, one a segment.
        y: optional labels, passed through.
        sample_weight: optional weights, passed through.

    Returns:
        A dict of `token_ids`, `segment_ids` and `padding_mask`, each
        `(batch, sequence_length)`; with `y` a tuple `(x, y)` and so on.

    Example:
    ```python
    preprocessor = keras_bigs.models.BiGSTextClassifierPreprocessor.from_preset(
        "bigs_mini_en_uncased", sequence_length=16
    )
    preprocessor("The quick brown fox jumped.")
    x, y = preprocessor((["A man sleeps."], ["Somebody is asleep."]), y=[1])
    ```
    """

    backbone_cls = BiGSBackbone
    tokenizer_cls = BiGSTokenizer

    def build(self, input_shape):
        super().build(input_shape)
        self.packer.sep_value = separator(self.tokenizer)
