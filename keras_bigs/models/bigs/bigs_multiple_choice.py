"""Multiple choice."""

import keras
from keras import ops

from keras_bigs.models.bigs.bigs_backbone import BiGSBackbone
from keras_bigs.models.bigs.bigs_backbone import bigs_kernel_initializer
from keras_bigs.models.bigs.bigs_multiple_choice_preprocessor import (
    BiGSMultipleChoicePreprocessor,
)
from keras_bigs.models.export import Exportable
from keras_bigs.models.fit_preprocessor import fit_preprocessor
from keras_bigs.models.multiple_choice import MultipleChoice

# Finite in float16 too, and no probability next to any real logit.
MISSING_CHOICE_LOGIT = -3e4


@keras.saving.register_keras_serializable("keras_bigs")
class BiGSMultipleChoice(Exportable, MultipleChoice):
    """Scores each choice from the pooled output of context and choice.

    Args:
        backbone: `BiGSBackbone`.
        preprocessor: `BiGSMultipleChoicePreprocessor` or `None`. Without one, inputs
            must be tokenized and packed.
        dropout: float. Dropout before the output layer.
        **kwargs: as for `keras_hub.models.Task`.

    Call arguments:
        inputs: dict of `token_ids`, `segment_ids`, `padding_mask`, each
            `(batch, choices, length)`. A choice that is all padding is missing.

    Returns:
        `(batch, choices)` logits, -3e4 at missing choices.

    Example:
    ```python
    chooser = keras_bigs.models.BiGSMultipleChoice.from_preset(path)
    contexts = ["It rained all day."]
    choices = [["She got wet.", "She flew to the moon."]]
    chooser.fit((contexts, choices), [0])
    chooser.predict((contexts, choices)).argmax(axis=-1)
    ```
    """

    backbone_cls = BiGSBackbone
    preprocessor_cls = BiGSMultipleChoicePreprocessor

    def __init__(self, backbone, preprocessor=None, dropout=0.1, **kwargs):
        self.backbone = backbone
        self.preprocessor = fit_preprocessor(preprocessor, backbone)
        self.output_dropout = keras.layers.Dropout(
            dropout, dtype=backbone.dtype_policy, name="choice_dropout"
        )
        self.output_dense = keras.layers.Dense(
            1,
            kernel_initializer=bigs_kernel_initializer(backbone.hidden_dim),
            dtype=backbone.dtype_policy,
            name="logits",
        )
        self.dropout = dropout
        inputs = {
            name: keras.Input(shape=(None, None), dtype="int32", name=name)
            for name in ("token_ids", "segment_ids", "padding_mask")
        }
        merge = MergeChoices(dtype="int32", name="merge_choices")
        pooled = backbone({name: merge(x) for name, x in inputs.items()})[
            "pooled_output"
        ]
        logits = self.output_dense(self.output_dropout(pooled))
        outputs = SplitChoices(dtype=backbone.dtype_policy, name="split_choices")(
            logits, inputs["padding_mask"]
        )
        super().__init__(inputs=inputs, outputs=outputs, **kwargs)

    def get_config(self):
        config = super().get_config()
        config["dropout"] = self.dropout
        return config


@keras.saving.register_keras_serializable("keras_bigs")
class MergeChoices(keras.layers.Layer):
    """`(batch, choices, length)` to `(batch * choices, length)`, all sizes dynamic."""

    def call(self, inputs):
        return ops.reshape(inputs, (-1, ops.shape(inputs)[-1]))

    def compute_output_spec(self, inputs):
        return keras.KerasTensor((None, inputs.shape[-1]), inputs.dtype)


@keras.saving.register_keras_serializable("keras_bigs")
class SplitChoices(keras.layers.Layer):
    """`(batch * choices, 1)` logits to `(batch, choices)`, missing ones masked."""

    def call(self, inputs, padding_mask):
        logits = ops.reshape(inputs, ops.shape(padding_mask)[:2])
        is_missing = ops.max(padding_mask, axis=-1) == 0
        return ops.where(
            is_missing, ops.cast(MISSING_CHOICE_LOGIT, logits.dtype), logits
        )

    def compute_output_spec(self, inputs, padding_mask):
        return keras.KerasTensor(padding_mask.shape[:2], inputs.dtype)
