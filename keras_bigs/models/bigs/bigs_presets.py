"""Sizes of BiGS and presets: the paper's, and smaller ones for laptops."""

from pathlib import Path

BERT_VOCABULARY_SIZE = 30522


def _sizes(num_layers, stack_layers, hidden_dim):
    """A gated encoder and its stacked counterpart of about as many weights.

    A gated layer has about 13 d^2 weights and a stacked one 12 d^2, so 12 gated layers
    match 13 stacked ones. `large` is as in the paper: 23 gated, 24 stacked layers.
    """
    common = {"vocabulary_size": BERT_VOCABULARY_SIZE, "hidden_dim": hidden_dim}
    gated = {"num_layers": num_layers, "intermediate_dim": 3 * hidden_dim}
    stack = {"num_layers": stack_layers, "intermediate_dim": 4 * hidden_dim}
    return {**common, **gated}, {**common, **stack, "block": "stack"}


CONFIGS = {}
"""Arguments of `BiGSBackbone` by size: `"large"`, `"base"`, `"small"`, `"mini"` and
`"tiny"` are BiGS, the same names with `"_stack"` the stacked encoders of about as many
weights. `{**CONFIGS["base"], "routing": "attention"}` is GATED/ATT, and with
`"base_stack"` BERT."""

for _name, _arguments in {
    "large": (23, 24, 1024),
    "base": (12, 13, 768),
    "small": (12, 13, 512),
    "mini": (12, 13, 192),
    "tiny": (12, 13, 128),
}.items():
    CONFIGS[_name], CONFIGS[f"{_name}_stack"] = _sizes(*_arguments)


PRESETS = {}
"""Weights by name, see `BiGSBackbone.presets`: the published ones (Wang et al. 2023) on
the Hugging Face hub, and a small one within this package."""


def _add(name, handle, params, description, source):
    """An entry whose files keras-hub finds at `handle`: a URL or a directory."""
    PRESETS[name] = {
        "metadata": {
            "description": description,
            "params": params,
            "path": "bigs",
            "source": source,
        },
        # A built-in name is resolved to this handle, whatever its scheme.
        "kaggle_handle": handle,
    }


def _add_published(name, repository, params, description):
    source = f"https://huggingface.co/{repository}"
    _add(name, f"hf://{repository}", params, description, source)


for _length in (128, 512, 1024, 4096):
    _name = f"bigs_large_{_length}_en_uncased"
    # 346,150,492 without position embeddings.
    _params = 346_150_492 + 1024 * _length
    _add_published(
        _name,
        f"JunxiongWang/BiGS_{_length}",
        _params,
        "23-layer BiGS where all input is lowercased, pretrained on Wikipedia and "
        f"BookCorpus, for up to {_length:,} tokens.",
    )
    # The longer ones were not fine-tuned on MNLI.
    if _length <= 512:
        _add_published(
            f"{_name}_mnli",
            f"JunxiongWang/BiGS_{_length}_MNLI",
            _params,
            f"{_name} fine-tuned on MNLI.",
        )

_add(
    "bigs_mini_en_uncased",
    str(Path(__file__).parents[2] / "presets" / "bigs_mini_en_uncased"),
    7_313_136,
    "12-layer BiGS of width 192 where all input is lowercased, pretrained on 10 "
    "million tokens of English prose, for up to 128 tokens. Comes with the package.",
    "python -m recipes.pretrain mini",
)
