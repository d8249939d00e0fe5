"""Everything of a compiled model that training changes."""

import keras
import numpy as np

from keras_bigs.compat.generators import get_generators
from keras_bigs.compat.generators import set_generators


def get_state(model) -> dict[str, np.ndarray]:
    """Everything that training changes: a copy of each variable, and the generators.

    Args:
        model: a compiled and built `keras.Model`.

    Returns:
        Arrays by group and place: Keras numbers the names of layers by what else the
        process has made.
    """
    # Copies: training goes on in the same memory.
    arrays = {
        name: np.array(keras.ops.convert_to_numpy(variable))
        for name, variable in _variables(model).items()
    }
    return arrays | get_generators()


def set_state(model, arrays: dict[str, np.ndarray]) -> None:
    """Sets what `get_state` returned."""
    for name, variable in _variables(model).items():
        variable.assign(arrays[name])
    set_generators({name: arrays[name] for name in get_generators()})


def shapes(model) -> dict[str, tuple[int, ...]]:
    """The shapes of what `get_state` returns."""
    now = {**_variables(model), **get_generators()}
    return {name: tuple(value.shape) for name, value in now.items()}


def _variables(model):
    groups = {
        "trainable": model.trainable_variables,
        "non_trainable": model.non_trainable_variables,
        "optimizer": model.optimizer.variables,
        "metrics": model.metrics_variables,
    }
    return {
        f"{group}.{i}": variable
        for group, variables in groups.items()
        for i, variable in enumerate(variables)
    }
