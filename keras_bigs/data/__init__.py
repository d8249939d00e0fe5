"""Texts to batches: `corpus` (texts to shards), `pretraining` (shards to batches),
`tables` (labelled files to batches), and data sets with a module of their own."""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach(
    __name__,
    submodules=[
        "agreement",
        "conll",
        "corpus",
        "glue",
        "pretraining",
        "sampling",
        "scrolls",
        "squad",
        "syntax",
        "tables",
        "vocabulary",
    ],
    submod_attrs={
        "batches": ["BucketedBatches"],
        "corpus.corpus": ["Corpus"],
        "corpus.prepare_corpus": ["prepare_corpus"],
        "corpus.settings": ["Settings"],
        "pretraining.masking": ["Masker", "Masking"],
        "pretraining.batches": ["PretrainingBatches"],
        "pretraining.shard_folder": ["ShardFolder", "open_shard_folder"],
        "pretraining.shards": ["open_shards", "read_manifest"],
    },
)
