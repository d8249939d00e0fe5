"""Floating point operations of an encoder by length (paper, section 7.4, Table 6)."""

from dataclasses import dataclass

import keras

from keras_bigs.analysis.flop_counts.routing import FlopTerm
from keras_bigs.analysis.flop_counts.routing import routing_flop_terms
from keras_bigs.layers import BiSSM
from keras_bigs.layers import RoutingOptions
from keras_bigs.layers import get_routing
from keras_bigs.models import BiGSBackbone
from keras_bigs.ssm import check_method

PAPER_FLOPS = {
    "BiGS": {128: 8.1e10, 512: 3.2e11, 1024: 6.5e11, 4096: 2.6e12},
    "BERT": {128: 7.9e10, 512: 3.4e11, 1024: 7.2e11, 4096: 4.1e12},
}
"""The paper's Table 6: operations by model and length, for one sequence.

It says that they are of "both the forward and backward passes", but they are of a
forward pass alone: with two operations a multiply-add, `flops` gives all eight as they
are printed, BiGS with `algorithm="fft"`. Training takes three times as many. Nearly all
are of dense layers, `13 d^2` weights in each of 23 layers of BiGS and `12 d^2` in each
of 24 of BERT, `d = 1024`. Attention adds `4 L d` a token and layer, the transforms of
BiGS 1% of all, without which two of the eight (8.0e10 and 6.4e11) would be others. The
head is not among them.
"""


@dataclass(frozen=True)
class FlopCount:
    """The operations of an encoder for one sequence.

    Attributes:
        length: int. Tokens of the sequence.
        terms: dict of ints by what they are for: `"block dense"`, the dense layers of
            the blocks; `"routing dense"`, `"mixing"`, `"gates"` and `"kernel"`, see
            `FlopTerm`; `"masked LM head"`. All layers together.
    """

    length: int
    terms: dict[str, int]

    @property
    def total(self) -> int:
        """All of them."""
        return sum(self.terms.values())

    @property
    def per_token(self) -> float:
        """The mean over the sequence."""
        return self.total / self.length


def flops(encoder, length, algorithm=None, training=False, predictions=0):
    """Floating point operations of an encoder for one sequence (paper, Table 6).

    A multiply-add is two operations. For each layer, of `L` tokens and `d` channels,

    - `block dense`: `6 L d w` for gates of width `w`, or `4 L d w` for a feed-forward
      layer of that width.
    - `routing dense`: `8 L d^2` for SSMs, attention and LSTMs, `6 L d^2` for a
      convolution, none for a Fourier transform.
    - `mixing`, what lets positions see each other:

      | routing            | operations                                     |
      |--------------------|------------------------------------------------|
      | `ssm`, toeplitz    | `4 L^2 d`                                      |
      | `ssm`, fft         | `30 L d log2(2 L) + 12 L d`                    |
      | `ssm`, chunked     | `4 L d (C + 4 N)`, `C` tokens a chunk          |
      | `ssm`, recurrent   | `28 N L d`                                     |
      | `attention`        | `4 L^2 d`                                      |
      | `sliding_window`   | `12 W L d`, `W` tokens to either side          |
      | `convolution`      | `2 K L d`, `K` tokens wide                     |
      | `lstm`             | `4 L d^2`                                      |
      | `fourier`          | `5 L d log2(L d)`                              |

    - `kernel`, the taps of both SSMs: `8 N L`, or `8 N C` for one chunk. A batch
      computes them once.
    - `gates`: `L w` of a gated block, `L d` of its SSMs and of a convolution, `4 L d`
      of LSTMs.

    (To leading order: the counts have the padding of chunks, windows and transforms,
    and global tokens, too.) Looking embeddings up is free. Biases, norms, activation
    functions, softmax, the pooled output and the optimizer are left out; by JAX's count
    these are 60 to 100 operations a token and channel, where the dense layers of BiGS
    have `26 d`.

    In training the backward pass has two products for each one of the forward pass, so
    that the two take three times as much together; but a transform, without weights,
    twice as much. What `rematerialize` computes again is not counted.

    Args:
        encoder: `BiGSBackbone`, or a dict of its arguments, such as one of
            `keras_bigs.models.CONFIGS`. Its weights and its `max_sequence_length` do
            not matter.
        length: int. Tokens of the sequence, at least 1.
        algorithm: that of SSMs, see `keras_bigs.ssm.convolve`; `"auto"` is what would
            be chosen on this machine. Default: the encoder's own.
        training: bool. Whether to count the backward pass too.
        predictions: int. For how many tokens the head of a masked LM is computed.

    Returns:
        `FlopCount`.

    Raises:
        ValueError: something else than an encoder; a length below 1, or predictions
            below 0 or above it; an unknown algorithm, or one for an encoder without
            SSMs; or a routing layer whose operations are not known (see
            `routing_flop_terms`).

    Example:
    ```python
    large = keras_bigs.models.CONFIGS["large"]
    count = keras_bigs.analysis.flops(large, length=128, algorithm="fft")
    print(f"{count.total:.1e}", count.terms)  # 8.1e+10
    ```
    """
    if isinstance(encoder, BiGSBackbone):
        encoder = encoder.get_config()
    if not isinstance(encoder, dict):
        raise ValueError(
            "`encoder` must be a `BiGSBackbone` or a dict of its arguments. Of a task, "
            f"give its `backbone`. Received: encoder={encoder!r}"
        )
    if length < 1 or not 0 <= predictions <= length:
        raise ValueError(
            "`length` must be at least 1, and `predictions` from 0 to `length`. "
            f"Received: length={length}, predictions={predictions}"
        )
    dim, width = encoder["hidden_dim"], encoder["intermediate_dim"]
    gated = encoder.get("block", "gated") == "gated"
    layer = [
        FlopTerm("block dense", 2 * length * (3 if gated else 2) * dim * width),
        *routing_flop_terms(_routing(encoder, algorithm), length, dim),
    ]
    if gated:
        layer.append(FlopTerm("gates", length * width))
    terms = [x._replace(forward=encoder["num_layers"] * x.forward) for x in layer]
    if predictions:
        weights = dim**2 + dim * encoder["vocabulary_size"]
        terms.append(FlopTerm("masked LM head", 2 * predictions * weights))
    sums = {}
    for term in terms:
        operations = round(term.forward) * (term.passes if training else 1)
        sums[term.name] = sums.get(term.name, 0) + operations
    return FlopCount(length, sums)


def _routing(encoder, algorithm):
    """A routing layer of the encoder, not built."""
    routing = encoder.get("routing", "ssm")
    if isinstance(routing, dict):
        routing = keras.saving.deserialize_keras_object(routing)
    options = RoutingOptions(
        block=encoder.get("block", "gated"),
        state_dim=encoder.get("state_dim", 64),
        method=encoder.get("method", "auto"),
    )
    layer = get_routing(routing, options)
    if algorithm is not None:
        check_method(algorithm)
        if not isinstance(layer, BiSSM):
            raise ValueError(
                f"`algorithm` is for SSMs, and the encoder has {type(layer).__name__}. "
                f"Leave it out. Received: algorithm={algorithm!r}"
            )
        layer.method = algorithm
    return layer
