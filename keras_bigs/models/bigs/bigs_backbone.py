"""The encoder: embeddings, blocks around routing layers, two outputs."""

import keras
from keras_hub.layers import PositionEmbedding
from keras_hub.models import Backbone

from keras_bigs.compat.preset_metadata import correct_tasks
from keras_bigs.compat.torch_layers import ReversibleEmbedding
from keras_bigs.layers import BLOCKS
from keras_bigs.layers import MeanPooling
from keras_bigs.layers import RoutingOptions
from keras_bigs.layers import gelu_tanh
from keras_bigs.layers import get_routing
from keras_bigs.models.bigs.known_arguments import KnownArguments
from keras_bigs.models.bigs.quantizable import Quantizable
from keras_bigs.models.export.exportable import Exportable
from keras_bigs.ssm import check_method


def bigs_kernel_initializer(hidden_dim=1024):
    """The initializer of dense kernels and, at its default, embeddings.

    The original's normal distribution of standard deviation 0.02 at a width of 1,024,
    widened in proportion to `1 / sqrt(hidden_dim)` for other widths. Routing multiplies
    two projections and gates multiply twice more, so that with 0.02 at a width of 64
    hardly any signal would pass a block, nor a gradient.

    Args:
        hidden_dim: int. The width of the encoder.

    Returns:
        `keras.initializers.Initializer`.
    """
    return keras.initializers.RandomNormal(stddev=0.02 * (1024 / hidden_dim) ** 0.5)


def _without_weights(routing):
    """The name of a routing, or what describes a layer, built or not."""
    if not isinstance(routing, keras.layers.Layer):
        return routing
    described = keras.saving.serialize_keras_object(routing)
    described.pop("build_config", None)
    return described


