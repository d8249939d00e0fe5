"""Outputs that appear whole or not at all, on disks and in buckets, with one owner."""

from keras_bigs.files.checksums import sha256
from keras_bigs.files.checksums import sha256_of_all
from keras_bigs.files.downloads import local_copy
from keras_bigs.files.locations import as_path
from keras_bigs.files.locations import cache_directory
from keras_bigs.files.locations import is_in_bucket
from keras_bigs.files.locations import location_of
from keras_bigs.files.locks import lock
from keras_bigs.files.mirrors import on_disk
from keras_bigs.files.owners import claim
from keras_bigs.files.owners import require_new
from keras_bigs.files.uploads import adding_to
from keras_bigs.files.uploads import is_whole
from keras_bigs.files.uploads import upload
from keras_bigs.files.writing import atomic_write
from keras_bigs.files.writing import write_text
