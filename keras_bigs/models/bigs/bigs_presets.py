"""Sizes of BiGS and presets: the paper's, and smaller ones for laptops."""

from pathlib import Path


def architecture_sizes(block, hidden_dim, num_layers=None):
    """Sizes of an encoder of about as many weights with either block.

    The gates are `3 * hidden_dim` wide and the feed-forward layer of a stacked block
    `4 * hidden_dim`. So a gated layer has about `13 hidden_dim^2` weights and a stacked
    one `12 hidden_dim^2`, and 12 gated layers match 13 stacked ones. (The paper's large
    models have 23 gated and 24 stacked layers.)

    Args:
        block: `"gated"` or `"stack"`.
        hidden_dim: int. The width of the encoder.
        num_layers: int. The number of layers of this block. Defaults to 12 gated
            or 13 stacked layers.

    Returns:
        dict of `block`, `num_layers`, `hidden_dim` and `intermediate_dim`, arguments of
        `BiGSBackbone`.

    Raises:
        ValueError: an unknown block.

    Example:
    ```python
    backbone = keras_bigs.models.BiGSBackbone(
        vocabulary_size=100, **keras_bigs.models.architecture_sizes("stack", 16)
    )
    backbone.num_layers  # 13
    ```
    """
    if block not in ("gated", "stack"):
        raise ValueError(f'`block` must be "gated" or "stack". Received: {block!r}')
    gated = block == "gated"
    if num_layers is None:
        num_layers = 12 if gated else 13
    return {
        "block": block,
        "num_layers": num_layers,
        "hidden_dim": hidden_dim,
        "intermediate_dim": (3 if gated else 4) * hidden_dim,
    }


# BERT's, uncased.
VOCABULARY_SIZE = 30522

CONFIGS = {
    name: {"vocabulary_size": VOCABULARY_SIZE, **sizes}
    for name, sizes in {
        "large": architecture_sizes("gated", 1024, num_layers=23),
        "large_stack": architecture_sizes("stack", 1024, num_layers=24),
        "base": architecture_sizes("gated", 768),
        "base_stack": architecture_sizes("stack", 768),
        "small": architecture_sizes("gated", 512),
        "small_stack": architecture_sizes("stack", 512),
        "mini": architecture_sizes("gated", 192),
        "mini_stack": architecture_sizes("stack", 192),
        "tiny": architecture_sizes("gated", 128),
        "tiny_stack": architecture_sizes("stack", 128),
    }.items()
}
"""Arguments of `BiGSBackbone` by size: `"large"`, `"base"`, `"small"`, `"mini"` and
`"tiny"` are BiGS, the same names with `"_stack"` the stacked encoders of about as many
weights. `{**CONFIGS["base"], "routing": "attention"}` is GATED/ATT, and with
`"base_stack"` BERT."""

# keras-hub finds the files of a name at its `kaggle_handle`, whatever the scheme.
PRESETS = {
    "bigs_large_128_en_uncased": {
        "metadata": {
            "description": (
                "23-layer BiGS where all input is lowercased, pretrained on Wikipedia "
                "and BookCorpus, for up to 128 tokens."
            ),
            "params": 346281564,
            "path": "bigs",
            "source": "https://huggingface.co/JunxiongWang/BiGS_128",
        },
        "kaggle_handle": "hf://JunxiongWang/BiGS_128",
    },
    "bigs_large_128_en_uncased_mnli": {
        "metadata": {
            "description": "bigs_large_128_en_uncased fine-tuned on MNLI.",
            "params": 346281564,
            "path": "bigs",
            "source": "https://huggingface.co/JunxiongWang/BiGS_128_MNLI",
        },
        "kaggle_handle": "hf://JunxiongWang/BiGS_128_MNLI",
    },
    "bigs_large_512_en_uncased": {
        "metadata": {
            "description": (
                "23-layer BiGS where all input is lowercased, pretrained on Wikipedia "
                "and BookCorpus, for up to 512 tokens."
            ),
            "params": 346674780,
            "path": "bigs",
            "source": "https://huggingface.co/JunxiongWang/BiGS_512",
        },
        "kaggle_handle": "hf://JunxiongWang/BiGS_512",
    },
    "bigs_large_512_en_uncased_mnli": {
        "metadata": {
            "description": "bigs_large_512_en_uncased fine-tuned on MNLI.",
            "params": 346674780,
            "path": "bigs",
            "source": "https://huggingface.co/JunxiongWang/BiGS_512_MNLI",
        },
        "kaggle_handle": "hf://JunxiongWang/BiGS_512_MNLI",
    },
    "bigs_large_1024_en_uncased": {
        "metadata": {
            "description": (
                "23-layer BiGS where all input is lowercased, pretrained on Wikipedia "
                "and BookCorpus, for up to 1,024 tokens."
            ),
            "params": 347199068,
            "path": "bigs",
            "source": "https://huggingface.co/JunxiongWang/BiGS_1024",
        },
        "kaggle_handle": "hf://JunxiongWang/BiGS_1024",
    },
    "bigs_large_4096_en_uncased": {
        "metadata": {
            "description": (
                "23-layer BiGS where all input is lowercased, pretrained on Wikipedia "
                "and BookCorpus, for up to 4,096 tokens."
            ),
            "params": 350344796,
            "path": "bigs",
            "source": "https://huggingface.co/JunxiongWang/BiGS_4096",
        },
        "kaggle_handle": "hf://JunxiongWang/BiGS_4096",
    },
    "bigs_mini_en_uncased": {
        "metadata": {
            "description": (
                "12-layer BiGS of width 192 where all input is lowercased, pretrained "
                "on 38 million tokens of English prose, for up to 512 tokens. Comes "
                "with the package."
            ),
            "params": 7459440,
            "path": "bigs",
            "source": "python -m recipes.pretrain mini, and recipes.extend 512",
        },
        "kaggle_handle": str(
            Path(__file__).parents[2] / "presets" / "bigs_mini_en_uncased"
        ),
    },
}
"""Weights by name, see `BiGSBackbone.presets`: the published ones (Wang et al. 2023) on
the Hugging Face hub, and a small one within this package."""
