"""Classification and regression of texts and pairs of texts."""

import keras
from keras_hub.models import TextClassifier

from keras_bigs.models.bigs.bigs_task import BiGSClassifier
from keras_bigs.models.bigs.bigs_text_classifier_preprocessor import (
    BiGSTextClassifierPreprocessor,
)


@keras.saving.register_keras_serializable("keras_bigs")
class BiGSTextClassifier(BiGSClassifier, TextClassifier):
    """Classifies a text, or a pair, from the backbone's pooled output.

    With `num_classes=1` it is a regressor: one number a text, by default trained with
    the mean squared error.

    Args:
        backbone: `BiGSBackbone`.
        num_classes: int. The number of classes, or 1 for regression.
        preprocessor: `BiGSTextClassifierPreprocessor` or `None`. Without one, inputs
            must be tokenized and packed.
        activation: activation of the output, `None` for logits.
        dropout: float. Dropout before the output layer.
        **kwargs: as for `keras_hub.models.TextClassifier`.

    Call arguments:
        inputs: the backbone's inputs.

    Returns:
        `(batch, num_classes)`.

    Raises:
        ValueError: `num_classes` below 1.

    Example:
    ```python
    classifier = keras_bigs.models.BiGSTextClassifier.from_preset(
        "bigs_mini_en_uncased", num_classes=2
    )
    classifier.fit(["What an amazing movie!", "A waste of time."], [1, 0])
    classifier.fit((["A man sleeps."], ["Somebody is asleep."]), [1])
    classifier.predict(["Great!"])
    ```
    """

    preprocessor_cls = BiGSTextClassifierPreprocessor
    backbone_output = "pooled_output"

    def __init__(
        self,
        backbone,
        num_classes,
        preprocessor=None,
        activation=None,
        dropout=0.1,
        **kwargs,
    ):
        if num_classes < 1:
            raise ValueError(
                "`num_classes` must be at least 1 (1 is regression). "
                f"Received: num_classes={num_classes}"
            )
        super().__init__(
            backbone, num_classes, preprocessor, activation, dropout, **kwargs
        )

    def compile(self, optimizer="auto", loss="auto", *, metrics="auto", **kwargs):
        """Configures training, with defaults for whatever is `"auto"`.

        Args:
            optimizer: `"auto"` for Adam at 5e-5, or an optimizer.
            loss: `"auto"` for sparse categorical cross-entropy, or the mean squared
                error for regression (`num_classes=1`); or a loss.
            metrics: `"auto"` for accuracy, or the root mean squared error for
                regression; or a list of metrics.
            **kwargs: as for `keras.Model.compile`.
        """
        if self.num_classes == 1:
            if loss == "auto":
                loss = keras.losses.MeanSquaredError()
            if metrics == "auto":
                metrics = [keras.metrics.RootMeanSquaredError()]
        super().compile(optimizer=optimizer, loss=loss, metrics=metrics, **kwargs)
