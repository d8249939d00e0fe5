"""What all tasks share, and what classifiers do."""

import contextlib

import keras

from keras_bigs.compat.inner_layers import inner_layers
from keras_bigs.models.bigs.bigs_backbone import BiGSBackbone
from keras_bigs.models.bigs.bigs_backbone import bigs_kernel_initializer
from keras_bigs.models.bigs.known_arguments import KnownArguments
from keras_bigs.models.bigs.quantizable import Quantizable
from keras_bigs.models.bigs.validate_preprocessor import validate_preprocessor
from keras_bigs.models.export.exportable import Exportable
from keras_bigs.models.raw_inputs import RawInputs


class BiGSTask(KnownArguments, Quantizable, Exportable, RawInputs):
    """Goes before a task's own base class."""

    backbone_cls = BiGSBackbone

    def get_config(self):
        config = super().get_config()
        # A backbone's config tells which of its layers are quantized, and how; here
        # those of the head are added, which has its policy from the backbone.
        inside = {id(layer) for layer in inner_layers(self.backbone)}
        head = {
            layer.path: layer.dtype_policy
            for layer in inner_layers(self, include_self=False)
            if id(layer) not in inside and layer.quantization_mode is not None
        }
        if head:
            backbone = config["backbone"]["config"]
            policy_map = keras.dtype_policies.get(backbone["dtype"])
            if not isinstance(policy_map, keras.dtype_policies.DTypePolicyMap):
                policy_map = keras.dtype_policies.DTypePolicyMap()
            for path, policy in head.items():
                if isinstance(policy, keras.dtype_policies.DTypePolicyMap):
                    policy = policy[path]
                if path not in policy_map:
                    policy_map[path] = policy
            backbone["dtype"] = keras.dtype_policies.serialize(policy_map)
        return config

    def save_task_weights(self, filepath):
        """See `keras_hub.models.Task`; without the optimizer's state, twice the size of
        all weights, which a newly built task cannot load."""
        with self._without_optimizer():
            super().save_task_weights(filepath)

    def load_task_weights(self, filepath):
        """See `keras_hub.models.Task`; leaves the optimizer as it is."""
        with self._without_optimizer():
            super().load_task_weights(filepath)

    @contextlib.contextmanager
    def _without_optimizer(self):
        optimizer, self.optimizer = self.optimizer, None
        try:
            yield
        finally:
            self.optimizer = optimizer


class BiGSClassifier(BiGSTask):
    """Classes from an output of the backbone, by dropout and a dense layer.

    Args:
        backbone: `BiGSBackbone` or `PooledEncoder`.
        num_classes: int. The number of classes.
        preprocessor: the preprocessor of the task, or `None`.
        activation: activation of the output, `None` for logits.
        dropout: float. Dropout before the output layer.
        **kwargs: as for `keras_hub.models.Task`.
    """

    # The output of the backbone that is classified.
    backbone_output = None

    def __init__(
        self,
        backbone,
        num_classes,
        preprocessor=None,
        activation=None,
        dropout=0.1,
        **kwargs,
    ):
        # === Layers ===
        self.backbone = backbone
        self.preprocessor = validate_preprocessor(preprocessor, type(self), backbone)
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

        # === Config ===
        # Before `super().__init__()`, which compiles the model.
        self.num_classes = num_classes
        self.activation = keras.activations.get(activation)
        self.dropout = dropout

        # === Functional model ===
        inputs = backbone.input
        x = backbone(inputs)[self.backbone_output]
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
