"""Multiple choice: the base class of the task."""

import keras

from keras_bigs.models.python_values import to_ints
from keras_bigs.models.python_values import to_strings
from keras_bigs.models.ragged_task import RaggedTask
from keras_bigs.models.ragged_task import pad_rows
from keras_bigs.models.ragged_task import raw_rows


class MultipleChoice(RaggedTask):
    """Base class of tasks that choose among endings of, or answers about, a text.

    To fine-tune with `fit()`, pass contexts, optionally questions, and for each a list
    of choices; labels are the indices of the right choices.

    Example:
    ```python
    chooser = keras_bigs.models.MultipleChoice.from_preset("bigs_mini_en_uncased")
    chooser.fit((["It rained."], [["She got wet.", "She flew."]]), [0])
    ```
    """

    def compile(self, optimizer="auto", loss="auto", *, metrics="auto", **kwargs):
        """Configures training, with defaults for whatever is `"auto"`.

        Args:
            optimizer: `"auto"` for Adam at 5e-5, or an optimizer.
            loss: `"auto"` for sparse categorical cross-entropy, or a loss.
            metrics: `"auto"` for accuracy, or a list of metrics.
            **kwargs: as for `keras.Model.compile`.
        """
        if optimizer == "auto":
            optimizer = keras.optimizers.Adam(5e-5)
        if loss == "auto":
            loss = keras.losses.SparseCategoricalCrossentropy(from_logits=True)
        if metrics == "auto":
            metrics = [keras.metrics.SparseCategoricalAccuracy()]
        super().compile(optimizer=optimizer, loss=loss, metrics=metrics, **kwargs)

    def stack_inputs(self, x, y=None):
        """Lists of choices padded to an array, missing ones as empty strings.

        Args:
            x: tuple of texts, its last entry a list of lists of choices. Anything else
                stays as it is.
            y: optional list of ints, the index of each right choice.

        Returns:
            `(x, y)`.

        Raises:
            ValueError: labels that are none of the choices.
        """
        rows = raw_rows(x[-1]) if isinstance(x, tuple) else None
        if self.preprocessor is None or rows is None:
            return x, y
        choices = to_strings(rows, "choices")
        if any(isinstance(row, str) for row in choices):
            raise ValueError(
                "The last entry of `x` must have a list of choices for each context. "
                f"Received: {choices[:3]}"
            )
        if y is not None:
            check_labels(y, choices)
        return (*x[:-1], pad_rows(choices, "", object)), y


def check_labels(y, choices):
    """Raises `ValueError` unless `y` has the index of a choice for each list of them.

    Args:
        y: sequence of ints.
        choices: sequence of sequences of strings, of which empty ones are missing.
    """
    y = to_ints(y)
    if len(y) != len(choices):
        raise ValueError(
            "`y` must have one label for each list of choices. Received: "
            f"{len(y)} labels for {len(choices)} lists."
        )
    for label, row in zip(y, choices, strict=True):
        if isinstance(label, list):
            raise ValueError(
                "`y` must be the index of a choice, not a row of zeros and ones. "
                f"Received: {label}"
            )
        if not 0 <= label < len(row) or row[label] == "":
            raise ValueError(
                "`y` must be the index of a choice, counted from 0. Received: label "
                f"{label} for {sum(choice != '' for choice in row)} choices."
            )
