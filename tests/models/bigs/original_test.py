"""Agreement with the original implementation's outputs, at toy size."""

import pathlib

import keras
import numpy as np

from keras_bigs import models

FIXTURE = pathlib.Path(__file__).parents[2] / "fixtures/original_masked_lm.npz"


def test_masked_lm_logits_of_the_original():
    """Padded rows included: with `mask_padding=False`, as the original has it."""
    original = dict(np.load(FIXTURE))
    backbone = models.BiGSBackbone(
        vocabulary_size=61,
        num_layers=2,
        hidden_dim=16,
        intermediate_dim=48,
        state_dim=8,
        max_sequence_length=24,
        mask_padding=False,
        activation="gelu",  # the PyTorch code has the exact one
    )
    masked_lm = models.BiGSMaskedLM(backbone)

    def weight(variable, name):
        variable.assign(original.pop(name).reshape(variable.shape))

    def dense(layer, name):
        layer.kernel.assign(original.pop(f"{name}.weight").T)
        weight(layer.bias, f"{name}.bias")

    def norm(layer, name):
        weight(layer.gamma, f"{name}.weight")
        weight(layer.beta, f"{name}.bias")

    embeddings = "bigs.embeddings"
    weight(backbone.token_embedding.embeddings, f"{embeddings}.word_embeddings.weight")
    weight(
        backbone.position_embedding.position_embeddings,
        f"{embeddings}.position_embeddings.weight",
    )
    weight(
        backbone.segment_embedding.embeddings,
        f"{embeddings}.token_type_embeddings.weight",
    )
    norm(backbone.embeddings_layer_norm, f"{embeddings}.LayerNorm")
    for i, block in enumerate(backbone.blocks):
        prefix = f"bigs.encoder.layer.{i}"
        norm(block.layer_norm, f"{prefix}.LayerNorm")
        dense(block.value_dense, f"{prefix}.dv")
        dense(block.gate_dense, f"{prefix}.dol")
        dense(block.output_dense, f"{prefix}.do")
        dense(block.routing.forward_dense, f"{prefix}.du_forward")
        dense(block.routing.backward_dense, f"{prefix}.du_backward")
        dense(block.routing.forward_output_dense, f"{prefix}.duc_forward")
        dense(block.routing.backward_output_dense, f"{prefix}.duc_backward")
        for layer, name in (
            (block.routing.forward_ssm, "fs4"),
            (block.routing.backward_ssm, "bs4"),
        ):
            for variable in layer.weights:
                inner = "" if variable.name == "D" else "kernel."
                weight(variable, f"{prefix}.{name}.{inner}{variable.name}")
    dense(backbone.pooled_dense, "bigs.pooler.dense")
    head = {v.path.split("mlm_head/")[-1]: v for v in masked_lm.masked_lm_head.weights}
    transform = "cls.predictions.transform"
    kernel = original.pop(f"{transform}.dense.weight").T
    head["intermediate_dense/kernel"].assign(kernel)
    weight(head["intermediate_dense/bias"], f"{transform}.dense.bias")
    weight(head["intermediate_layer_norm/gamma"], f"{transform}.LayerNorm.weight")
    weight(head["intermediate_layer_norm/beta"], f"{transform}.LayerNorm.bias")
    weight(head["output_bias"], "cls.predictions.bias")

    names = ("token_ids", "segment_ids", "padding_mask")
    inputs = {name: original.pop(f"inputs/{name}") for name in names}
    rows, length = inputs["token_ids"].shape
    inputs["mask_positions"] = np.tile(np.arange(length, dtype="int32"), (rows, 1))
    expected = original.pop("outputs/logits")
    assert not original, f"not loaded: {sorted(original)}"
    actual = keras.ops.convert_to_numpy(masked_lm(inputs))
    assert np.abs(actual - expected).max() <= 1e-5 * np.abs(expected).max()
