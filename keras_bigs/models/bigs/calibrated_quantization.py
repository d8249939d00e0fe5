"""Quantization by GPTQ and AWQ, which look at what flows through a model."""

from keras import ops


class CalibratedQuantization:
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
            filters: which layers are quantized. By default all that can be; those in
                blocks for `"gptq"` and `"awq"`, which calibrate no others.
            **kwargs: as for `keras.Model.quantize`.

        Example:
        ```python
        masked_lm = keras_bigs.models.BiGSMaskedLM.from_preset("bigs_mini_en_uncased")
        masked_lm.quantize("int8")
        masked_lm.save_to_preset("masked_lm_int8")
        ```
        """
        modes = (mode, getattr(config, "mode", None))
        if filters is None and ("gptq" in modes or "awq" in modes):
            inside = {
                id(layer)
                for block in _backbone(self).blocks
                for layer in block._flatten_layers()
            }

            def filters(layer):
                return id(layer) in inside

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
