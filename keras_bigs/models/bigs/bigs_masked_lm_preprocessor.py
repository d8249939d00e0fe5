"""Text to masked language modeling examples."""

import keras
from keras_hub.models import MaskedLMPreprocessor

from keras_bigs.models.bigs.bigs_backbone import BiGSBackbone
from keras_bigs.models.bigs.bigs_tokenizer import BiGSTokenizer
from keras_bigs.models.segment_packer import PacksSegments


@keras.saving.register_keras_serializable("keras_bigs")
class BiGSMaskedLMPreprocessor(PacksSegments, MaskedLMPreprocessor):
    """Tokenizes, packs and masks text for `BiGSMaskedLM`.

    Each call draws new masks: `mask_selection_rate` of the tokens that are not special
    are selected, of which 80% become `"[MASK]"`, 10% a random token and 10% stay
    (paper, section 5; Devlin et al. 2019).

    Args:
        tokenizer: `BiGSTokenizer`.
        sequence_length: int. The length of packed inputs, in tokens, at least 4.
        truncate: `"round_robin"` or `"waterfall"`; how several segments share it.
        mask_selection_rate: float. The share of tokens to select.
        mask_selection_length: int. The most that are selected in a sequence.
        mask_token_rate: float. The share of selected tokens replaced by `"[MASK]"`.
        random_token_rate: float. The share of selected tokens replaced at random.

    Call arguments:
        x: a string, a batch of strings, or a tuple of such, one a segment.

    Returns:
        `(x, y, sample_weight)`: a dict of `token_ids`, `segment_ids`, `padding_mask`,
        each `(batch, sequence_length)`, and `mask_positions`,
        `(batch, mask_selection_length)`; the ids of the selected tokens; and 1 where
        there is one, 0 elsewhere.

    Example:
    ```python
    preprocessor = keras_bigs.models.BiGSMaskedLMPreprocessor.from_preset(
        "bigs_mini_en_uncased", sequence_length=16, mask_selection_length=3
    )
    x, y, sample_weight = preprocessor(["The quick brown fox jumped."])
    ```
    """

    backbone_cls = BiGSBackbone
    tokenizer_cls = BiGSTokenizer

    def build(self, input_shape):
        super().build(input_shape)
        # There is nothing to build; see `row_prediction`.
        self.masker.built = True
