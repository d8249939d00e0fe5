"""`export`: files for TensorFlow, ONNX Runtime, OpenVINO, LiteRT, PyTorch and JAX."""

import contextlib

import keras

from keras_bigs.compat.inner_layers import inner_layers
from keras_bigs.compat.openvino_files import converted_to_openvino
from keras_bigs.compat.platform import tracing_for
from keras_bigs.compat.scan import without_loops
from keras_bigs.compat.tf2onnx import check_onnx
from keras_bigs.compat.torch_export import export_torch
from keras_bigs.errors import needs_extra
from keras_bigs.files import atomic_write
from keras_bigs.models.export.formats import FORMATS

# Where a file of the format "jax" can be run.
JAX_PLATFORMS = ("cpu", "cuda", "tpu")


class Exportable:
    """Adds `export` to a backbone or a task: a mixin of `keras.Model`s."""

    def export(
        self,
        filepath,
        format="tf_saved_model",
        verbose=None,
        input_signature=None,
        **kwargs,
    ):
        """Writes the forward pass as a file that needs neither Keras nor keras_bigs.

        Inputs are the preprocessed ones (`token_ids` and so on, int32), outputs those
        of a call. Batch and length stay open, up to `max_sequence_length`, unless
        `input_signature` fixes them; a runtime refuses other shapes.

        | `format`           | file      | backend           | loads in            |
        |--------------------|-----------|-------------------|---------------------|
        | `"tf_saved_model"` | directory | TensorFlow, JAX   | TensorFlow, Serving |
        | `"onnx"`           | `.onnx`   | TensorFlow, torch | ONNX Runtime        |
        | `"openvino"`       | `.xml`    | TensorFlow, torch | OpenVINO            |
        | `"litert"`         | `.tflite` | TensorFlow        | LiteRT              |
        | `"torch"`          | `.pt2`    | torch             | `torch.export.load` |
        | `"jax"`            | `.jax`    | JAX               | `jax.export`        |

        A model of another backend is saved as a preset and loaded on one of these. On
        PyTorch, for LiteRT, and of encoders of at most 512 positions, open lengths are
        at the cost of a Toeplitz product, quadratic in length (PyTorch: from 3 tokens
        on); a fixed length is not.

        Args:
            filepath: `str` or `pathlib.Path`.
            format: see above.
            verbose: bool. Whether to print a message. Defaults to true.
            input_signature: optional dict of what has a shape and a dtype for every
                input, such as `keras.InputSpec((None, 128), "int32")`; or a list with
                that dict.
            **kwargs: see `keras.Model.export`; on PyTorch, arguments of
                `torch.export.export`, or else of `torch.onnx.export`; for `"jax"`
                of `jax.export.export`.

        Raises:
            ImportError: a package that the format needs is missing; `pip install
                '.[export]'` brings all.
            ValueError: a format that this backend cannot write, a signature of other
                inputs or longer than `max_sequence_length`, or a routing or quantized
                layers that the format has no operations for.

        Example:
        ```python
        backbone = keras_bigs.models.BiGSBackbone(**keras_bigs.models.CONFIGS["tiny"])
        backbone.export("bigs.onnx", format="onnx")  # TensorFlow or PyTorch
        ```
        """
        backend = keras.backend.backend()
        quantized = (
            getattr(layer, "quantization_mode", None) for layer in inner_layers(self)
        )
        check_export_format(format, any(quantized))
        filepath = str(filepath)
        if format == "openvino" and not filepath.endswith(".xml"):
            raise ValueError(
                f"A file for OpenVINO ends in `.xml`. Received: filepath={filepath!r}"
            )
        shapes = _shapes(self, input_signature)
        max_length = getattr(self, "backbone", self).max_sequence_length
        if backend == "torch" or format in ("jax", "openvino"):
            with tracing_for("any"):
                if format == "jax":
                    _export_jax(self, filepath, shapes, max_length, **kwargs)
                elif backend == "torch":
                    export_torch(self, filepath, format, shapes, max_length, **kwargs)
                else:
                    with converted_to_openvino(filepath, "saved_model") as path:
                        self.export(
                            path, "tf_saved_model", False, input_signature, **kwargs
                        )
            if verbose is not False:
                print(f"Saved artifact at '{filepath}'.")
            return

        if backend == "jax":
            kwargs["jax2tf_kwargs"] = {
                "polymorphic_shapes": [
                    {name: f"({', '.join(map(str, x))})" for name, x in shapes.items()}
                ],
                "polymorphic_constraints": _constraints(shapes, max_length),
                # Not of the machine that writes the file alone.
                "native_serialization_platforms": JAX_PLATFORMS,
                # Whose shapes would lack the constraint.
                "with_gradient": False,
                **kwargs.get("jax2tf_kwargs", {}),
            }
        if format == "litert" and "target_spec" not in kwargs:
            import tensorflow as tf

            # Without TensorFlow's own operations, which most runtimes lack.
            kwargs["target_spec"] = {"supported_ops": [tf.lite.OpsSet.TFLITE_BUILTINS]}
        signature = {
            name: keras.InputSpec("int32", tuple(map(_open, shape)), name=name)
            for name, shape in shapes.items()
        }
        with contextlib.ExitStack() as scopes:
            scopes.enter_context(tracing_for("any"))
            if format == "litert":
                scopes.enter_context(without_loops())
            if format == "onnx":
                scopes.enter_context(needs_extra("export"))
                temporary = scopes.enter_context(atomic_write(filepath))
                filepath = str(temporary)
            super().export(
                filepath,
                format=format,
                verbose=verbose,
                input_signature=[signature],
                **kwargs,
            )
            if format == "onnx":
                check_onnx(filepath)


