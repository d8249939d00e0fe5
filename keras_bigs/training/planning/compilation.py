"""A training step, compiled for devices that are not there."""

import dataclasses

import keras
import numpy as np

from keras_bigs.compat.platform import tracing_for
from keras_bigs.compat.symbolic_build import symbolic_build
from keras_bigs.training.meshes import MeshParallel
from keras_bigs.training.meshes import check_even
from keras_bigs.training.planning.hlo import Program
from keras_bigs.training.planning.hlo import read_program

# With the least effort a step compiles in a tenth of the time, for the same operations,
# traffic and nearly the same memory; but its estimates of time are ten times too high.
LEAST_EFFORT = {"exec_time_optimization_effort": -1.0, "memory_fitting_effort": -1.0}


@dataclasses.dataclass(frozen=True)
class CompiledStep:
    """What one device needs for a training step.

    Attributes:
        weights: bytes of weights and other variables of layers.
        optimizer: bytes of the optimizer's variables.
        batch: bytes of its part of a batch.
        temporaries: bytes of all else: activations, gradients, the program itself, and
            what padding to the tiles of matrix units adds.
        flops: floating-point operations.
        bytes_accessed: bytes read from and written to memory.
        program: `Program`.
    """

    weights: int
    optimizer: int
    batch: int
    temporaries: int
    flops: float
    bytes_accessed: float
    program: Program

    @property
    def memory(self):
        """Bytes in all."""
        return self.weights + self.optimizer + self.batch + self.temporaries


def compile_step(model, batch, devices, mesh, shard="nothing", tuned=False):
    """Compiles the training step of a model for devices that this process lacks.

    The step is Keras' own, as `fit` would run it: forward and backward pass, dropout,
    the update by the optimizer, and metrics.

    Args:
        model: a compiled `keras.Model`, built without a distribution.
        batch: `(x, y, sample_weight)`, NumPy arrays of all examples of a step.
        devices: list of JAX devices, such as `tpu_topology` returns.
        mesh: dict of the sizes of axes, see `MeshParallel`.
        shard: see `MeshParallel`.
        tuned: bool. Whether to compile as for a run, which takes ten times as long and
            is needed for `program.cycles` to mean anything.

    Returns:
        `CompiledStep`.

    Raises:
        ConfigError: see `MeshParallel`, or the batch cannot be divided.
        MemoryError: the step does not fit into the memory of a device, by the
            compiler's message.
    """
    import jax

    distribution = MeshParallel(mesh, shard, devices=devices)
    check_even(mesh, *batch[0]["token_ids"].shape)
    symbolic_build(model, batch)
    layouts = [
        [distribution.get_variable_layout(v) for v in model.trainable_variables],
        [distribution.get_variable_layout(v) for v in model.non_trainable_variables],
        _optimizer_layouts(model, distribution),
        [distribution.get_variable_layout(v) for v in model.metrics_variables],
    ]
    variables = [
        model.trainable_variables,
        model.non_trainable_variables,
        model.optimizer.variables,
        model.metrics_variables,
    ]
    state = tuple(
        [_abstract(v, layout) for v, layout in zip(group, of, strict=True)]
        for group, of in zip(variables, layouts, strict=True)
    )
    data = keras.tree.map_structure(
        lambda x: _abstract(x, distribution.get_data_layout(x.shape)), batch
    )
    with distribution.scope(), tracing_for("accelerator"):
        lowered = jax.jit(
            model.train_step,
            out_shardings=(None, tuple([x.sharding for x in group] for group in state)),
            donate_argnums=0,
        ).lower(state, data)
    try:
        compiled = lowered.compile(compiler_options=None if tuned else LEAST_EFFORT)
    except jax.errors.JaxRuntimeError as error:
        if "RESOURCE_EXHAUSTED" in str(error) or "Ran out of memory" in str(error):
            raise MemoryError(str(error)) from error
        raise
    cost = compiled.cost_analysis()
    weights, fixed, optimizer, metrics = (_bytes(group) for group in state)
    inputs = _bytes(keras.tree.flatten(data))
    return CompiledStep(
        weights=weights + fixed + metrics,
        optimizer=optimizer,
        batch=inputs,
        temporaries=_memory(compiled) - weights - fixed - metrics - optimizer - inputs,
        flops=cost["flops"],
        bytes_accessed=cost["bytes accessed"],
        program=read_program(compiled.as_text()),
    )


def _optimizer_layouts(model, distribution):
    """Those of the weights they belong to, as `AdamW` would give them."""
    weights = {
        v.path.replace("/", "_"): (v, distribution.get_variable_layout(v))
        for v in model.trainable_variables
    }
    layouts = []
    for variable in model.optimizer.variables:
        names = [n for n in weights if f"/{n}_" in f"/{variable.path}"]
        own = max(names, key=len, default=None)
        if own is None or weights[own][0].shape != variable.shape:
            layouts.append(distribution.get_variable_layout(variable))
        else:
            layouts.append(
                distribution.get_optimizer_layout(weights[own][1], variable.shape)
            )
    return layouts


def _abstract(array, layout):
    import jax

    dtype = keras.backend.standardize_dtype(array.dtype)
    return jax.ShapeDtypeStruct(array.shape, dtype, sharding=layout.backend_layout)


def _memory(compiled):
    """Bytes of a device that a program takes; new variables overwrite old ones."""
    sizes = compiled.memory_analysis()
    return (
        sizes.argument_size_in_bytes
        + sizes.output_size_in_bytes
        - sizes.alias_size_in_bytes
        + sizes.temp_size_in_bytes
        + sizes.generated_code_size_in_bytes
    )


def _bytes(arrays):
    """Of the part of each that one device holds."""
    return sum(
        int(np.prod(array.sharding.shard_shape(array.shape))) * array.dtype.itemsize
        for array in arrays
    )
