"""keras-hub's own encoders, as this library's tasks take them: baselines."""

import os

import keras
from keras_hub.models import Backbone
from keras_hub.models import BartBackbone
from keras_hub.models import BertBackbone
from keras_hub.models import BertTokenizer
from keras_hub.models import FNetBackbone
from keras_hub.models import Tokenizer

from keras_bigs.compat.keras_hub_presets import TASK_CONFIG_FILE
from keras_bigs.compat.keras_hub_presets import check_config_class
from keras_bigs.compat.keras_hub_presets import check_file_exists
from keras_bigs.compat.keras_hub_presets import get_preset_loader
from keras_bigs.compat.keras_hub_presets import load_json
from keras_bigs.layers import MeanPooling
from keras_bigs.models.bigs.bigs_backbone import BiGSBackbone
from keras_bigs.models.bigs.bigs_backbone import bigs_kernel_initializer
from keras_bigs.models.bigs.bigs_tokenizer import BiGSTokenizer

ENCODERS = (BertBackbone, FNetBackbone, BartBackbone)


@keras.saving.register_keras_serializable("keras_bigs")
class PooledEncoder(Backbone):
    """A backbone of keras-hub with the inputs and outputs of `BiGSBackbone`.

    So BERT, FNet and BART are fine-tuned by the same tasks: `BiGSTextClassifier`,
    `BiGSMultipleChoice`, and with BERT's word pieces also `BiGSQuestionAnswerer` and
    `BiGSTokenClassifier`.

    | backbone | reads                          | `pooled_output`                  |
    |----------|--------------------------------|----------------------------------|
    | BERT     | all inputs                     | its own, of the first token      |
    | FNet     | no padding mask                | its own, of the first token      |
    | BART     | no segments; the text is input | mean of the decoder's output     |
    |          | of both encoder and decoder    | over real tokens, dense and tanh |

    For BART (Lewis et al. 2020, section 3.2) `sequence_output` is the decoder's, and
    the dense layer of the pooled output is a new one. FNet mixes padding in with its
    Fourier transform: its outputs depend on how far an input is padded.

    Args:
        backbone: `keras_hub.models.BertBackbone`, `FNetBackbone` or `BartBackbone`. Its
            weights are shared, not copied, and its dtype is also this model's.
        **kwargs: `name`, `trainable` of `keras.Model`.

    Call arguments:
        inputs: dict of `token_ids`, `segment_ids`, `padding_mask`, each
            `(batch, length)` of int32; `padding_mask` is 1 at real tokens.

    Returns:
        dict of `sequence_output`, `(batch, length, hidden_dim)`, and `pooled_output`,
        `(batch, hidden_dim)`.

    Raises:
        ValueError: any other backbone.

    Example:
    ```python
    import keras_hub

    bart = keras_hub.models.BartBackbone(
        vocabulary_size=99,
        num_layers=1,
        num_heads=2,
        hidden_dim=8,
        intermediate_dim=16,
    )
    encoder = keras_bigs.models.PooledEncoder(bart)
    chooser = keras_bigs.models.BiGSMultipleChoice(encoder)
    ```
    """

    # keras-hub looks for the tasks and preprocessors of a preset by this class.
    task_backbone_cls = BiGSBackbone

    def __init__(self, backbone, **kwargs):
        _check_encoder(type(backbone), ENCODERS, f"backbone={backbone!r}")

        # === Layers ===
        self.backbone = backbone
        if isinstance(backbone, BartBackbone):
            dtype = backbone.dtype_policy
            self.pooling = MeanPooling(dtype=dtype, name="pooling")
            self.pooled_dense = keras.layers.Dense(
                backbone.hidden_dim,
                activation="tanh",
                kernel_initializer=bigs_kernel_initializer(backbone.hidden_dim),
                dtype=dtype,
                name="pooled_dense",
            )

        # === Functional model ===
        inputs = {
            name: keras.Input(shape=(None,), dtype="int32", name=name)
            for name in ("token_ids", "segment_ids", "padding_mask")
        }
        if isinstance(backbone, BartBackbone):
            x = backbone(
                {
                    f"{part}_{name}": inputs[name]
                    for part in ("encoder", "decoder")
                    for name in ("token_ids", "padding_mask")
                }
            )["decoder_sequence_output"]
            pooled = self.pooling(x, padding_mask=inputs["padding_mask"])
            outputs = {"sequence_output": x, "pooled_output": self.pooled_dense(pooled)}
        else:
            outputs = backbone({name: inputs[name] for name in backbone.input})
        super().__init__(
            inputs=inputs, outputs=outputs, dtype=backbone.dtype_policy, **kwargs
        )

        # === Config ===
        self.vocabulary_size = backbone.vocabulary_size
        self.hidden_dim = backbone.hidden_dim
        self.max_sequence_length = backbone.max_sequence_length

    @property
    def depends_on_padding(self):
        """Whether outputs at real tokens depend on how far an input is padded."""
        return isinstance(self.backbone, FNetBackbone)

    def get_config(self):
        config = super().get_config()
        config["backbone"] = keras.saving.serialize_keras_object(self.backbone)
        return config

    @classmethod
    def from_config(cls, config):
        options = dict(config)
        own = {key: options.pop(key) for key in ("name", "trainable") if key in options}
        backbone = options.pop("backbone")
        if isinstance(backbone, dict):
            # `dtype`, and whatever `from_preset` is given, are options of the backbone.
            backbone = {**backbone, "config": {**backbone["config"], **options}}
            backbone = keras.saving.deserialize_keras_object(backbone)
        return cls(backbone, **own)

    @classmethod
    def from_preset(cls, preset, load_weights=True, **kwargs):
        """Loads a preset of BERT, FNet or BART, or one of a `PooledEncoder`.

        Args:
            preset: the preset, as for `keras_hub.models.Backbone.from_preset`.
            load_weights: bool. Whether to load weights; `False` gives random ones.
            **kwargs: arguments of the wrapped backbone that replace the preset's, such
                as `dropout` and `dtype`.

        Returns:
            `PooledEncoder`.

        Raises:
            ValueError: a preset of any other backbone.
        """
        _check_encoder(_saved_class(preset), (cls, *ENCODERS), f"preset={preset!r}")
        backbone = Backbone.from_preset(preset, load_weights, **kwargs)
        return backbone if isinstance(backbone, cls) else cls(backbone)


