"""BiGS: bidirectional gated state space models in Keras.

`keras_bigs.ssm` has the mathematics, `keras_bigs.layers` the routing layers and blocks,
`keras_bigs.models` the encoder and its tasks, `keras_bigs.data` corpora, tables and
batches, `keras_bigs.training` optimizers and exact resume, `keras_bigs.convert` the
original's checkpoints, `keras_bigs.analysis` the paper's section 7.

Each is imported when it is first used, so that what needs no Keras, a command's
`--help` for one, does not wait for it. `import keras_bigs.models` is what makes
`keras.saving.load_model` and keras-hub's own `from_preset` know the classes.
"""

import lazy_loader

__version__ = "0.1.0"

__getattr__, __dir__, __all__ = lazy_loader.attach(
    __name__,
    submodules=[
        "analysis",
        "convert",
        "data",
        "errors",
        "files",
        "layers",
        "models",
        "ssm",
        "training",
    ],
)
__all__ += ["__version__"]
