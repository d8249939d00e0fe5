"""Arguments that a model does not know are errors."""

import inspect


class KnownArguments:
    """Goes before a functional model that hands on its `**kwargs`.

    Keras 3.15 passes over what it does not know: a name that is misspelt, or one of the
    backbone that was given to a task, would change nothing and say nothing.
    """

    known_arguments = ("inputs", "outputs", "name", "trainable", "dtype", "compile")

    def __init__(self, *args, **kwargs):
        for name in kwargs:
            if name not in self.known_arguments:
                raise TypeError(self._unknown(name))
        super().__init__(*args, **kwargs)

    def _unknown(self, name):
        text = f"{type(self).__name__} has no argument `{name}`."
        backbone_cls = getattr(self, "backbone_cls", None)
        if (
            backbone_cls is None
            or name not in inspect.signature(backbone_cls).parameters
        ):
            return text
        cls = backbone_cls.__name__
        return (
            f"{text} {cls} has: give `backbone={cls}.from_preset(..., {name}=...)`, or "
            f"`backbone={cls}({name}=...)`."
        )