def encoder_presets():
    """The names of all presets that `load_encoder` takes, a list of strings."""
    return [name for cls in (BiGSBackbone, *ENCODERS) for name in cls.presets]


def load_encoder(preset, dropout=None, load_weights=True, **kwargs):
    """The encoder of a preset of BiGS, BERT, FNet or BART, for this library's tasks.

    Args:
        preset: the preset, as for `keras_hub.models.Backbone.from_preset`.
        dropout: float or `None`. Dropout everywhere in the encoder, embeddings
            included, or `None` for the preset's own.
        load_weights: bool. Whether to load weights; `False` gives random ones.
        **kwargs: other arguments of the preset's backbone to replace, such as `dtype`.

    Returns:
        `BiGSBackbone`, or for the others a `PooledEncoder`.

    Raises:
        ValueError: a preset of any other backbone.

    Example:
    ```python
    preset = "bigs_mini_en_uncased"  # or "bert_base_en_uncased", "bart_base_en"
    chooser = keras_bigs.models.BiGSMultipleChoice(
        keras_bigs.models.load_encoder(preset, dropout=0.1),
        keras_bigs.models.BiGSMultipleChoicePreprocessor(
            keras_bigs.models.load_tokenizer(preset), sequence_length=64
        ),
    )
    ```
    """
    preset = os.fspath(preset)
    cls = _saved_class(preset)
    supported = (BiGSBackbone, PooledEncoder, *ENCODERS)
    _check_encoder(cls, supported, f"preset={preset!r}")
    if dropout is not None:
        kwargs["dropout"] = dropout
        if issubclass(cls, BiGSBackbone):
            kwargs["embedding_dropout"] = None
    loads = BiGSBackbone if issubclass(cls, BiGSBackbone) else PooledEncoder
    return loads.from_preset(preset, load_weights=load_weights, **kwargs)


