"""Which token moved which: norms of blocks of the encoder's Jacobian.

In attention the probabilities say what a layer looks at. Routing by SSMs has none, and
in either the gates, residual connections and dense layers have their part. The Jacobian
has all of it, in the same units for every architecture.
"""

import keras
import numpy as np

from keras_bigs.analysis.encoders import blocks_of
from keras_bigs.analysis.encoders import encoder_of
from keras_bigs.analysis.encoders import hidden_states
from keras_bigs.analysis.encoders import token_inputs
from keras_bigs.compat.jacobian import pull_back
from keras_bigs.errors import ConfigError


def influence(model, inputs, layer=None, batch_size=64):
    """How strongly each token moves each other one, in a block or the whole encoder.

    Exact, not sampled: at output `i` and input `j` it has the Frobenius norm

        || d h_i / d x_j ||_F

    of a `(hidden_dim, hidden_dim)` block of the Jacobian. To first order it is the root
    mean square length by which `h_i` moves when `x_j` moves by a random vector of
    independent entries with deviation 1. There

    - for the whole encoder, `x` is what enters the first block: the normalized sum of
      token, position and segment embeddings, whose tokens are all of one scale; and `h`
      is `sequence_output`;
    - for a block, `x` is what enters it and `h` what it adds to that, `block(x) - x`.
      Off the diagonal this is the block itself. On it the identity of the residual
      connection, whose norm of `sqrt(hidden_dim)` would hide the rest, is left out.

    In a gated block with SSM routing (paper, section 4), off the diagonal,

        || d h_i / d x_j || = |K[i - j]| || G_i S_j ||_F,

    with forward taps `K_f[i - j]` where `j` is before `i`, and backward ones
    `K_b[j - i]` where it is after. The tap is the same for all texts (`tap_matrix` has
    it); the rest is the text's: with `f = gelu(W_f H)`, `b = gelu(W_b H)` and
    `P_i = W_1 sum_l K_f[l] f_(i-l)`, `Q_i = W_2 sum_l K_b[l] b_(i+l)`, the reader's
    gates are

        G_i = W_o diag(v_i gelu'(W_u (P_i Q_i))) W_u diag(Q_i) W_1,

    and `S_j = diag(gelu'(W_f H_j)) W_f LayerNorm'(x_j)` the writer's slope; for `j`
    after `i` the same with `P_i`, `W_2` and `W_b`. So where a tap is zero nothing gets
    through, and where the other direction has found nothing (`Q_i = 0`) neither.

    The cost is that of `length * hidden_dim` backward passes. With the whole of
    `bigs_mini_en_uncased` and 16 tokens it is 10 to 40 seconds on a CPU core, the
    square of that for longer texts; all layers one by one cost about as much together.

    Args:
        model: `BiGSBackbone` of any block and routing, `keras_hub.models.BertBackbone`,
            or a task or `PooledEncoder` with one.
        inputs: dict of `token_ids`, `segment_ids` and `padding_mask`, each
            `(1, length)`, see `token_inputs`; or, for a task with a preprocessor, a
            text. Positions of padding are kept: none of them moves a real token, unless
            the encoder has `mask_padding=False` or Fourier routing.
        layer: `None` for the whole encoder; int, the index of a block; or `"all"` for
            all blocks one by one.
        batch_size: int. The rows of the Jacobian that are computed at once.

    Returns:
        `(length, length)` float64: outputs, then inputs. `(layers, length, length)` for
        `layer="all"`. In units of the output per unit of the input. It is computed in
        the dtype of the model: load it in float32 or float64.

    Raises:
        ConfigError: another model, or one in half precision; `layer` is no block; a
            text for a model without a preprocessor, or inputs of several rows.
        DataError: the text is empty or too long.

    Example:
    ```python
    masked_lm = keras_bigs.models.BiGSMaskedLM.from_preset("bigs_mini_en_uncased")
    matrix = keras_bigs.analysis.influence(masked_lm, "The fox runs.", layer=0)
    matrix[3, 2]  # how "fox", after [CLS] and "the", moves "runs"
    ```
    """
    encoder = encoder_of(model)
    blocks = blocks_of(encoder)
    if layer not in (None, "all", *range(len(blocks))):
        raise ConfigError(
            f'`layer` must be None, "all" or from 0 to {len(blocks) - 1}, since the '
            f"encoder has {len(blocks)} blocks. Received: layer={layer!r}"
        )
    if "16" in encoder.compute_dtype:
        raise ConfigError(
            f"A Jacobian in {encoder.compute_dtype} would be mostly rounding. Load the "
            'model with `dtype="float32"`.'
        )
    inputs = _one_row(model, inputs)
    states = hidden_states(encoder, inputs)
    mask = keras.ops.convert_to_tensor(inputs["padding_mask"], "int32")

    def through(layers):
        def function(x):
            padding_mask = keras.ops.repeat(mask, x.shape[0], axis=0)
            for each in layers:
                masks = {"padding_mask": padding_mask} if each in blocks else {}
                x = each(x, **masks, training=False)
            return x

        return function

    def added(i):
        block = through(blocks[i : i + 1])
        return jacobian_norms(lambda x: block(x) - x, states[i], batch_size)

    if layer is None:
        # An encoder of another library has none of this name.
        norm = getattr(encoder, "final_layer_norm", None)
        return jacobian_norms(
            through(blocks if norm is None else [*blocks, norm]), states[0], batch_size
        )
    if layer == "all":
        return np.stack([added(i) for i in range(len(blocks))])
    return added(layer)


