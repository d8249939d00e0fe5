"""Corpora and tables as `tf.data`: pretraining shards, labelled texts, agreement."""

from keras_bigs.data.corpus import Corpus
from keras_bigs.data.job import Settings
from keras_bigs.data.job_vocabulary import read_vocabulary
from keras_bigs.data.masking import Masker
from keras_bigs.data.masking import Masking
from keras_bigs.data.pretraining import PretrainingBatches
from keras_bigs.data.shards import open_shards
from keras_bigs.data.shards import read_manifest
from keras_bigs.data.tables import DataError
