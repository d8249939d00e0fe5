"""From texts to shards of pretraining examples: `keras_bigs.data.prepare_corpus`."""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach(
    __name__, submodules=["preparation", "runners"]
)
