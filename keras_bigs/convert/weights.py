"""The tensors of a file into the variables of a model."""

import math
import os
import warnings

import keras
import numpy as np

from keras_bigs import models
from keras_bigs.convert.names import REPEATED
from keras_bigs.convert.names import full_names
from keras_bigs.convert.names import is_head
from keras_bigs.convert.names import is_ignored
from keras_bigs.convert.names import is_pooler
from keras_bigs.convert.names import tensor_map
from keras_bigs.convert.readers import READERS
from keras_bigs.convert.readers import tensor_shapes
from keras_bigs.errors import CheckpointError

USING_POOLER = (models.BiGSTextClassifier, models.BiGSMultipleChoice)


class Checkpoint:
    """A weights file, its tensors under the names that they have beside a head.

    Args:
        path: the file, named as in `READERS`.

    Attributes:
        origin: `"flax"` or `"pytorch"`.
        shapes: dict of the shapes by name.

    Raises:
        CheckpointError: the file is damaged.
    """

    def __init__(self, path):
        self.path = path
        self.origin = "flax" if path.endswith("msgpack") else "pytorch"
        shapes = tensor_shapes(path)
        self._names = full_names(shapes, self.origin)
        self.shapes = {self._names[name]: shape for name, shape in shapes.items()}

    def tensors(self):
        """Yields `(name, array)`."""
        for name, array in READERS[os.path.basename(self.path)](self.path):
            yield self._names[name], array

    def has(self, prefix):
        """Whether names begin with these parts, given with dots between them."""
        return any(
            f"{n}.".replace("/", ".").startswith(f"{prefix}.") for n in self.shapes
        )

    def count_classes(self):
        """The number of classes of the classifier.

        Raises:
            CheckpointError: its tensors are missing or do not belong together.
        """
        flax = self.origin == "flax"
        bias = "classifier/bias" if flax else "classifier.bias"
        kernel = "classifier/kernel" if flax else "classifier.weight"
        missing = [name for name in (bias, kernel) if name not in self.shapes]
        if missing:
            raise CheckpointError(
                f"{self.path} does not fit. Missing: {', '.join(missing)}."
            )
        shape = self.shapes[bias]
        classes = self.shapes[kernel][-1 if flax else 0] if self.shapes[kernel] else 0
        if shape != (classes,) or classes < 1:
            raise CheckpointError(
                f"{self.path}: {bias} {list(shape)} and {kernel} "
                f"{list(self.shapes[kernel])} are of no classifier: they must have as "
                "many classes, at least one."
            )
        return classes


def assign_weights(model, checkpoint, head):
    """Assigns the tensors of a file to a model's variables, one after the other.

    A pooler that the file lacks is drawn anew, always alike, unless the file has a head
    that works on its output. One warning names all that is new, another what was
    rounded.

    Args:
        model: `BiGSBackbone` or a task.
        checkpoint: `Checkpoint`.
        head: bool. Whether the head is loaded too.

    Returns:
        list of strings, the paths of the variables that are new.

    Raises:
        CheckpointError: tensors are missing, unexpected, or of another shape or kind,
            or differ from what they should repeat; all are listed.
    """
    targets = tensor_map(model, checkpoint.origin)
    heads = [name for name in targets if is_head(name)]
    new = [] if head else [targets.pop(name).variable for name in heads]
    loaded, unexpected, misshapen, different, rounded = set(), [], [], [], []
    for name, array in checkpoint.tensors():
        target = targets.get(name)
        if target is None:
            repeated = targets.get(REPEATED.get(name)) if head else None
            if repeated is not None and not _repeats(array, repeated):
                different.append(f"{name} ({REPEATED[name]})")
            elif not is_ignored(name) and (head or not is_head(name)):
                unexpected.append(name)
            continue
        loaded.add(name)
        if array.shape != target.shape or not np.issubdtype(array.dtype, np.floating):
            misshapen.append(
                f"{name} ({array.dtype}{list(array.shape)} instead of "
                f"float{list(target.shape)})"
            )
            continue
        if array.dtype == "float64" and target.variable.dtype != "float64":
            rounded.append(name)
        array = array.T if target.transposed else array
        target.variable.assign(array.reshape(target.variable.shape))
    missing = set(targets) - loaded
    pooler = {name for name in targets if is_pooler(name)}
    if pooler <= missing and not (head and isinstance(model, USING_POOLER)):
        missing -= pooler
        _draw_pooler(model)
        new += [targets[name].variable for name in sorted(pooler)]
    problems = {
        "Missing": sorted(missing),
        "Unexpected": sorted(unexpected),
        "Of another shape": misshapen,
        "Different from what they repeat": different,
    }
    lines = [
        f"{kind}: {', '.join(names)}." for kind, names in problems.items() if names
    ]
    if lines:
        raise CheckpointError(f"{checkpoint.path} does not fit. {' '.join(lines)}")
    new = [variable.path for variable in new]
    if new:
        warnings.warn(
            f"{checkpoint.path} has no weights for {', '.join(new)}. They are new and "
            "random: train the model before you use what depends on them.",
            stacklevel=4,
        )
    if rounded:
        warnings.warn(
            f"{checkpoint.path} has float64 weights, which were rounded: "
            f"{', '.join(rounded)}.",
            stacklevel=4,
        )
    return new


def _repeats(array, target):
    """Whether an array is what a variable has been given, rounded as that was."""
    given = keras.ops.convert_to_tensor(array, target.variable.dtype)
    ours = keras.ops.convert_to_numpy(target.variable)
    return np.array_equal(keras.ops.convert_to_numpy(given), ours)


def _draw_pooler(model):
    """Initial weights of the pooler, the same ones always and on every backend."""
    backbone = model if isinstance(model, models.BiGSBackbone) else model.backbone
    kernel, bias = backbone.pooled_dense.weights
    # What `bigs_kernel_initializer` draws from.
    deviation = 0.02 * math.sqrt(1024 / backbone.hidden_dim)
    values = np.random.RandomState(0).normal(0, deviation, tuple(kernel.shape))
    kernel.assign(values.astype("float32"))
    bias.assign(np.zeros(bias.shape, "float32"))