def _export_jax(model, filepath, shapes, max_length, **kwargs):
    """Writes a serialized `jax.export.Exported` of `model(inputs, training=False)`."""
    import jax

    names = sorted({n for x in shapes.values() for n in x if isinstance(n, str)})
    symbols = jax.export.symbolic_shape(
        ", ".join(names), constraints=_constraints(shapes, max_length)
    )
    sizes = dict(zip(names, symbols, strict=True))
    inputs = {
        name: jax.ShapeDtypeStruct([sizes.get(n, n) for n in shape], "int32")
        for name, shape in shapes.items()
    }
    kwargs = {"platforms": JAX_PLATFORMS, **kwargs}
    program = jax.jit(lambda inputs: model(inputs, training=False))
    program = jax.export.export(program, **kwargs)(inputs)
    with atomic_write(filepath) as temporary:
        temporary.write_bytes(program.serialize())


def _constraints(shapes, max_length):
    """What JAX has to know of the names of unknown sizes; of no others."""
    is_open = any("length" in shape for shape in shapes.values())
    return [f"length <= {max_length}"] if is_open else []


def check_export_format(format, quantized=False):
    """Finds out, before any work, whether this backend can write a format.

    Args:
        format: as for `export`.
        quantized: bool. Whether the model has quantized layers.

    Raises:
        ValueError: an unknown format; or one that this backend cannot write, or not of
            quantized models: the message names one that can.

    Example:
    ```python
    keras_bigs.models.check_export_format("onnx")  # TensorFlow or PyTorch
    ```
    """
    if format not in FORMATS:
        raise ValueError(
            f"Unknown `format={format!r}`. Choose one of {sorted(FORMATS)}."
        )
    backend, others = keras.backend.backend(), FORMATS[format].backends
    if backend not in others:
        raise ValueError(
            f"`format={format!r}` cannot be written on the backend {backend!r}, but on "
            f"{' and '.join(map(repr, others))}: save the model with `save_to_preset`, "
            f"load it under `KERAS_BACKEND={others[0]}`, and export it there."
        )
    if quantized and backend not in FORMATS[format].quantized_backends:
        raise ValueError(
            f"`format={format!r}` of a quantized model cannot be written on "
            f'{backend!r}. On TensorFlow `format="onnx"` can; or export the model as '
            "it was before `quantize`."
        )


def _shapes(model, signature):
    """The shape of every input by its name, in which unknown sizes have names.

    Sizes of one name are equal: Keras would call the length of every input another.
    """
    inputs = {x.name: x for x in model.inputs}
    if isinstance(signature, list | tuple) and len(signature) == 1:
        signature = signature[0]
    specs = inputs if signature is None else signature
    if not isinstance(specs, dict) or set(specs) != set(inputs):
        raise ValueError(
            "`input_signature` must be a dict of a `keras.InputSpec` for each of "
            f"{sorted(inputs)}. Received: {signature}"
        )
    for name, spec in specs.items():
        if keras.backend.standardize_dtype(spec.dtype) != "int32":
            raise ValueError(
                "Inputs are of int32. "
                f"Received: input_signature[{name!r}].dtype={spec.dtype}"
            )
    return {
        name: tuple(
            _name(name, axis, len(specs[name].shape)) if size is None else size
            for axis, size in enumerate(specs[name].shape)
        )
        for name in inputs
    }


def _name(name, axis, rank):
    if axis == 0:
        return "batch"
    if name == "mask_positions":
        return "predictions"
    return "length" if axis == rank - 1 else "choices"


def _open(size):
    return size if isinstance(size, int) else None
