"""Whether the sizes in `config.json` are those of the weights."""

import math

from keras_bigs.convert.config import SIZES
from keras_bigs.convert.names import ROOTS
from keras_bigs.convert.names import SEPARATORS
from keras_bigs.errors import CheckpointError


def check_sizes(config, shapes, origin, where):
    """Compares sizes with those of a file before anything is allocated for them.

    Args:
        config: dict that `backbone_arguments` has accepted.
        shapes: dict of the shapes in the file, by full name.
        origin: `"flax"` or `"pytorch"`.
        where: string for error messages, the checkpoint.

    Raises:
        CheckpointError: sizes differ, or so does the number of weights by far, or
            tensors are missing that tell the sizes. All are listed.
    """
    separator = SEPARATORS[origin]
    embedding = "embedding" if origin == "flax" else "weight"
    dense = "kernel" if origin == "flax" else "weight"
    state = "A_re" if origin == "flax" else "kernel.A_re"
    sizes = {key: config[key] for key in SIZES}
    expected = {
        f"embeddings.word_embeddings.{embedding}": ("vocab_size", "hidden_size"),
        f"embeddings.position_embeddings.{embedding}": (
            "max_position_embeddings",
            "hidden_size",
        ),
        f"embeddings.token_type_embeddings.{embedding}": (
            "type_vocab_size",
            "hidden_size",
        ),
        f"encoder.layer.0.dv.{dense}": ("hidden_size", "intermediate_size"),
        f"encoder.layer.0.fs4.{state}": ("num_ssm",),
    }
    missing, problems = [], []
    for name, keys in expected.items():
        name = f"{ROOTS[origin]}.{name}".replace(".", separator)
        if name not in shapes:
            missing.append(name)
            continue
        shape = shapes[name]
        if origin == "pytorch" and keys == ("hidden_size", "intermediate_size"):
            shape = shape[::-1]
        if shape != tuple(sizes[key] for key in keys):
            told = ", ".join(f"`{key}` {sizes[key]}" for key in keys)
            problems.append(f"{told}, but {name} has the shape {list(shapes[name])}")
    if missing:
        problems.append(f"Missing: {', '.join(missing)}")
    if problems:
        raise CheckpointError(
            f"{where}: config.json and the weights differ: {'; '.join(problems)}."
        )
    found = sum(map(math.prod, shapes.values()))
    if sizes["num_ssm"] ** 2 > found:
        # SSMs start from the eigenvalues of a matrix of this size.
        raise CheckpointError(
            f"{where}: `num_ssm` {sizes['num_ssm']} is too large for a model of "
            f"{found:,} weights."
        )
    depth, hidden = sizes["num_hidden_layers"], sizes["hidden_size"]
    told = depth * hidden * (4 * hidden + 3 * sizes["intermediate_size"])
    # A file may lack tensors, which are listed later; not half of them.
    if told > 2 * found or depth > len(shapes):
        raise CheckpointError(
            f"{where}: config.json tells of {depth} layers (`num_hidden_layers`) with "
            f"{told:,} weights; the file has {found:,} weights in all. They do not "
            "belong together, or the file is not whole."
        )
