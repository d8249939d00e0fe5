"""Whether an exported file computes what the model does."""

import dataclasses

import keras
import numpy as np

from keras_bigs.models.export.exported import load_exported
from keras_bigs.models.offsets import tokenize_with_offsets


@dataclasses.dataclass(frozen=True)
class Verification:
    """What a comparison of an exported file with its model has found.

    Attributes:
        differences: dict from length in tokens to the largest difference of an output,
            in units of that output's largest absolute value.
        outputs: tuple of strings, the outputs in the order of the file, by their names
            in the model; `("output",)` where there is one.

    Example:
    ```python
    found = keras_bigs.models.Verification({16: 2e-7, 100: 4e-7}, ("output",))
    found.largest  # 4e-7
    ```
    """

    differences: dict[int, float]
    outputs: tuple[str, ...]

    @property
    def largest(self):
        """The largest difference at any length."""
        # Python's `max` may lose a NaN.
        return float(np.max(list(self.differences.values())))


def verify_export(model, path, texts, lengths, tokenizer=None):
    """Runs an exported file on real texts, at several lengths, and compares.

    At each length there are two rows, from texts put one after another: one is full,
    and one padded from two thirds of the length on.

    Args:
        model: the backbone or task that was exported.
        path: the file.
        texts: list of strings.
        lengths: list of ints, in tokens.
        tokenizer: `BiGSTokenizer`. Default: that of the task's preprocessor.

    Returns:
        `Verification`.

    Raises:
        ImportError: the file's runtime is not installed.
        ValueError: no tokenizer, the texts have no tokens, or the file has another
            number of outputs or other shapes than the model.

    Example:
    ```python
    classifier = keras_bigs.models.BiGSTextClassifier.from_preset(
        "bigs_mini_en_uncased", num_classes=2
    )
    classifier.export("classifier.onnx", format="onnx")  # TensorFlow or PyTorch
    found = keras_bigs.models.verify_export(
        classifier, "classifier.onnx", ["What is to be read."], [16, 100]
    )
    found.largest  # 2e-7
    ```
    """
    tokenizer = tokenizer_of(model) if tokenizer is None else tokenizer
    ids = [i for text in texts for i in tokenize_with_offsets(tokenizer, text)[0]]
    if not ids:
        raise ValueError(f"`texts` must have at least one token. Received: {texts!r}")
    run = load_exported(path)
    differences, order = {}, None
    for length in lengths:
        inputs = example_inputs(model, tokenizer, ids, length)
        expected = _named(keras.Model.predict_on_batch(model, inputs))
        actual = run(inputs)
        if order is None:
            order = _match(expected, actual)
        differences[length] = float(
            np.max(
                [
                    np.max(np.abs(array - expected[name])) / _scale(expected[name])
                    for name, array in zip(order, actual, strict=True)
                ]
            )
        )
    return Verification(differences, order)


def tokenizer_of(model):
    """The tokenizer of a task's preprocessor."""
    preprocessor = getattr(model, "preprocessor", None)
    if preprocessor is None:
        raise ValueError(
            "`model` has no preprocessor: give the `tokenizer` that makes its inputs."
        )
    return preprocessor.tokenizer


def example_inputs(model, tokenizer, ids, length):
    """Two rows of token ids as the inputs of a model, the second one padded.

    Args:
        model: a backbone or task.
        tokenizer: `BiGSTokenizer`.
        ids: list of ints, repeated until there are enough.
        length: int.

    Returns:
        dict of int32 arrays by the names of the model's inputs: `(2, length)`, for a
        choice between texts `(2, 2, length)`, and for a masked LM `mask_positions`,
        `(2, 2)`.
    """
    ids = np.resize(ids, 2 * (length - 2)).reshape(2, length - 2)
    token_ids = np.full((2, length), tokenizer.cls_token_id)
    token_ids[:, 1:-1] = ids
    token_ids[:, -1] = tokenizer.sep_token_id
    padding_mask = np.ones((2, length))
    if length > 3:
        padding_mask[1, 1 + 2 * length // 3 :] = 0
    token_ids = np.where(padding_mask, token_ids, tokenizer.pad_token_id)
    segment_ids = np.tile(np.arange(length) >= length // 2, (2, 1))
    # An encoder may know the first only.
    num_segments = getattr(getattr(model, "backbone", model), "num_segments", 2)
    segment_ids = segment_ids & (num_segments > 1)
    inputs = {
        "token_ids": token_ids,
        "segment_ids": segment_ids,
        "padding_mask": padding_mask,
    }
    ranks = {x.name: len(x.shape) for x in model.inputs}
    if ranks["token_ids"] == 3:
        inputs = {name: np.stack([x, x[::-1]]) for name, x in inputs.items()}
    if "mask_positions" in ranks:
        inputs["mask_positions"] = np.tile([1, length // 2], (2, 1))
    return {name: np.asarray(inputs[name], "int32") for name in ranks}


def _named(outputs):
    """A dict of arrays, of a model's output or outputs."""
    if not isinstance(outputs, dict):
        outputs = {"output": outputs}
    return {name: keras.ops.convert_to_numpy(x) for name, x in outputs.items()}


def _match(expected, actual):
    """The name of each output of a file: that which it differs least from."""
    if len(actual) != len(expected):
        raise ValueError(
            f"The file has {len(actual)} outputs and the model {len(expected)}."
        )
    order = []
    for array in actual:
        candidates = [
            name
            for name, other in expected.items()
            if other.shape == array.shape and name not in order
        ]
        if not candidates:
            raise ValueError(
                f"The file has an output of shape {array.shape}. Those of the model "
                f"are { {name: x.shape for name, x in expected.items()} }."
            )
        order.append(
            min(candidates, key=lambda name: np.max(np.abs(array - expected[name])))
        )
    return tuple(order)


def _scale(array):
    return max(float(np.max(np.abs(array))), 1e-9)
