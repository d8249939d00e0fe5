"""A script that runs an exported model on texts, without Keras."""

import textwrap

from keras_bigs.models.export.formats import FORMATS

# How the runtime of a format runs the file at `PATH`.
RUNTIMES = {
    "tf_saved_model": """
        import tensorflow as tf

        model = tf.saved_model.load(str(PATH))


        def run(inputs):
            return [output.numpy() for output in tf.nest.flatten(model.serve(inputs))]
        """,
    "onnx": """
        import onnxruntime

        session = onnxruntime.InferenceSession(str(PATH))


        def run(inputs):
            names = [x.name for x in session.get_inputs()]
            return session.run(None, {n: inputs[n.split(":")[0]] for n in names})
        """,
    "openvino": """
        import openvino

        options = {"INFERENCE_PRECISION_HINT": "f32"}
        model = openvino.Core().compile_model(str(PATH), "CPU", options)


        def run(inputs):
            return list(model(inputs).values())
        """,
    "litert": """
        import tensorflow as tf

        model = tf.lite.Interpreter(str(PATH)).get_signature_runner()


        def run(inputs):
            return list(model(**inputs).values())
        """,
    "torch": """
        import torch

        model = torch.export.load(str(PATH)).module()


        def run(inputs):
            inputs = {name: torch.from_numpy(x) for name, x in inputs.items()}
            outputs, _ = torch.utils._pytree.tree_flatten(model(inputs))
            return [output.detach().numpy() for output in outputs]
        """,
    "jax": """
        import jax

        model = jax.export.deserialize(bytearray(PATH.read_bytes()))


        def run(inputs):
            return [np.asarray(x) for x in jax.tree.leaves(model.call(inputs))]
        """,
}

SCRIPT = '''\
"""Runs {file} on texts: `python {name} "a text" "another one"`.

Needs numpy, tokenizers and {needs}; neither Keras nor keras_bigs.
"""

import pathlib
import sys

import numpy as np
from tokenizers import BertWordPieceTokenizer

HERE = pathlib.Path(__file__).parent
PATH = HERE / "{file}"
# What `run` returns, in its order.
OUTPUTS = {outputs}

tokenizer = BertWordPieceTokenizer(
    str(HERE / "vocabulary.txt"), lowercase={lowercase}, strip_accents={strip_accents}
)
LENGTH = {length}
tokenizer.enable_truncation(LENGTH)


def pack(texts, pairs=None):
    """Inputs of the model; `pairs` are second texts, such as contexts of questions."""
    if pairs:
        rows = [join(*pair) for pair in zip(texts, pairs)]
    else:
        rows = tokenizer.encode_batch(list(texts))
    length = {padded}
    for row in rows:
        row.pad(length, pad_id=tokenizer.token_to_id("[PAD]"))
    inputs = {{
        "token_ids": [row.ids for row in rows],
        "segment_ids": [row.type_ids for row in rows],
        "padding_mask": [row.attention_mask for row in rows],
    }}
    inputs = {{name: np.array(x, "int32") for name, x in inputs.items()}}
{more}    return inputs


def join(first, second):
    """A pair of texts, cut as the model's own preprocessor cuts them."""
    first, second = (
        tokenizer.encode(text, add_special_tokens=False) for text in (first, second)
    )
    room = LENGTH - 3
    first.truncate({share})
    second.truncate(room - len(first.ids))
    return tokenizer.post_process(first, second)

{runtime}

if __name__ == "__main__":
    texts = sys.argv[1:] or ["The old man was very happy."]
    for name, output in zip(OUTPUTS, run(pack(texts))):
        print(name, output.shape)
        print(output)
'''
# How many tokens of a pair's first text are kept, by the `truncate` of preprocessors.
SHARES = {
    "round_robin": "max(room - len(second.ids), (room + 1) // 2)",
    "waterfall": "room",
    "first": "max(0, room - len(second.ids))",
}
MASK_POSITIONS = """\
    # Where to say what was masked: the first [MASK] of each text.
    masked = inputs["token_ids"] == tokenizer.token_to_id("[MASK]")
    inputs["mask_positions"] = masked.argmax(axis=1)[:, None].astype("int32")
"""
CHOICES = """\
    # The rows are the choices of one example.
    inputs = {name: x[None] for name, x in inputs.items()}
"""


def usage_script(
    name, file, format, outputs, inputs, tokenizer, length, is_fixed, truncate
):
    """The text of a script of 60 lines that tokenizes, packs and runs.

    Args:
        name: string, the name of the script's own file.
        file: string, the exported file beside it.
        format: string, a key of `FORMATS`.
        outputs: tuple of strings, what the file returns.
        inputs: dict of the rank of every input by its name.
        tokenizer: `BiGSTokenizer`, whose vocabulary lies beside it.
        length: int, the most tokens of a text.
        is_fixed: bool. Whether all inputs must be of that length.
        truncate: string, a key of `SHARES`: how a pair that is too long is cut.

    Returns:
        A string.
    """
    more = MASK_POSITIONS if "mask_positions" in inputs else ""
    if inputs["token_ids"] == 3:
        more += CHOICES
    strip_accents = tokenizer.strip_accents
    return SCRIPT.format(
        name=name,
        file=file,
        needs=FORMATS[format].runs_in,
        outputs=repr(tuple(outputs)),
        lowercase=tokenizer.lowercase,
        strip_accents=tokenizer.lowercase if strip_accents is None else strip_accents,
        length=length,
        padded="LENGTH" if is_fixed else "max(len(row.ids) for row in rows)",
        share=SHARES[truncate],
        more=more,
        runtime=textwrap.dedent(RUNTIMES[format]),
    )
