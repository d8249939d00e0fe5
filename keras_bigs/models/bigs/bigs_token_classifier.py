"""Classification of words."""

import keras

from keras_bigs.models.bigs.bigs_backbone import BiGSBackbone
from keras_bigs.models.bigs.bigs_backbone import bigs_kernel_initializer
from keras_bigs.models.bigs.bigs_token_classifier_preprocessor import (
    BiGSTokenClassifierPreprocessor,
)
from keras_bigs.models.export import Exportable
from keras_bigs.models.fit_preprocessor import fit_preprocessor
from keras_bigs.models.token_classifier import TokenClassifier


@keras.saving.register_keras_serializable("keras_bigs")
class BiGSTokenClassifier(Exportable, TokenClassifier):
    """Classifies each token from the backbone's sequence output.

    Args:
        backbone: `BiGSBackbone`.
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
        ValueError: `num_classes` below 2.

    Example:
    ```python
    classifier = keras_bigs.models.BiGSTokenClassifier.from_preset(path, num_classes=3)
    classifier.fit([["Ada", "wrote", "it"], ["Hello"]], [[1, 0, 0], [0]])
    classifier.predict([["Ada", "wrote"]])  # logits of tokens
    classifier.classify_words([["Ada", "wrote"]])  # classes of words
    ```
    """

    backbone_cls = BiGSBackbone
    preprocessor_cls = BiGSTokenClassifierPreprocessor

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
        x = backbone(inputs)["sequence_output"]
        outputs = self.output_dense(self.output_dropout(x))
        super().__init__(inputs=inputs, outputs=outputs, **kwargs)

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
