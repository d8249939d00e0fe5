"""Quantization of what can be quantized, also by methods that look at activations."""

import keras
from keras import ops

from keras_bigs.compat.inner_layers import inner_layers


class Quantizable:
    """Goes before the base class of a backbone or task.

    No `keras.Model`: Keras 3.15 fails to build functional models of classes that have
    it by two ways among their bases.
    """

    def quantize(self, mode=None, config=None, filters=None, **kwargs):
        """Quantizes the weights, see `keras.Model.quantize`.

        Presets of quantized models load as they were saved, except for `"gptq"` and
        `"awq"`, of which Keras 3.15 does not write all weights.

        Args:
            mode, config: as for `keras.Model.quantize`.
            filters: which layers are quantized, as for `keras.Model.quantize`. By
                default all that can be; those in blocks for `"gptq"` and `"awq"`, which
                calibrate no others.
            **kwargs: as for `keras.Model.quantize`.

        Example:
        ```python
        masked_lm = keras_bigs.models.BiGSMaskedLM.from_preset("bigs_mini_en_uncased")
        masked_lm.quantize("int8")
        masked_lm.save_to_preset("masked_lm_int8")
        ```
        """
        if filters is None:
            modes = {mode, getattr(config, "mode", None)}
            layers = _quantizable(self)
            if modes & {"gptq", "awq"}:
                inside = [inner_layers(block) for block in _backbone(self).blocks]
                layers &= {id(layer) for block in inside for layer in block}

            def filters(layer):
                return id(layer) in layers

        super().quantize(mode, config=config, filters=filters, **kwargs)

    def get_quantization_layer_structure(self, mode=None):
        """What `"gptq"` and `"awq"` run one after the other: embeddings, then blocks.

        Args:
            mode: the mode of quantization.

        Returns:
            dict of `pre_block_layers` and `sequential_blocks`, for Keras; `None` for
            other modes.
        """
        if mode not in ("gptq", "awq"):
            return None
        backbone = _backbone(self)

        def embed(token_ids):
            tokens = backbone.token_embedding(token_ids)
            positions = backbone.position_embedding(tokens)
            segments = backbone.segment_embedding(ops.zeros_like(token_ids))
            x = backbone.embeddings_add((tokens, positions, segments))
            return backbone.embeddings_layer_norm(x)

        return {"pre_block_layers": [embed], "sequential_blocks": backbone.blocks}


def _backbone(model):
    return getattr(model, "backbone", model)


def _quantizable(model):
    """The ids of the layers of a model that can be quantized.

    Keras 3.15 tries all layers, the tokenizer of a task's preprocessor among them: it
    warns of each that cannot be quantized, and stops at one that is not built yet.
    """
    return {
        id(layer)
        for layer in inner_layers(model, include_self=False)
        if type(layer).quantize is not keras.layers.Layer.quantize and layer.built
    }
