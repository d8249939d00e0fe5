"""Classification and regression of texts and pairs of texts."""

import keras
from keras_hub.models import TextClassifier

from keras_bigs.models.bigs.bigs_backbone import BiGSBackbone
from keras_bigs.models.bigs.bigs_backbone import bigs_kernel_initializer
from keras_bigs.models.bigs.bigs_text_classifier_preprocessor import (
    BiGSTextClassifierPreprocessor,
)
from keras_bigs.models.export import Exportable
from keras_bigs.models.fit_preprocessor import fit_preprocessor


@keras.saving.register_keras_serializable("keras_bigs")
class BiGSTextClassifier(Exportable, TextClassifier):
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
    classifier = keras_bigs.models.BiGSTextClassifier.from_preset(path, num_classes=2)
    classifier.fit(["What an amazing movie!", "A waste of time."], [1, 0])
    classifier.fit((["A man sleeps."], ["Somebody is asleep."]), [1])
    classifier.predict(["Great!"])
    ```
    """

    backbone_cls = BiGSBackbone
    preprocessor_cls = BiGSTextClassifierPreprocessor

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
        self.backbone = backbone
        self.preprocessor = fit_preprocessor(preprocessor, backbone)
        self.output_dropout = keras.layers.Dropout(
            dropout, dtype=backbone.dtype_policy, name="classifier_dropout"
        )
        self.output_dense = keras.layers.Dense(
            num_classes,
            kernel_initializer=bigs_kernel_initializer(backbone.hidden_dim),
            activation=activation,
            dtype=backbone.dtype_policy,
            name="logits",
        )
        # Before `super().__init__()`, which compiles the model.
        self.num_classes = num_classes
        self.activation = keras.activations.get(activation)
        self.dropout = dropout
        inputs = backbone.input
        pooled = backbone(inputs)["pooled_output"]
        outputs = self.output_dense(self.output_dropout(pooled))
        super().__init__(inputs=inputs, outputs=outputs, **kwargs)

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

    def get_config(self):
        config = super().get_config()
        config.update(
            {
                "num_classes": self.num_classes,
                "activation": keras.activations.serialize(self.activation),
                "dropout": self.dropout,
            }
        )
        return config
