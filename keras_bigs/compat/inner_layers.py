"""All layers inside a model, however deep.

`keras.Model.layers` of Keras 3.15 are those that were called to make the model, not
what is inside them. May go when Keras has a public way down.
"""


def inner_layers(layer, include_self=True):
    """The layers inside a layer, at any depth.

    Args:
        layer: `keras.layers.Layer`, such as a model.
        include_self: bool. Whether `layer` is one of them.

    Returns:
        A list of layers, each once.
    """
    return list(layer._flatten_layers(include_self=include_self))
