"""The sides of `benchmarks.peers`, each in a process of its own.

A side is an encoder of a library: `bigs:torch` is ours on PyTorch, `bert:jax` and
`fnet:jax` are keras-hub's, `hf_bert` and `hf_modernbert` are those of Hugging Face's
transformers, which are PyTorch. All have equally many parameters, to 4% (position
tables differ), and the same dropout. The process does one of `TASKS` for each line with
its name on the standard input, and answers with the seconds it took; it answers
`memory` with the most MiB it ever held, and `parameters` with their number. Lines that
start with `{"answer":` are answers: libraries write others.
"""

import dataclasses
import importlib.resources
import json
import os
import sys
import time

import numpy as np

from benchmarks import timing

TASKS = ("train", "encode", "predict")
"""A step of masked language modeling; the encoder's outputs of a batch; and classes of
raw strings, four batches of them."""
PREDICTED_SHARE = 0.15
PREDICTED_BATCHES = 4


@dataclasses.dataclass
class Case:
    """What all sides do alike."""

    length: int
    batch: int
    dtype: str
    dim: int
    layers: int
    """Of BiGS. Others have as many as make as many parameters."""
    vocabulary_size: int
    dropout: float

    @property
    def layers_of_others(self):
        """A gated block has 13 dim^2 weights, a layer of BERT 12."""
        return round(self.layers * 13 / 12)

    def tokens_of(self, task):
        """How many tokens a task works on."""
        batches = PREDICTED_BATCHES if task == "predict" else 1
        return self.length * self.batch * batches

    def token_ids(self):
        rng = np.random.default_rng(0)
        return rng.integers(5, self.vocabulary_size, (self.batch, self.length), "int32")

    def mask_positions(self):
        rng = np.random.default_rng(1)
        positions = np.tile(np.arange(self.length, dtype="int32"), (self.batch, 1))
        predictions = max(1, int(PREDICTED_SHARE * self.length))
        return np.sort(rng.permuted(positions, axis=1)[:, :predictions], axis=1)

    @property
    def vocabulary(self):
        """The file of a preset of this package: enough words to make texts of."""
        folder = importlib.resources.files("keras_bigs") / "presets"
        return str(folder / "bigs_mini_en_uncased/assets/tokenizer/vocabulary.txt")

    def texts(self):
        """Of as many words as fill up `length` tokens."""
        with open(self.vocabulary, encoding="utf-8") as file:
            words = [w for w in file.read().split("\n") if w.isalpha() and w.isascii()]
        size = (PREDICTED_BATCHES * self.batch, self.length)
        rows = np.random.default_rng(2).choice(words, size)
        return [" ".join(row) for row in rows]