def load_task(preset):
    """A model as its preset was saved: the task, or an encoder without one.

    Args:
        preset: the preset, as for `keras_hub.models.Backbone.from_preset`, or
            `pathlib.Path`.

    Returns:
        The task with its head and preprocessor; or what `load_encoder` returns, where
        the preset has none.

    Raises:
        ValueError: a preset of any other backbone.

    Example:
    ```python
    masked_lm = keras_bigs.models.load_task("bigs_mini_en_uncased")
    masked_lm.fill_mask("The old [MASK] was very happy.")
    ```
    """
    preset = os.fspath(preset)
    if check_file_exists(preset, TASK_CONFIG_FILE):
        task = check_config_class(load_json(preset, TASK_CONFIG_FILE))
        return task.from_preset(preset)
    return load_encoder(preset)


def load_tokenizer(preset, **kwargs):
    """The tokenizer of a preset, for this library's preprocessors.

    Args:
        preset: the preset, as for `keras_hub.tokenizers.Tokenizer.from_preset`, or
            `pathlib.Path`.
        **kwargs: arguments of the tokenizer to replace.

    Returns:
        `BiGSTokenizer` for BiGS and BERT, which serves all preprocessors; otherwise
        keras-hub's own, which serves those of text classification and multiple choice.

    Example:
    ```python
    tokenizer = keras_bigs.models.load_tokenizer("bigs_mini_en_uncased")
    tokenizer("The fox.")
    ```
    """
    tokenizer = Tokenizer.from_preset(os.fspath(preset), **kwargs)
    if isinstance(tokenizer, BertTokenizer):
        # The others are in the tokenizer; of accents BERT's knows its own default only.
        accents = {k: v for k, v in kwargs.items() if k == "strip_accents"}
        return to_bigs_tokenizer(tokenizer, **accents)
    return tokenizer


def to_bigs_tokenizer(tokenizer, strip_accents=None):
    """A `BiGSTokenizer` with the vocabulary and options of BERT's tokenizer.

    Token ids are the same but for accents: where text is lower-cased they are stripped,
    as in BERT's pretraining. keras-hub leaves them.

    Args:
        tokenizer: `keras_hub.models.BertTokenizer`.
        strip_accents: bool or `None`. Whether to strip them; `None` as above.

    Returns:
        `BiGSTokenizer`.

    Example:
    ```python
    import keras_hub

    vocabulary = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]", "the", "fox", "."]
    bert = keras_hub.models.BertTokenizer(vocabulary, lowercase=True)
    tokenizer = keras_bigs.models.to_bigs_tokenizer(bert)
    ```
    """
    return BiGSTokenizer(
        tokenizer.get_vocabulary(),
        lowercase=tokenizer.lowercase,
        strip_accents=strip_accents,
        sequence_length=tokenizer.sequence_length,
        split=tokenizer.split,
        split_on_cjk=tokenizer.split_on_cjk,
        suffix_indicator=tokenizer.suffix_indicator,
        oov_token=tokenizer.oov_token,
        special_tokens_in_strings=tokenizer.special_tokens_in_strings,
        dtype=tokenizer.compute_dtype,
    )


def _saved_class(preset):
    """The class of a preset's backbone, also where it is a `PooledEncoder`."""
    loader = get_preset_loader(preset)
    saved = keras.saving.get_registered_object(loader.config.get("registered_name"))
    return saved or loader.check_backbone_class()


def _check_encoder(cls, supported, received):
    if not issubclass(cls, supported):
        *names, last = (f"`{supported_cls.__name__}`" for supported_cls in supported)
        raise ValueError(
            f"`{cls.__name__}` has no place in the tasks of keras_bigs. Use "
            f"{', '.join(names)} or {last}. Received: {received}"
        )
