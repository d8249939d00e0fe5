"""From texts to shards of pretraining examples."""
