"""Extractive question answering."""

import keras

from keras_bigs.models.bigs.bigs_backbone import bigs_kernel_initializer
from keras_bigs.models.bigs.bigs_question_answerer_preprocessor import (
    BiGSQuestionAnswererPreprocessor,
)
from keras_bigs.models.bigs.bigs_task import BiGSTask
from keras_bigs.models.bigs.validate_preprocessor import validate_preprocessor
from keras_bigs.models.question_answerer import QuestionAnswerer


@keras.saving.register_keras_serializable("keras_bigs")
class BiGSQuestionAnswerer(BiGSTask, QuestionAnswerer):
    """Finds where an answer starts and ends, from the backbone's sequence output.

    Args:
        backbone: `BiGSBackbone` or `PooledEncoder`.
        preprocessor: `BiGSQuestionAnswererPreprocessor` or `None`. Without one, inputs
            must be tokenized and packed, and labels be positions of tokens.
        dropout: float. Dropout before the output layer.
        **kwargs: as for `keras_hub.models.Task`.

    Call arguments:
        inputs: the backbone's inputs.

    Returns:
        dict of `start_logits` and `end_logits`, each `(batch, length)`: how likely each
        position is the answer's first and last. At questions, special tokens and
        padding they are computed like anywhere; `answer` leaves them out.

    Raises:
        ValueError: a preprocessor of another task, or whose tokenizer has more tokens
            than the backbone.

    Example:
    ```python
    answerer = keras_bigs.models.BiGSQuestionAnswerer.from_preset(
        "bigs_mini_en_uncased"
    )
    answerer.fit(
        (["Who wrote it?"], ["Ada Lovelace wrote it."]),
        {"answer_text": ["Ada Lovelace"], "answer_start": [0]},
    )
    answerer.answer("Who wrote it?", "Ada Lovelace wrote it.")
    ```
    """

    preprocessor_cls = BiGSQuestionAnswererPreprocessor

    def __init__(self, backbone, preprocessor=None, dropout=0.0, **kwargs):
        # === Layers ===
        self.backbone = backbone
        self.preprocessor = validate_preprocessor(preprocessor, type(self), backbone)
        self.output_dropout = keras.layers.Dropout(
            dropout, dtype=backbone.dtype_policy, name="span_dropout"
        )
        self.output_dense = keras.layers.Dense(
            2,
            kernel_initializer=bigs_kernel_initializer(backbone.hidden_dim),
            dtype=backbone.dtype_policy,
            name="span_logits",
        )

        # === Functional model ===
        inputs = backbone.input
        x = backbone(inputs)["sequence_output"]
        x = self.output_dense(self.output_dropout(x))
        outputs = {"start_logits": x[..., 0], "end_logits": x[..., 1]}
        super().__init__(inputs=inputs, outputs=outputs, **kwargs)

        # === Config ===
        self.dropout = dropout

    def get_config(self):
        config = super().get_config()
        config["dropout"] = self.dropout
        return config
