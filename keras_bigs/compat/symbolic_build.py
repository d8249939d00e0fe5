"""The variables of a compiled model, before any step.

Keras 3.15 makes those of metrics in the first step of `fit` or `evaluate`, which a
checkpoint cannot wait for. `evaluate` would compile a step that may never be needed.
May go when Keras has a public way.
"""


def symbolic_build(model, batch):
    """Makes the variables of the optimizer and metrics of a compiled `keras.Model`.

    Args:
        model: a compiled model.
        batch: NumPy arrays as `fit` takes them, for their shapes and dtypes.
    """
    # Keras' LossScaleOptimizer makes more variables every time it is built.
    if not model.optimizer.built:
        model.optimizer.build(model.trainable_variables)
    model._symbolic_build(data_batch=batch)