@keras.saving.register_keras_serializable("keras_bigs")
class BiGSBackbone(KnownArguments, Quantizable, Exportable, Backbone):
    """A BiGS encoder, or any other pair of block and routing of the paper's Table 1.

    The sum of token, position and segment embeddings, layer normalized, goes through
    `num_layers` blocks (Wang et al. 2023, "Pretraining Without Attention", section 4).
    In each a routing layer lets tokens see each other, and the block around it does the
    rest. `block` and `routing` choose the architecture:

    | architecture     | `block`   | `routing`          |
    |------------------|-----------|--------------------|
    | BiGS             | `"gated"` | `"ssm"`            |
    | STACK/SSM        | `"stack"` | `"ssm"`            |
    | GATED/ATT        | `"gated"` | `"attention"`      |
    | BERT             | `"stack"` | `"attention"`      |
    | CNN              | `"stack"` | `"convolution"`    |
    | ELMo-style       | `"stack"` | `"lstm"`           |
    | FNet             | `"stack"` | `"fourier"`        |
    | Longformer-style | `"stack"` | `"sliding_window"` |

    Outputs at real tokens, and the pooled output, do not depend on how far an input is
    padded (to rounding), except with `mask_padding=False`, `pool_padding=True`, and
    Fourier routing, whose frequencies are those of the padded length.

    Args:
        vocabulary_size: int. The number of tokens.
        num_layers: int. The number of blocks.
        hidden_dim: int. The width of the encoder.
        intermediate_dim: int. The width inside a block: `3 * hidden_dim` in the
            paper's gated blocks, `4 * hidden_dim` in stacked ones. At least
            `hidden_dim`.
        state_dim: int. The state size `N` of SSMs.
        block: `"gated"` or `"stack"`.
        routing: the name of a routing layer (see `keras_bigs.layers.routing_names`), or
            a routing layer. Of that, every block gets a copy of the backbone's dtype,
            and of a seed of its own, if the layer has one. Its options are its own:
            `state_dim` and `method` say nothing of it, nor do `activation` and
            `dropout`, which are of the blocks then.
        dropout: float. Dropout of what blocks add to their input and of attention
            probabilities; and of embeddings, unless `embedding_dropout` is given.
        embedding_dropout: float or `None`. Dropout of embeddings; `None` is `dropout`.
            The original has dropout there alone: `dropout=0.0, embedding_dropout=0.1`.
        max_sequence_length: int. The number of position embeddings. SSMs themselves
            have no maximum length.
        num_segments: int. The number of segment embeddings.
        mask_padding: bool. Whether the routing is told which tokens are padding.
            `False` is the original implementation's behaviour, which converted
            checkpoints use: the backward SSM then starts in the padding.
        pool_padding: bool. Whether the pooled output is the mean over all positions,
            as in some of the original's checkpoints, instead of over real tokens.
        final_layer_norm: bool. Whether outputs of the last block are layer normalized.
            The original does not. Gated blocks add to their input without bounds, so
            that what a trained one hands on may be of any size, and heads that start
            from nothing learn badly from that: see `with_options`.
        method: string. The algorithm of SSMs, see `keras_bigs.ssm.convolve`.
        activation: the activation of the blocks. Defaults to tanh-approximated GELU.
        rematerialize: bool. Whether the backward pass computes each block again instead
            of keeping its activations: less memory for about a third more time. On CPUs
            JAX's compiler wastes what is saved, unless the environment has
            `XLA_FLAGS=--xla_cpu_enable_concurrency_optimized_scheduler=false`.
        dtype: dtype or `keras.DTypePolicy` of computations and weights. Kernel taps,
            SSM parameters, norms and softmax stay float32.
        **kwargs: `name`, `trainable` of `keras.Model`.

    Call arguments:
        inputs: dict of `token_ids`, `segment_ids`, `padding_mask`, each
            `(batch, length)` of int32; `padding_mask` is 1 at real tokens.

    Returns:
        dict of `sequence_output`, `(batch, length, hidden_dim)`, and `pooled_output`,
        `(batch, hidden_dim)`: the mean over real tokens, a dense layer and tanh.

    Raises:
        ValueError: an unknown block, routing or method, sizes that make no sense, or
            inputs longer than `max_sequence_length`.
        TypeError: an argument of another name.

    Example:
    ```python
    backbone = keras_bigs.models.BiGSBackbone(
        vocabulary_size=30522,
        num_layers=12,
        hidden_dim=256,
        intermediate_dim=768,
    )
    backbone({
        "token_ids": np.ones((1, 12), dtype="int32"),
        "segment_ids": np.zeros((1, 12), dtype="int32"),
        "padding_mask": np.array([[1] * 10 + [0] * 2]),
    })
    ```
    """

    def __init__(
        self,
        vocabulary_size,
        num_layers,
        hidden_dim,
        intermediate_dim,
        state_dim=64,
        block="gated",
        routing="ssm",
        dropout=0.1,
        embedding_dropout=None,
        max_sequence_length=512,
        num_segments=2,
        mask_padding=True,
        pool_padding=False,
        final_layer_norm=False,
        method="auto",
        activation=gelu_tanh,
        rematerialize=False,
        dtype=None,
        **kwargs,
    ):
        _check_sizes(
            vocabulary_size=vocabulary_size,
            num_layers=num_layers,
            hidden_dim=hidden_dim,
            intermediate_dim=intermediate_dim,
            state_dim=state_dim,
            max_sequence_length=max_sequence_length,
            num_segments=num_segments,
        )
        if block not in BLOCKS:
            raise ValueError(
                f"Unknown `block={block!r}`. Choose one of {sorted(BLOCKS)}."
            )
        check_method(method)
        activation = keras.activations.get(activation)

        # === Layers ===
        self.token_embedding = ReversibleEmbedding(
            vocabulary_size,
            hidden_dim,
            embeddings_initializer=bigs_kernel_initializer(),
            dtype=dtype,
            name="token_embedding",
        )
        self.position_embedding = PositionEmbedding(
            max_sequence_length,
            initializer=bigs_kernel_initializer(),
            dtype=dtype,
            name="position_embedding",
        )
        self.segment_embedding = keras.layers.Embedding(
            num_segments,
            hidden_dim,
            embeddings_initializer=bigs_kernel_initializer(),
            dtype=dtype,
            name="segment_embedding",
        )
        self.embeddings_add = keras.layers.Add(dtype=dtype, name="embeddings_add")
        self.embeddings_layer_norm = keras.layers.LayerNormalization(
            epsilon=1e-12, dtype=dtype, name="embeddings_layer_norm"
        )
        self.embeddings_dropout = keras.layers.Dropout(
            dropout if embedding_dropout is None else embedding_dropout,
            dtype=dtype,
            name="embeddings_dropout",
        )
        routing_options = RoutingOptions(
            block=block,
            state_dim=state_dim,
            method=method,
            max_length=max_sequence_length,
            dropout=dropout,
            activation=activation,
            kernel_initializer=bigs_kernel_initializer(hidden_dim),
            dtype=dtype,
        )
        self.blocks = [
            BLOCKS[block](
                intermediate_dim,
                routing=get_routing(routing, routing_options, copy=i),
                dropout=dropout,
                mask_padding=mask_padding,
                activation=activation,
                kernel_initializer=bigs_kernel_initializer(hidden_dim),
                rematerialize=rematerialize,
                dtype=dtype,
                name=f"block_{i}",
            )
            for i in range(num_layers)
        ]
        self.final_layer_norm = None
        if final_layer_norm:
            self.final_layer_norm = keras.layers.LayerNormalization(
                epsilon=1e-12, dtype=dtype, name="final_layer_norm"
            )
        self.pooling = MeanPooling(dtype=dtype, name="pooling")
        self.pooled_dense = keras.layers.Dense(
            hidden_dim,
            activation="tanh",
            kernel_initializer=bigs_kernel_initializer(hidden_dim),
            dtype=dtype,
            name="pooled_dense",
        )

        # === Functional model ===
        token_ids, segment_ids, padding_mask = (
            keras.Input(shape=(None,), dtype="int32", name=name)
            for name in ("token_ids", "segment_ids", "padding_mask")
        )
        tokens = self.token_embedding(token_ids)
        x = self.embeddings_add(
            (
                tokens,
                self.position_embedding(tokens),
                self.segment_embedding(segment_ids),
            )
        )
        x = self.embeddings_dropout(self.embeddings_layer_norm(x))
        for layer in self.blocks:
            x = layer(x, padding_mask=padding_mask)
        if self.final_layer_norm is not None:
            x = self.final_layer_norm(x)
        pooled = self.pooling(x, padding_mask=None if pool_padding else padding_mask)
        pooled = self.pooled_dense(pooled)
        super().__init__(
            inputs={
                "token_ids": token_ids,
                "segment_ids": segment_ids,
                "padding_mask": padding_mask,
            },
            outputs={"sequence_output": x, "pooled_output": pooled},
            dtype=dtype,
            **kwargs,
        )

        # === Config ===
        self.vocabulary_size = vocabulary_size
        self.num_layers = num_layers
        self.hidden_dim = hidden_dim
        self.intermediate_dim = intermediate_dim
        self.state_dim = state_dim
        self.block = block
        # Of a layer the config alone: as an attribute its weights would be ours.
        self.routing = _without_weights(routing)
        self.dropout = dropout
        self.embedding_dropout = embedding_dropout
        self.max_sequence_length = max_sequence_length
        self.num_segments = num_segments
        self.mask_padding = mask_padding
        self.pool_padding = pool_padding
        self.method = method
        self.activation = activation
        self.rematerialize = rematerialize

    def call(self, inputs, training=None, mask=None):
        shape = keras.tree.flatten(inputs)[0].shape
        if len(shape) != 2:
            raise ValueError(
                "The backbone takes `(batch, length)` token ids, segment ids and "
                f"padding mask. Received: inputs of shape {tuple(shape)}"
            )
        length = shape[1]
        # A symbolic length of an export cannot be compared.
        if isinstance(length, int) and length > self.max_sequence_length:
            raise ValueError(
                "The input is longer than the position embeddings reach: "
                f"length={length}, "
                f"max_sequence_length={self.max_sequence_length}. Shorten the input "
                "(a preprocessor's `sequence_length`) or build the backbone with a "
                "larger `max_sequence_length`."
            )
        return super().call(inputs, training=training, mask=mask)

    @property
    def depends_on_padding(self):
        """Whether outputs depend on how far an input is padded.

        Then inputs should be padded as they were in training.
        """
        routing = any(
            getattr(block.routing, "depends_on_padding", False) for block in self.blocks
        )
        return routing or self.pool_padding or not self.mask_padding

    def save_to_preset(self, preset_dir, max_shard_size=10):
        super().save_to_preset(preset_dir, max_shard_size)
        correct_tasks(preset_dir, type(self))

    def get_config(self):
        config = super().get_config()
        config.update(
            {
                "vocabulary_size": self.vocabulary_size,
                "num_layers": self.num_layers,
                "hidden_dim": self.hidden_dim,
                "intermediate_dim": self.intermediate_dim,
                "state_dim": self.state_dim,
                "block": self.block,
                "routing": self.routing,
                "dropout": self.dropout,
                "embedding_dropout": self.embedding_dropout,
                "max_sequence_length": self.max_sequence_length,
                "num_segments": self.num_segments,
                "mask_padding": self.mask_padding,
                "pool_padding": self.pool_padding,
                "final_layer_norm": self.final_layer_norm is not None,
                "method": self.method,
                "activation": keras.activations.serialize(self.activation),
                "rematerialize": self.rematerialize,
            }
        )
        return config

    @classmethod
    def from_config(cls, config):
        config = dict(config)
        if isinstance(config.get("routing"), dict):
            config["routing"] = keras.saving.deserialize_keras_object(config["routing"])
        return super().from_config(config)

    def default_lora_layer_names(self):
        """The dense layers that `enable_lora` adapts: gates, routing inputs."""
        return [
            "value_dense",
            "gate_dense",
            "intermediate_dense",
            "forward_dense",
            "backward_dense",
            "input_dense",
            "query",
            "value",
        ]

    @staticmethod
    def get_layout_map(
        device_mesh,
        model_parallel_dim_name="model",
        data_parallel_dim_name="batch",
        sequence_parallel_dim_name="sequence",
        shard_weights=True,
    ):
        """The layout of the weights under `keras.distribution.ModelParallel`.

        Dense layers that widen are split by their outputs and those that narrow by
        their inputs, so that a block exchanges activations once a direction; SSM
        parameters, biases of outputs and norms are a few numbers and stay whole on
        every device. Those of the head for masked tokens and of the pooler are laid out
        too; other heads are small.

        If the mesh has an axis for sequences, what blocks hand on is split by it along
        the length, and so are the embeddings of positions. Position-wise layers then
        work on their part of a text, and SSMs exchange the states between parts.

        Args:
            device_mesh: `keras.distribution.DeviceMesh` with these axes.
            model_parallel_dim_name: string. The axis that splits weights.
            data_parallel_dim_name: string. The axis that splits the batch.
            sequence_parallel_dim_name: string. The axis that splits texts, if the mesh
                has one of that name.
            shard_weights: bool. Whether the axis of the batch splits weights too.

        Returns:
            `keras.distribution.LayoutMap`.

        Raises:
            ValueError: something that is no `DeviceMesh`, or lacks an axis.

        Example:
        ```python
        num_devices = len(keras.distribution.list_devices())
        mesh = keras.distribution.DeviceMesh((1, num_devices), ("batch", "model"))
        layout_map = keras_bigs.models.BiGSBackbone.get_layout_map(mesh)
        keras.distribution.set_distribution(
            keras.distribution.ModelParallel(
                layout_map=layout_map, batch_dim_name="batch"
            )
        )
        ```
        """
        if not isinstance(device_mesh, keras.distribution.DeviceMesh):
            raise ValueError(
                "`device_mesh` must be a `keras.distribution.DeviceMesh`. "
                f"Received: {device_mesh}"
            )
        for name in (model_parallel_dim_name, data_parallel_dim_name):
            if name not in device_mesh.axis_names:
                raise ValueError(
                    f"{name!r} is no axis of `device_mesh`. "
                    f"Its axes are {device_mesh.axis_names}."
                )
        model, sequence = model_parallel_dim_name, sequence_parallel_dim_name
        data = data_parallel_dim_name if shard_weights else None
        layout_map = keras.distribution.LayoutMap(device_mesh)
        layout_map["token_embedding/embeddings"] = (model, data)
        axes = dict(zip(device_mesh.axis_names, device_mesh.shape, strict=True))
        positions = sequence if axes.get(sequence, 1) > 1 else data
        layout_map["position_embedding/embeddings"] = (positions, model)
        widening = "value_dense|gate_dense|forward_dense|backward_dense"
        widening += "|intermediate_dense|input_dense|lstm_cell"
        layout_map[f"block.*/({widening})/kernel"] = (data, model)
        layout_map[f"block.*/({widening})/bias"] = (model,)
        layout_map["block.*/lstm_cell/recurrent_kernel"] = (data, model)
        layout_map["block.*output_dense/kernel"] = (model, data)
        layout_map["block.*/(query|key|value)/kernel"] = (data, model, None)
        layout_map["block.*attention_output/kernel"] = (model, None, data)
        layout_map["(pooled_dense|mlm_head/intermediate_dense)/kernel"] = (data, model)
        layout_map["(pooled_dense|mlm_head/intermediate_dense)/bias"] = (model,)
        if sequence in axes:
            outputs = r"(.*/)?(embeddings_layer_norm|block_\d+|final_layer_norm)/output"
            layout_map[outputs] = (data_parallel_dim_name, sequence, None)
        return layout_map


def _check_sizes(hidden_dim, intermediate_dim, **sizes):
    for name, size in {"hidden_dim": hidden_dim, **sizes}.items():
        if size < 1:
            raise ValueError(f"`{name}` must be at least 1. Received: {size}")
    if intermediate_dim < hidden_dim:
        raise ValueError(
            "`intermediate_dim` must not be below `hidden_dim`: blocks widen their "
            "input (3 times in the paper's gated blocks, 4 times in stacked ones). "
            f"Received: intermediate_dim={intermediate_dim}, hidden_dim={hidden_dim}"
        )
