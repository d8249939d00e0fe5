"""Multiple choice."""

import keras
from keras import ops

from keras_bigs.models.bigs.bigs_backbone import bigs_kernel_initializer
from keras_bigs.models.bigs.bigs_multiple_choice_preprocessor import (
    BiGSMultipleChoicePreprocessor,
)
from keras_bigs.models.bigs.bigs_task import BiGSTask
from keras_bigs.models.bigs.validate_preprocessor import validate_preprocessor
from keras_bigs.models.multiple_choice import MultipleChoice

# Finite in float16 too, and no probability next to any real logit.
MISSING_CHOICE_LOGIT = -3e4


@keras.saving.register_keras_serializable("keras_bigs")
class BiGSMultipleChoice(BiGSTask, MultipleChoice):
    """Scores each choice from the pooled output of context and choice.

    Args:
        backbone: `BiGSBackbone` or `PooledEncoder`.
        preprocessor: `BiGSMultipleChoicePreprocessor` or `None`. Without one, inputs
            must be tokenized and packed.
        dropout: float. Dropout before the output layer.
        **kwargs: as for `keras_hub.models.Task`.

    Call arguments:
        inputs: dict of `token_ids`, `segment_ids`, `padding_mask`, each
            `(batch, choices, length)`. A choice that is all padding is missing.

    Returns:
        `(batch, choices)` logits, -3e4 at missing choices.

    Raises:
        ValueError: a preprocessor of another task, or whose tokenizer has more tokens
            than the backbone.

    Example:
    ```python
    chooser = keras_bigs.models.BiGSMultipleChoice.from_preset("bigs_mini_en_uncased")
    contexts = ["It rained all day."]
    choices = [["She got wet.", "She flew to the moon."]]
    chooser.fit((contexts, choices), [0])
    chooser.predict((contexts, choices)).argmax(axis=-1)
    ```
    """

    preprocessor_cls = BiGSMultipleChoicePreprocessor

    def __init__(self, backbone, preprocessor=None, dropout=0.1, **kwargs):
        # === Layers ===
        self.backbone = backbone
        self.preprocessor = validate_preprocessor(preprocessor, type(self), backbone)
        self.output_dropout = keras.layers.Dropout(
            dropout, dtype=backbone.dtype_policy, name="choice_dropout"
        )
        self.output_dense = keras.layers.Dense(
            1,
            kernel_initializer=bigs_kernel_initializer(backbone.hidden_dim),
            dtype=backbone.dtype_policy,
            name="logits",
        )
        self.merge_choices = MergeChoices(dtype="int32", name="merge_choices")
        self.split_choices = SplitChoices(
            dtype=backbone.dtype_policy, name="split_choices"
        )

        # === Functional model ===
        inputs = {
            name: keras.Input(shape=(None, None), dtype="int32", name=name)
            for name in ("token_ids", "segment_ids", "padding_mask")
        }
        merged = {name: self.merge_choices(x) for name, x in inputs.items()}
        x = backbone(merged)["pooled_output"]
        x = self.output_dense(self.output_dropout(x))
        outputs = self.split_choices(x, inputs["padding_mask"])
        super().__init__(inputs=inputs, outputs=outputs, **kwargs)

        # === Config ===
        self.dropout = dropout

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

    # Keras writes a config by itself only while `dtype` is given as a string.
    def get_config(self):
        return super().get_config()
