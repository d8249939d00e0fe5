"""Files from PyTorch whose dimensions stay open.

Keras 3.15 traces a model with 1 in the place of every unknown dimension and writes what
it saw: for ONNX and OpenVINO a file that is wrong at any other length, without a word.
`torch.export` is told here which dimensions are open and checks that they stay so.
OpenVINO's own reader of its programs (2026.4) loses the names of inputs, so it gets the
ONNX file. May go when `keras.Model.export` keeps dimensions open on PyTorch.
"""

from keras import ops

from keras_bigs.compat.openvino_files import converted_to_openvino
from keras_bigs.errors import needs_extra

# `torch.export` takes 1 for a constant, and where a convolution leaves a dimension of
# `length - 1`, so would it 2.
SHORTEST = 3
# What stands for an unknown size while the model is traced: any other two numbers.
EXAMPLE, EXAMPLE_LENGTH = 5, 37


def export_torch(model, filepath, format, shapes, max_length, **kwargs):
    """Writes `model(inputs, training=False)`.

    Args:
        model: `keras.Model` of a dict of int32 inputs.
        filepath: string, ending in `.pt2`, `.onnx` or `.xml`.
        format: `"torch"`, `"onnx"` or `"openvino"`.
        shapes: dict of the shape of every input: numbers, and the names of unknown
            sizes, of which `"length"` is from 3 to `max_length`.
        max_length: int.
        **kwargs: arguments of `torch.export.export`, or else of `torch.onnx.export`.

    Raises:
        ImportError: a package that the format needs is missing.
        ValueError: PyTorch cannot write the model; the error from which this is raised
            says why.
    """
    program, output_names = _trace(
        model, shapes, max_length, kwargs if format == "torch" else {}
    )
    if format == "torch":
        import torch

        torch.export.save(program, filepath)
    elif format == "onnx":
        _save_onnx(program, filepath, list(shapes), output_names, **kwargs)
    else:
        with converted_to_openvino(filepath, "model.onnx") as path:
            _save_onnx(program, path, list(shapes), output_names, **kwargs)


def _trace(model, shapes, max_length, kwargs):
    """The `torch.export.ExportedProgram`, and the names of its outputs."""
    import torch

    class Inference(torch.nn.Module):
        def __init__(self):
            super().__init__()
            self.model = model

        def forward(self, inputs):
            return self.model(inputs, training=False)

    unknown = {n for shape in shapes.values() for n in shape if isinstance(n, str)}
    examples = dict.fromkeys(unknown, EXAMPLE)
    dims = {name: torch.export.Dim(name, min=1) for name in unknown}
    if "length" in unknown:
        examples["length"] = min(EXAMPLE_LENGTH, max_length)
        dims["length"] = torch.export.Dim("length", min=SHORTEST, max=max_length)
    inputs = {
        name: ops.ones([examples.get(n, n) for n in shape], "int32")
        for name, shape in shapes.items()
    }
    dynamic_shapes = {
        name: {axis: dims[n] for axis, n in enumerate(shape) if n in dims}
        for name, shape in shapes.items()
    }
    module = Inference().eval()
    with torch.no_grad():
        outputs = module(inputs)
        try:
            program = torch.export.export(
                module,
                (inputs,),
                **{
                    "dynamic_shapes": (dynamic_shapes,),
                    "strict": False,
                    # Or else a length that is no multiple of a chunk is a constraint.
                    "prefer_deferred_runtime_asserts_over_guards": True,
                    **kwargs,
                },
            )
        except torch._dynamo.exc.UserError as error:
            raise ValueError(
                "PyTorch cannot export the model for all lengths from "
                f"{SHORTEST} to {max_length}. Give one length: "
                "`input_signature={name: keras.InputSpec((None, 128), 'int32'), ...}`"
                ', or load the model with `method="auto"` if it has another.'
            ) from error
    names = list(outputs) if isinstance(outputs, dict) else ["output"]
    return program, names


def _save_onnx(program, filepath, input_names, output_names, **kwargs):
    import torch

    with needs_extra("export"):
        onnx_program = torch.onnx.export(
            program,
            dynamo=True,
            verbose=False,
            input_names=input_names,
            output_names=output_names,
            **kwargs,
        )
    onnx_program.save(filepath)
