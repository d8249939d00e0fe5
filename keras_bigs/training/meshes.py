"""How batches, weights and texts are divided between devices (JAX)."""

import math
import warnings

import keras
import numpy as np

from keras_bigs.errors import ConfigError
from keras_bigs.models import BiGSBackbone

AXES = ("batch", "model", "sequence")
SHARDED = ("nothing", "optimizer", "weights")

# A weight of so many numbers should not lie whole on every device,
LARGE = 2**16
# and to divide what an optimizer keeps for one of fewer than these gains nothing.
SMALL = 2**10


def parse_mesh(text: str) -> dict[str, int]:
    """Reads the axes of a mesh of devices.

    Args:
        text: such as `"batch=4,model=2"`, of the axes `batch`, `model`, `sequence`.

    Returns:
        Their sizes.

    Raises:
        ConfigError: the text is something else.

    Example:
    ```python
    keras_bigs.training.parse_mesh("batch=4,model=2")  # {"batch": 4, "model": 2}
    ```
    """
    mesh = {}
    for part in text.split(","):
        axis, _, size = (piece.strip() for piece in part.partition("="))
        if axis not in AXES or axis in mesh or not size.isdecimal() or int(size) < 1:
            raise ConfigError(
                f"A mesh is written as in `batch=4,model=2`: each of {AXES} at most "
                f"once, with the number of devices along it. Received: {text!r}"
            )
        mesh[axis] = int(size)
    return mesh


def check_even(mesh, batch_size, sequence_length=None):
    """Checks that devices can share batches and texts equally.

    Args:
        mesh: dict of the sizes of axes.
        batch_size: int. Texts of a batch.
        sequence_length: int. Tokens of a text, or `None` for any number.

    Raises:
        ConfigError: they cannot.
    """
    parts = mesh.get("batch", 1)
    if batch_size % parts:
        raise ConfigError(
            f"{parts} devices cannot share batches of {batch_size} sequences. Choose a "
            "multiple: as `batch_size` or, where gradients are accumulated, as its "
            "ratio to `accumulation_steps`."
        )
    parts = mesh.get("sequence", 1)
    if sequence_length is not None and sequence_length % parts:
        raise ConfigError(
            f"{parts} devices cannot share texts of {sequence_length} tokens. Choose "
            "a `sequence` axis that divides their length."
        )