def keras_side(name, case):
    """Ours and keras-hub's: one function a task, and the number of parameters."""
    import keras
    import keras_hub

    import keras_bigs

    keras.config.set_dtype_policy(
        {"float32": "float32", "bfloat16": "mixed_bfloat16"}[case.dtype]
    )
    sizes = {
        "vocabulary_size": case.vocabulary_size,
        "hidden_dim": case.dim,
        "max_sequence_length": case.length,
        "dropout": case.dropout,
    }
    hub = keras_hub.models
    optimizer = keras.optimizers.AdamW(1e-4)
    if name == "bigs":
        backbone = keras_bigs.models.BiGSBackbone(
            num_layers=case.layers, intermediate_dim=3 * case.dim, **sizes
        )
        masked_lm = keras_bigs.models.BiGSMaskedLM(backbone)
        optimizer = keras_bigs.training.adamw(1e-4, total_steps=10**6)
        tokenizer = keras_bigs.models.BiGSTokenizer(case.vocabulary, lowercase=True)
        classifier, preprocessor = (
            keras_bigs.models.BiGSTextClassifier,
            keras_bigs.models.BiGSTextClassifierPreprocessor,
        )
    elif name == "bert":
        backbone = hub.BertBackbone(
            num_layers=case.layers_of_others,
            num_heads=max(1, case.dim // 64),
            intermediate_dim=4 * case.dim,
            **sizes,
        )
        masked_lm = hub.BertMaskedLM(backbone)
        tokenizer = hub.BertTokenizer(case.vocabulary, lowercase=True)
        classifier, preprocessor = (
            hub.BertTextClassifier,
            hub.BertTextClassifierPreprocessor,
        )
    else:
        # A layer of FNet has 8 dim^2 weights.
        layers = round(case.layers * 13 / 8)
        backbone = hub.FNetBackbone(
            num_layers=layers, intermediate_dim=4 * case.dim, **sizes
        )
        masked_lm, classifier = hub.FNetMaskedLM(backbone), None
    masked_lm.compile(optimizer)
    ids, positions = case.token_ids(), case.mask_positions()
    x = {
        "token_ids": ids,
        "segment_ids": np.zeros_like(ids),
        "padding_mask": np.ones_like(ids),
        "mask_positions": positions,
    }
    y = np.take_along_axis(ids, positions, axis=1)
    inputs = {name: x[name] for name in masked_lm.input}
    features = {name: x[name] for name in backbone.input}
    tasks = {
        # Past the preprocessing of a task.
        "train": lambda: keras.Model.train_on_batch(masked_lm, inputs, y),
        "encode": lambda: backbone.predict_on_batch(features),
    }
    if classifier is not None:
        model = classifier(
            backbone,
            num_classes=2,
            preprocessor=preprocessor(tokenizer, sequence_length=case.length),
        )
        texts = case.texts()
        tasks["predict"] = lambda: model.predict(
            texts, batch_size=case.batch, verbose=0
        )
    return tasks, masked_lm.count_params()


def transformers_side(name, case):
    """Hugging Face's, as its own trainer and pipelines run them."""
    import torch
    import transformers

    common = {
        "vocab_size": case.vocabulary_size,
        "hidden_size": case.dim,
        "num_hidden_layers": case.layers_of_others,
        "num_attention_heads": max(1, case.dim // 64),
        "max_position_embeddings": case.length,
        "attn_implementation": "sdpa",
        "num_labels": 2,
    }
    if name == "hf_bert":
        config = transformers.BertConfig(
            intermediate_size=4 * case.dim,
            hidden_dropout_prob=case.dropout,
            attention_probs_dropout_prob=case.dropout,
            **common,
        )
        masked_lm = transformers.BertForMaskedLM(config)
        classifier = transformers.BertForSequenceClassification(config).eval()
    else:
        config = transformers.ModernBertConfig(
            # Gated: three matrices instead of two.
            intermediate_size=round(8 / 3 * case.dim),
            attention_dropout=case.dropout,
            mlp_dropout=case.dropout,
            embedding_dropout=case.dropout,
            sparse_prediction=True,
            reference_compile=False,
            pad_token_id=0,
            cls_token_id=2,
            bos_token_id=2,
            sep_token_id=3,
            eos_token_id=3,
            **common,
        )
        masked_lm = transformers.ModernBertForMaskedLM(config)
        classifier = transformers.ModernBertForSequenceClassification(config).eval()
    tokenizer = transformers.BertTokenizerFast(case.vocabulary, do_lower_case=True)

    ids = torch.tensor(case.token_ids(), dtype=torch.int64)
    mask = torch.ones_like(ids)
    labels = torch.full_like(ids, -100)
    positions = torch.tensor(case.mask_positions(), dtype=torch.int64)
    labels.scatter_(1, positions, ids.gather(1, positions))
    optimizer = torch.optim.AdamW(masked_lm.parameters(), 1e-4, fused=True)
    parameters = sum(p.numel() for p in masked_lm.parameters())
    low = case.dtype == "bfloat16"
    encoder = (classifier.bert if name == "hf_bert" else classifier.model).eval()
    if low:
        classifier.to(torch.bfloat16)
    else:
        # One encoder, as on the other sides.
        shared = masked_lm.bert if name == "hf_bert" else masked_lm.model
        encoder.load_state_dict(shared.state_dict(), strict=False, assign=True)

    def train():
        with torch.autocast("cpu", torch.bfloat16, enabled=low):
            loss = masked_lm(ids, attention_mask=mask, labels=labels).loss
        loss.backward()
        optimizer.step()
        optimizer.zero_grad()
        return loss.item()

    @torch.inference_mode()
    def encode():
        return encoder(ids, attention_mask=mask).last_hidden_state.float().numpy()

    texts = case.texts()

    @torch.inference_mode()
    def predict():
        for start in range(0, len(texts), case.batch):
            batch = tokenizer(
                texts[start : start + case.batch],
                padding="max_length",
                truncation=True,
                max_length=case.length,
                return_tensors="pt",
            )
            batch.pop("token_type_ids", None)
            classifier(**batch).logits.float().numpy()

    return {"train": train, "encode": encode, "predict": predict}, parameters


def main():
    """Answers the lines of the standard input."""
    side, case = sys.argv[1], Case(**json.loads(sys.argv[2]))
    name, _, backend = side.partition(":")
    if backend:
        os.environ["KERAS_BACKEND"] = backend
        tasks, parameters = keras_side(name, case)
    else:
        tasks, parameters = transformers_side(name, case)
    for line in sys.stdin:
        question = line.strip()
        if question == "memory":
            answer = timing.peak_memory()
        elif question == "parameters":
            answer = parameters
        elif question in tasks:
            start = time.perf_counter()
            tasks[question]()
            answer = time.perf_counter() - start
        else:
            answer = None
        print(json.dumps({"answer": answer}), flush=True)


if __name__ == "__main__":
    main()
