"""Classification and regression of texts and pairs of texts."""

import keras
import numpy as np
from keras_hub.models import TextClassifier

from keras_bigs.models.bigs.bigs_task import BiGSClassifier
from keras_bigs.models.bigs.bigs_text_classifier_preprocessor import (
    BiGSTextClassifierPreprocessor,
)


@keras.saving.register_keras_serializable("keras_bigs")
class BiGSTextClassifier(BiGSClassifier, TextClassifier):
    """Classifies a text, or a pair, from the backbone's pooled output.

    With `num_classes=1` it is a regressor: one number a text, by default trained with
    the mean squared error. With `multi_label=True` a text has any number of classes:
    labels are rows of zeros and ones, one a class, and each class has a sigmoid of its
    own, by default trained with the binary cross-entropy, the mean over classes.

    Args:
        backbone: `BiGSBackbone` or `PooledEncoder`.
        num_classes: int. The number of classes, or 1 for regression.
        preprocessor: `BiGSTextClassifierPreprocessor` or `None`. Without one, inputs
            must be tokenized and packed.
        activation: activation of the output, `None` for logits. With `multi_label`,
            `None` or `"sigmoid"`.
        dropout: float. Dropout before the output layer.
        multi_label: bool. Whether a text has any number of classes, none included,
            instead of exactly one.
        **kwargs: as for `keras_hub.models.TextClassifier`.

    Call arguments:
        inputs: the backbone's inputs.

    Returns:
        `(batch, num_classes)`.

    Raises:
        ValueError: `num_classes` below 1; or, with `multi_label`, below 2, or another
            activation than these; a preprocessor of another task, or whose tokenizer
            has more tokens than the backbone. `fit` and `evaluate`: labels that are
            none of the classes.

    Example:
    ```python
    classifier = keras_bigs.models.BiGSTextClassifier.from_preset(
        "bigs_mini_en_uncased", num_classes=2
    )
    classifier.fit(["What an amazing movie!", "A waste of time."], [1, 0])
    classifier.fit((["A man sleeps."], ["Somebody is asleep."]), [1])
    classifier.predict(["Great!"])
    ```

    Any number of labels a text:
    ```python
    tagger = keras_bigs.models.BiGSTextClassifier.from_preset(
        "bigs_mini_en_uncased", num_classes=3, multi_label=True
    )
    texts = ["The minister opened the games.", "Rain all day."]
    tagger.fit(texts, np.array([[1, 1, 0], [0, 0, 0]]))  # politics, sport, science
    logits = tagger.predict(["A new telescope."])
    probabilities = 1 / (1 + np.exp(-logits))
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
        multi_label=False,
        **kwargs,
    ):
        if num_classes < 1:
            raise ValueError(
                "`num_classes` must be at least 1 (1 is regression). "
                f"Received: num_classes={num_classes}"
            )
        if multi_label and num_classes == 1:
            raise ValueError(
                "`num_classes` must be at least 2 with `multi_label=True`. Received: "
                "num_classes=1, which is regression. For one label that a text has or "
                "lacks, use num_classes=2 and multi_label=False."
            )
        is_sigmoid_or_linear = keras.activations.get(activation) in (
            keras.activations.linear,
            keras.activations.sigmoid,
        )
        if multi_label and not is_sigmoid_or_linear:
            raise ValueError(
                '`activation` must be `None`, for logits, or "sigmoid" with '
                "`multi_label=True`, where each class has a probability of its own. "
                f"Received: activation={activation!r}"
            )
        # === Config ===
        # Before `super().__init__()`, which compiles the model.
        self.multi_label = multi_label
        super().__init__(
            backbone, num_classes, preprocessor, activation, dropout, **kwargs
        )

    def compile(self, optimizer="auto", loss="auto", *, metrics="auto", **kwargs):
        """Configures training, with defaults for whatever is `"auto"`.

        Args:
            optimizer: `"auto"` for Adam at 5e-5, or an optimizer.
            loss: `"auto"` for sparse categorical cross-entropy, the mean squared error
                for regression (`num_classes=1`), or binary cross-entropy with
                `multi_label`; or a loss.
            metrics: `"auto"` for accuracy, the root mean squared error for regression,
                or with `multi_label` the accuracy over all pairs of a text and a class
                (a class is predicted above probability 0.5); or a list of metrics.
            **kwargs: as for `keras.Model.compile`.
        """
        if self.num_classes == 1:
            if loss == "auto":
                loss = keras.losses.MeanSquaredError()
            if metrics == "auto":
                metrics = [keras.metrics.RootMeanSquaredError()]
        elif self.multi_label:
            from_logits = self.activation == keras.activations.linear
            if loss == "auto":
                loss = keras.losses.BinaryCrossentropy(from_logits=from_logits)
            if metrics == "auto":
                threshold = 0.0 if from_logits else 0.5
                metrics = [keras.metrics.BinaryAccuracy(threshold=threshold)]
        super().compile(optimizer=optimizer, loss=loss, metrics=metrics, **kwargs)

    def check_labels(self, y):
        if self.num_classes == 1 or not isinstance(y, list | np.ndarray):
            return
        y = np.asarray(y)
        if y.dtype.kind not in "iufb":
            raise ValueError(
                f"`y` must be numbers: the class of each text as an int from 0 to "
                f"{self.num_classes - 1}, or with `multi_label` a row of zeros and "
                f"ones. Received: {y[:3]!r}"
            )
        if self.multi_label:
            if y.shape[1:] != (self.num_classes,) or not ((y >= 0) & (y <= 1)).all():
                raise ValueError(
                    "`y` must have a row of zeros and ones for each text, with a "
                    f"column for each of `num_classes={self.num_classes}`. Received: "
                    f"y.shape={y.shape}, from {y.min(initial=1)} to {y.max(initial=0)}"
                )
            return
        loss = self.loss
        takes_classes = isinstance(loss, keras.losses.SparseCategoricalCrossentropy)
        # Another loss, or a class that it leaves out, is the caller's to know.
        if not takes_classes or loss.ignore_class is not None:
            return
        if not ((y >= 0) & (y < self.num_classes)).all():
            raise ValueError(
                f"`y` must be classes from 0 to {self.num_classes - 1}. Correct the "
                "labels, or build the task with more classes. Received: labels from "
                f"{y.min()} to {y.max()}, num_classes={self.num_classes}"
            )

    def get_config(self):
        config = super().get_config()
        config["multi_label"] = self.multi_label
        return config