def jacobian_norms(function, x, batch_size=64):
    """Frobenius norms of a Jacobian's blocks, one a pair of positions.

    Args:
        function: maps tensors `(batch, length, dim)` to `(batch, out_length, out_dim)`,
            every row for itself.
        x: `(1, length, dim)`, where to differentiate.
        batch_size: int. The rows of the Jacobian, of `out_length * out_dim`, that are
            computed at once. Only sums of squares of them are kept.

    Returns:
        `(out_length, length)` float64.

    Raises:
        ConfigError: a `batch_size` below 1.

    Example:
    ```python
    x = np.random.uniform(size=(1, 3, 8)).astype("float32")
    norms = keras_bigs.analysis.jacobian_norms(lambda x: 2 * x, x)
    # 2 * sqrt(8) on the diagonal, 0 elsewhere
    ```
    """
    if batch_size < 1:
        raise ConfigError(
            f"`batch_size` must be at least 1. Received: batch_size={batch_size}"
        )
    x = keras.ops.convert_to_tensor(x)
    _, out_length, out_dim = function(x).shape
    number = out_length * out_dim
    pull = pull_back(function, x)
    squares = np.zeros((out_length, x.shape[1]))
    dtype = keras.backend.standardize_dtype(x.dtype)
    for start in range(0, number, batch_size):
        rows = np.arange(start, min(start + batch_size, number))
        # Always as many, the last ones zero, since each number is compiled anew.
        cotangents = np.zeros((batch_size, number), "float32")
        cotangents[np.arange(len(rows)), rows] = 1
        cotangents = cotangents.reshape(batch_size, out_length, out_dim)
        gradients = pull(keras.ops.convert_to_tensor(cotangents, dtype))
        gradients = keras.ops.convert_to_numpy(gradients)[: len(rows)]
        np.add.at(
            squares, rows // out_dim, np.square(gradients, dtype="float64").sum(-1)
        )
    return np.sqrt(squares)


def _one_row(model, inputs):
    """Inputs as a dict of `(1, length)` arrays, of a text too."""
    if isinstance(inputs, dict):
        shape = np.shape(inputs["token_ids"])
        if len(shape) != 2 or shape[0] != 1:
            raise ConfigError(
                "Influence is that of one text: inputs are `(1, length)`. Received: "
                f"token_ids of shape {shape}"
            )
        return inputs
    tokenizer = getattr(getattr(model, "preprocessor", None), "tokenizer", None)
    if tokenizer is None:
        raise ConfigError(
            "A text is for a task with a preprocessor. Give the inputs that "
            f"`token_inputs` makes of it. Received: inputs={inputs!r:.80}"
        )
    return token_inputs(tokenizer, inputs, encoder_of(model).max_sequence_length)[1]
