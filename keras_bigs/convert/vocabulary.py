"""The vocabulary of a checkpoint, and how its tokenizer treats capitals."""

import json
import os

from keras_bigs.compat import keras_hub_presets
from keras_bigs.errors import CheckpointError
from keras_bigs.vocabulary import read_vocabulary

REMEDY = (
    "Pass `vocabulary=` to `from_preset`, the path of a file with one word piece a "
    "line. The published models have that of BERT, uncased: `vocab.txt` of "
    "`google-bert/bert-base-uncased` on the Hugging Face hub. Or pass "
    "`preprocessor=None` to go without."
)


def find_vocabulary(preset):
    """The word pieces of a checkpoint in order of their ids.

    Args:
        preset: string. A directory or hub handle.

    Raises:
        CheckpointError: it has none, or a damaged `tokenizer.json`.
        DataError: its `vocab.txt` is no vocabulary.
    """
    if keras_hub_presets.check_file_exists(preset, "vocab.txt"):
        return read_vocabulary(keras_hub_presets.get_file(preset, "vocab.txt"))
    contents = _read_json(preset, "tokenizer.json")
    if contents is None:
        files = keras_hub_presets.VOCABULARY_FILES
        raise CheckpointError(f"{preset} has neither of {files}. {REMEDY}")
    model = contents.get("model")
    ids = model.get("vocab") if isinstance(model, dict) else None
    is_other = ids is not None and model.get("type", "WordPiece") != "WordPiece"
    if not isinstance(ids, dict) or not ids or is_other:
        raise CheckpointError(
            f"{preset}: tokenizer.json has no WordPiece `model.vocab`."
        )
    by_id = {i: piece for piece, i in ids.items() if type(i) is int}
    if len(by_id) < len(ids) or set(by_id) != set(range(len(ids))):
        raise CheckpointError(
            f"{preset}: tokenizer.json: the ids of its {len(ids)} word pieces are not "
            f"0 to {len(ids) - 1}, each once. Pass `vocabulary=` instead."
        )
    return [by_id[i] for i in range(len(ids))]


def as_pieces(vocabulary):
    """A `vocabulary=` argument, the path of a file or word pieces, as word pieces."""
    if isinstance(vocabulary, str | os.PathLike):
        return read_vocabulary(vocabulary)
    return vocabulary


def case_options(preset):
    """`lowercase` and `strip_accents` of `BiGSTokenizer`, where a checkpoint tells.

    From the `normalizer` of its `tokenizer.json`, else from its
    `tokenizer_config.json`.

    Raises:
        CheckpointError: a file is damaged, or an option is neither true nor false.
    """
    contents = _read_json(preset, "tokenizer.json") or {}
    found, lowercase = contents.get("normalizer"), "lowercase"
    if not isinstance(found, dict) or lowercase not in found:
        found = _read_json(preset, "tokenizer_config.json") or {}
        lowercase = "do_lower_case"
    options = {
        "lowercase": found.get(lowercase),
        "strip_accents": found.get("strip_accents"),
    }
    for name, value in options.items():
        if value is not None and not isinstance(value, bool):
            raise CheckpointError(
                f"{preset}: the tokenizer's `{name}` is {value!r}; it must be true, "
                "false or null."
            )
    return {name: value for name, value in options.items() if value is not None}


def _read_json(preset, file):
    """The dict in a file of a checkpoint, `None` if there is no such file."""
    if not keras_hub_presets.check_file_exists(preset, file):
        return None
    try:
        contents = keras_hub_presets.load_json(preset, file)
    except (json.JSONDecodeError, UnicodeDecodeError, RecursionError) as error:
        raise CheckpointError(f"{preset}: {file} is no JSON: {error}.") from error
    if not isinstance(contents, dict):
        raise CheckpointError(f"{preset}: {file} holds no JSON object.")
    return contents