class MeshParallel(keras.distribution.ModelParallel):
    """Divides batches, weights and texts between the devices of a mesh.

    | axis       | divides                                                           |
    |------------|-------------------------------------------------------------------|
    | `batch`    | the examples of a batch                                           |
    | `model`    | large matrices, as `BiGSBackbone.get_layout_map` lays them out    |
    | `sequence` | the tokens of a text, and the embeddings of their positions; SSMs |
    |            | exchange the states between its parts                             |

    A matrix that an axis cannot divide evenly where the layout says, such as an
    embedding of 30,522 tokens between 4 devices, is divided along another dimension.

    Args:
        mesh: dict of the sizes of axes, `"batch"`, `"model"`, `"sequence"`; those left
            out are 1. Their product is the number of devices, of all processes.
        shard: what the `batch` axis divides beside batches: `"nothing"`;
            `"optimizer"`, what the optimizer of `keras_bigs.training.adamw` keeps,
            twice as much as the weights (ZeRO-1, Rajbhandari et al. 2020); or
            `"weights"`, both (ZeRO-3, or FSDP).
        devices: list of JAX devices that this process lacks, to compile for them.
            Default: all devices.

    Attributes:
        sizes: dict of the sizes of all axes.
        shard: as given.

    Raises:
        ConfigError: an axis that is not known; sizes that are not those of the devices,
            or do not go together with the number of processes.

    Example:
    ```python
    num_devices = len(keras.distribution.list_devices())
    keras.distribution.set_distribution(
        keras_bigs.training.MeshParallel({"batch": num_devices})
    )
    ```
    """

    def __init__(self, mesh, shard="nothing", devices=None):
        import jax

        if set(mesh) - set(AXES) or shard not in SHARDED:
            raise ConfigError(
                f"`mesh` must be a dict of {AXES}, and `shard` one of {SHARDED}. "
                f"Received: mesh={mesh}, shard={shard!r}"
            )
        shape = tuple(mesh.get(axis, 1) for axis in AXES)
        num_devices = len(devices or keras.distribution.list_devices())
        if math.prod(shape) != num_devices:
            raise ConfigError(
                f"`mesh` must divide all of {num_devices} devices: the product of its "
                f"sizes is that number. Received: mesh={mesh}"
            )
        self.sizes = dict(zip(AXES, shape, strict=True))
        self.shard = shard
        self._check_processes(devices or jax.devices(), num_devices)
        if devices is not None:
            devices = np.array(devices)
        device_mesh = keras.distribution.DeviceMesh(shape, AXES, devices)
        super().__init__(
            layout_map=BiGSBackbone.get_layout_map(
                device_mesh, shard_weights=shard == "weights"
            ),
            batch_dim_name="batch",
            # Batches are drawn in parts already.
            auto_shard_dataset=False,
        )

    def _check_processes(self, devices, num_devices):
        """Each process has whole texts, and whole parts of a batch or one with others.

        Raises:
            ConfigError: it has not.
        """
        processes = len({device.process_index for device in devices})
        batch, own = self.sizes["batch"], num_devices // processes
        if self.sizes["sequence"] > 1 and own % (
            self.sizes["sequence"] * self.sizes["model"]
        ):
            raise ConfigError(
                f"Texts are divided between the devices of one process, and each of "
                f"{processes} has {own}. Choose a smaller `sequence` or `model`. "
                f"Received: {self.sizes}"
            )
        if batch % processes and processes % batch:
            raise ConfigError(
                f"{processes} processes cannot share a batch that is divided by {batch}"
                ". Choose a `batch` that is a multiple of their number, or divides it. "
                f"Received: {self.sizes}"
            )

    @property
    def data_part(self) -> tuple[int, int]:
        """`(index, count)`: which part of every batch this process reads."""
        return self.data_shard_id, min(self.num_processes, self.num_model_replicas)

    def get_data_layout(self, data_shape):
        """Of an array with a row an example, its tokens along axis 1 if it has any."""
        axes = ["batch", *[None] * (len(data_shape) - 1)]
        if len(data_shape) > 1 and self._divides("sequence", data_shape[1]):
            axes[1] = "sequence"
        return self._layout(axes)

    def get_variable_layout(self, variable):
        """That of the layout map, along dimensions that the axes divide."""
        layout = super().get_variable_layout(variable)
        axes = self._fit(_wishes(layout), variable.shape)
        size = math.prod(variable.shape)
        if size >= LARGE and self.sizes["model"] > 1 and "model" not in axes:
            warnings.warn(
                f"Every device along `model` keeps all {size:,} numbers of "
                f"{variable.path}: `BiGSBackbone.get_layout_map` has no layout for it, "
                "or none that fits its shape. Use the axis `batch` instead.",
                stacklevel=2,
            )
        return self._layout(axes)

    def get_optimizer_layout(self, layout, shape):
        """The layout of what an optimizer keeps for a weight.

        Args:
            layout: `keras.distribution.TensorLayout` of the weight.
            shape: its shape.
        """
        wishes = _wishes(layout)
        if self.shard == "optimizer" and math.prod(shape) >= SMALL:
            wishes["batch"] = 0
        return self._layout(self._fit(wishes, shape))

    def _divides(self, axis, size):
        return size is not None and size % self.sizes[axis] == 0

    def _fit(self, wishes, shape):
        """Each axis at the dimension it wishes for, or at the largest that it divides.

        The model's first: it has to be along some dimension or nothing is gained.
        """
        axes = [None] * len(shape)
        by_size = sorted(range(len(shape)), key=lambda i: -shape[i])
        for axis in ("model", "batch", "sequence"):
            if axis not in wishes:
                continue
            for i in (wishes[axis], *by_size):
                if axes[i] is None and self._divides(axis, shape[i]):
                    axes[i] = axis
                    break
        return axes

    def _layout(self, axes):
        return keras.distribution.TensorLayout(axes, self.device_mesh)


def _wishes(layout):
    """The dimension of each axis of a `TensorLayout`."""
    return {axis: i for i, axis in enumerate(layout.axes) if axis is not None}
