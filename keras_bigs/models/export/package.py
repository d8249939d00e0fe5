"""An exported model with all that is needed to run it elsewhere."""

import json
import warnings

import keras
from tokenizers import BertWordPieceTokenizer

from keras_bigs import files
from keras_bigs.errors import ConfigError
from keras_bigs.models.export.exportable import check_export_format
from keras_bigs.models.export.formats import FORMATS
from keras_bigs.models.export.usage import usage_script
from keras_bigs.models.export.verification import tokenizer_of
from keras_bigs.models.export.verification import verify_export
from keras_bigs.models.offsets import tokenize_with_offsets

TEXTS = (
    "The old man was very happy, and so was his dog.",
    "On 3 May 1843 she wrote: 'It can do whatever we know how to order it to do.'",
    "Does a naïve reader know what €20 bought in Genève (before 2002)?",
    "UNBELIEVABLE!!! the parcel - all 12kg of it - was left in the rain...",
)
# Of an output's largest value. Runtimes round differently, by about 1e-6; a wrong file
# is off by 1e-2 and more.
TOLERANCE = 1e-4


def export_package(
    model,
    directory,
    format,
    *,
    tokenizer=None,
    texts=TEXTS,
    length=None,
    tolerance=TOLERANCE,
):
    """Exports a model, checks the file in its own runtime, and writes how to use it.

    Args:
        model: a backbone or task of this library.
        directory: where to write, must be new or empty: `model.onnx` or the like,
            `vocabulary.txt`, `usage.py`, a script that tokenizes and runs without
            Keras, and `export.json`, what was checked.
        format: as for `export`, which must be possible on this backend.
        tokenizer: `BiGSTokenizer`. Default: that of the task's preprocessor.
        texts: list of strings to compare outputs on.
        length: int or `None`. The length of all inputs, in tokens; `None` leaves it
            open, up to the encoder's `max_sequence_length`.
        tolerance: float. The largest difference between the file's outputs and the
            model's that is accepted, in units of the largest output.

    Returns:
        `Verification`.

    Raises:
        ConfigError: `directory` is not empty.
        ImportError: a package that the format needs is missing.
        ValueError: a format that this backend cannot write, no tokenizer, or outputs
            that differ by more than `tolerance`. Nothing is written then.

    Example:
    ```python
    classifier = keras_bigs.models.BiGSTextClassifier.from_preset(
        "bigs_mini_en_uncased", num_classes=2
    )
    keras_bigs.models.export_package(  # TensorFlow or PyTorch
        classifier, "runs/export", "onnx", length=64
    )
    ```
    """
    check_export_format(format)
    files.require_new(directory)
    tokenizer = tokenizer_of(model) if tokenizer is None else tokenizer
    max_length = getattr(model, "backbone", model).max_sequence_length
    if length is not None and not 3 <= length <= max_length:
        raise ConfigError(
            "`length` must be at least 3, of which two tokens are special, and at most "
            f"what the model takes, {max_length}. Received: length={length}"
        )
    inputs = {x.name: x.shape for x in model.inputs}
    signature = None
    if length is not None:
        signature = {
            name: keras.InputSpec(
                "int32", shape if name == "mask_positions" else (*shape[:-1], length)
            )
            for name, shape in inputs.items()
        }
    lengths = sorted({max(3, max_length // part) for part in (16, 3, 1)})
    if length is not None:
        lengths = [length]
    file = FORMATS[format].file
    with files.atomic_write(directory) as temporary:
        temporary.mkdir()
        path = temporary / file
        model.export(path, format=format, verbose=False, input_signature=signature)
        found = verify_export(model, path, texts, lengths, tokenizer)
        if not found.largest <= tolerance:
            raise ValueError(
                f"The {format} file's outputs differ from the model's by "
                f"{found.largest:.1e} of the largest, and `tolerance` is {tolerance}. "
                f"By length: {found.differences}. Choose another format."
            )
        tokenizer.save_assets(temporary)
        check_tokenizer(temporary / "vocabulary.txt", tokenizer, texts)
        script = usage_script(
            "usage.py",
            file,
            format,
            found.outputs,
            {name: len(shape) for name, shape in inputs.items()},
            tokenizer,
            length or max_length,
            length is not None,
            getattr(getattr(model, "preprocessor", None), "truncate", "round_robin"),
        )
        (temporary / "usage.py").write_text(script, encoding="utf-8")
        record = {
            "format": format,
            "backend": keras.config.backend(),
            "keras": keras.__version__,
            "outputs": found.outputs,
            "length": length,
            "max_length": max_length,
            "differences": found.differences,
        }
        (temporary / "export.json").write_text(json.dumps(record, indent=2) + "\n")
    return found


def check_tokenizer(vocabulary, tokenizer, texts):
    """Warns where `tokenizers`, which `usage.py` uses, splits a text otherwise."""
    other = BertWordPieceTokenizer(
        str(vocabulary),
        lowercase=tokenizer.lowercase,
        strip_accents=tokenizer.strip_accents,
    )
    for text in texts:
        ids = other.encode(text, add_special_tokens=False).ids
        if ids != tokenize_with_offsets(tokenizer, text)[0]:
            warnings.warn(
                "The package `tokenizers`, which usage.py uses, gives other tokens "
                f"than the model's tokenizer for the text {text[:80]!r}.",
                stacklevel=3,
            )
