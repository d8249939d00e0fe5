"""Classification of words."""

import keras

from keras_bigs.models.bigs.bigs_task import BiGSClassifier
from keras_bigs.models.bigs.bigs_token_classifier_preprocessor import (
    BiGSTokenClassifierPreprocessor,
)
from keras_bigs.models.token_classifier import TokenClassifier


@keras.saving.register_keras_serializable("keras_bigs")
class BiGSTokenClassifier(BiGSClassifier, TokenClassifier):
    """Classifies each token from the backbone's sequence output.

    Args:
        backbone: `BiGSBackbone` or `PooledEncoder`.
        num_classes: int. The number of classes.
        preprocessor: `BiGSTokenClassifierPreprocessor` or `None`. Without one, inputs
            must be tokenized and packed.
        activation: activation of the output, `None` for logits.
        dropout: float. Dropout before the output layer.
        **kwargs: as for `keras_hub.models.Task`.

    Call arguments:
        inputs: the backbone's inputs.

    Returns:
        `(batch, length, num_classes)`.

    Raises:
        ValueError: `num_classes` below 2; a preprocessor of another task, or whose
            tokenizer has more tokens than the backbone. `fit` and `evaluate`: labels
            that do not match the words or the classes.

    Example:
    ```python
    classifier = keras_bigs.models.BiGSTokenClassifier.from_preset(
        "bigs_mini_en_uncased", num_classes=3
    )
    classifier.fit([["Ada", "wrote", "it"], ["Hello"]], [[1, 0, 0], [0]])
    classifier.predict([["Ada", "wrote"]])  # logits of tokens
    classifier.classify_words([["Ada", "wrote"]])  # classes of words
    ```
    """

    preprocessor_cls = BiGSTokenClassifierPreprocessor
    backbone_output = "sequence_output"

    def __init__(
        self,
        backbone,
        num_classes,
        preprocessor=None,
        activation=None,
        dropout=0.1,
        **kwargs,
    ):
        if num_classes < 2:
            raise ValueError(
                f"`num_classes` must be at least 2. Received: num_classes={num_classes}"
            )
        super().__init__(
            backbone, num_classes, preprocessor, activation, dropout, **kwargs
        )
