"""From shards of pretraining examples to batches."""
