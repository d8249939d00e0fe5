"""From shards of pretraining examples to batches; see `keras_bigs.data`."""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach(
    __name__, submodules=["batches", "masking", "shard_folder", "shards"]
)
