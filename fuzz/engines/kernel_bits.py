"""Single operators of random shapes: are a row's bits others for another batch size, or another number of threads?

    python -m fuzz.engines.kernel_bits --count 40

What `model/kernels.py` says of operators was read off its table, without mercy: `--held` opens each graph as the host
does, and then nothing may differ.
"""

from __future__ import annotations

import sys
from collections.abc import Callable

import click
import numpy as np
from onnx import NodeProto, TensorProto, helper, numpy_helper

from vae_runtime.model.gate import IR_VERSION, OPSET
from vae_runtime.model.kernels import Kernels, kernels
from vae_runtime.model.sessions import Session
from vae_runtime.model.sides import BATCH, Shape
from vae_runtime.model.wire import read_message

from ..wider import Weights, node

BATCHES, THREADS, ROWS = (1, 2, 3, 5, 8, 17), (1, 2, 3, 4), 17
Case = tuple[tuple[int, ...], list[NodeProto], Weights]  # sides of x behind the batch, nodes to y, weights
Random = np.random.Generator


def _weights(random: Random, *sides: int) -> np.ndarray:
    return random.normal(size=sides).astype(np.float32)


def _image(random: Random, channels: int = 0) -> tuple[int, int, int]:
    height, width = (int(side) for side in random.integers(5, 50, 2))
    return channels or int(random.integers(1, 70)), height, width


def _conv(random: Random, *, groups: bool = False, dilated: bool = False, depthwise: bool = False) -> Case:
    group = int(random.choice([2, 4, 8])) if groups else 1
    channels, outputs = (group * int(random.integers(1, 20)) for _ in "io")
    if depthwise:
        group = channels = outputs = int(random.integers(2, 70))
    kernel, dilation = int(random.choice([1, 3])), int(random.choice([2, 3])) if dilated else 1
    weights: Weights = {"w": _weights(random, outputs, channels // group, kernel, kernel)}
    pads = [dilation * (kernel // 2)] * 4
    return (
        (channels, *_image(random)[1:]),
        [node("Conv", "x w", "y", group=group, dilations=[dilation] * 2, pads=pads)],
        weights,
    )


def _transposed(random: Random, *, groups: bool = False) -> Case:
    group = int(random.choice([2, 4])) if groups else 1
    channels, kernel, stride = (
        group * int(random.integers(1, 20)),
        int(random.integers(2, 5)),
        int(random.integers(1, 3)),
    )
    weights: Weights = {"w": _weights(random, channels, int(random.integers(1, 40)), kernel, kernel)}
    shape = (channels, *_image(random)[1:])
    return shape, [node("ConvTranspose", "x w", "y", group=group, strides=[stride] * 2)], weights


def _pool(operator: str) -> Callable[[Random], Case]:
    def case(random: Random) -> Case:
        kernel = int(random.integers(2, 5))
        return _image(random), [node(operator, "x", "y", kernel_shape=[kernel] * 2, strides=[2, 2])], {}

    return case


def _global_pool(random: Random) -> Case:
    return _image(random), [node("GlobalAveragePool", "x", "y")], {}


def _reduce(operator: str) -> Callable[[Random], Case]:
    def case(random: Random) -> Case:
        shape = _image(random)
        axes = sorted(random.choice([1, 2, 3], int(random.integers(1, 3)), replace=False).tolist())
        return shape, [node(operator, "x a", "y")], {"a": np.array(axes)}

    return case


def _softmax(random: Random) -> Case:
    return _image(random), [node("Softmax", "x", "y", axis=int(random.integers(1, 4)))], {}


def _instance(random: Random) -> Case:
    shape = _image(random)
    ones = np.ones(shape[0], np.float32)
    return shape, [node("InstanceNormalization", "x s s", "y")], {"s": ones}


def _layer(random: Random) -> Case:
    shape = _image(random)
    return shape, [node("LayerNormalization", "x s s", "y", axis=-1)], {"s": np.ones(shape[2], np.float32)}


def _resize(random: Random) -> Case:
    scales = np.array([1, 1, *random.choice([0.5, 1.5, 2, 3], 2)], np.float32)
    mode = str(random.choice(["nearest", "linear"]))
    return _image(random), [node("Resize", "x - s", "y", mode=mode)], {"s": scales}


def _heads(random: Random, *, batch_first: bool) -> Case:
    """A product of two computed matrices for each row and head, as in attention."""
    heads, tokens, width = int(random.integers(1, 5)), int(random.integers(1, 70)), int(random.integers(1, 40))
    order = [0, 1, 3, 2] if batch_first else [0, 2, 1]
    shape = [-1, heads, tokens, width] if batch_first else [-1, tokens, width]
    nodes = [
        node("Reshape", "x s", "q"),
        node("Transpose", "q", "k", perm=order),
        node("MatMul", "q k", "p"),
        node("Reshape", "p b", "y"),
    ]
    weights: Weights = {"s": np.array(shape), "b": np.array([-1, heads, tokens, tokens])}
    return (heads, tokens, width), nodes, weights


def _merged_gemm(random: Random) -> Case:
    """Rows of several places of each image, by a matrix of weights."""
    tokens, width, units = (int(side) for side in random.integers(1, 70, 3))
    nodes = [node("Reshape", "x s", "r"), node("Gemm", "r w", "g"), node("Reshape", "g b", "y")]
    weights: Weights = {
        "s": np.array([-1, width]),
        "b": np.array([-1, tokens, units]),
        "w": _weights(random, width, units),
    }
    return (tokens, width), nodes, weights


def _places(random: Random, *, batch_second: bool) -> Case:
    """MatMul of tokens and a matrix of weights, the batch first or second."""
    tokens, width, units = (int(side) for side in random.integers(1, 70, 3))
    weights: Weights = {"w": _weights(random, width, units)}
    if not batch_second:
        return (tokens, width), [node("MatMul", "x w", "y")], weights
    nodes = [
        node("Transpose", "x", "t", perm=[1, 0, 2]),
        node("MatMul", "t w", "m"),
        node("Transpose", "m", "y", perm=[1, 0, 2]),
    ]
    return (tokens, width), nodes, weights


def _function(operator: str) -> Callable[[Random], Case]:
    """Of numbers of both signs, where it has them."""

    def case(random: Random) -> Case:
        first = "Abs" if operator in ("Log", "Pow", "Sqrt") else "Neg"
        more = {"Pow": " e", "PRelu": " s"}.get(operator, "")
        shape = _image(random)
        nodes = [node(first, "x", "n"), node(operator, f"n{more}", "y")]
        exponent = np.float32(random.choice([0.5, 2, 3, 2.3]))
        return shape, nodes, {"e": exponent, "s": _weights(random, shape[0], 1, 1)}

    return case


CASES: dict[str, Callable[[Random], Case]] = {
    "Conv": _conv,
    "Conv in groups": lambda random: _conv(random, groups=True),
    "Conv, depthwise": lambda random: _conv(random, depthwise=True),
    "Conv, dilated": lambda random: _conv(random, dilated=True),
    "ConvTranspose": _transposed,
    "ConvTranspose in groups": lambda random: _transposed(random, groups=True),
    **{operator: _pool(operator) for operator in ("MaxPool", "AveragePool")},
    "GlobalAveragePool": _global_pool,
    **{operator: _reduce(operator) for operator in ("ReduceMean", "ReduceSum", "ReduceMax")},
    "Softmax": _softmax,
    "InstanceNormalization": _instance,
    "LayerNormalization": _layer,
    "Resize": _resize,
    "MatMul of heads": lambda random: _heads(random, batch_first=True),
    "MatMul of merged heads": lambda random: _heads(random, batch_first=False),
    "Gemm of merged rows": _merged_gemm,
    "MatMul of tokens": lambda random: _places(random, batch_second=False),
    "MatMul of tokens, batch second": lambda random: _places(random, batch_second=True),
    **{
        operator: _function(operator)
        for operator in (
            *("Elu", "Erf", "Exp", "HardSigmoid", "HardSwish", "LeakyRelu", "Log", "PRelu", "Pow"),
            *("Reciprocal", "Sigmoid", "Softplus", "Sqrt", "Tanh"),
        )
    },
}


def graph(case: Case) -> bytes:
    """x to y, as bytes."""
    shape, nodes, weights = case
    ends = [
        helper.make_tensor_value_info("x", TensorProto.FLOAT, ["batch", *shape]),
        helper.make_tensor_value_info("y", TensorProto.FLOAT, None),
    ]
    tensors = [numpy_helper.from_array(np.asarray(values), name) for name, values in weights.items()]
    body = helper.make_graph(nodes, "graph", ends[:1], ends[1:], tensors)
    model = helper.make_model(body, ir_version=IR_VERSION, opset_imports=[helper.make_opsetid("", OPSET)])
    return bytes(model.SerializeToString())


def held(name: str, case: Case) -> Kernels:
    """How the host runs a case."""
    shapes: dict[str, Shape] = {"x": (BATCH, *case[0])}
    if "heads" in name:
        shapes["k"] = (BATCH,)
    return kernels(read_message(graph(case))["graph"], shapes=shapes)


def differs(content: bytes, rows: np.ndarray, how: Kernels) -> tuple[bool, bool]:
    """Whether a bit is another for some batch size on one thread; and for some number of threads."""
    expected, by_batch, by_threads = None, False, False
    for threads in THREADS:
        session = Session(content, "x", providers=("CPUExecutionProvider",), threads=threads, kernels=how)
        for batch in BATCHES:
            answers = [session._run(rows[at : at + batch], ("y",))[0] for at in range(0, ROWS, batch)]
            answer = (
                np.concatenate(answers)
                if how == Kernels(True, True)
                else session.run(rows, ("y",), batch_size=batch)[0]
            )
            expected = answer if expected is None else expected
            if answer.tobytes() != expected.tobytes():
                by_batch, by_threads = by_batch or threads == 1, by_threads or threads > 1
    return by_batch, by_threads


@click.command()
@click.option("--count", type=click.IntRange(1), default=40, show_default=True)
@click.option("--held", "as_held", is_flag=True, help="As the host runs each, where nothing may differ.")
def main(count: int, as_held: bool) -> None:
    """Print for each operator how many of its graphs differ; with --held, exit with 1 if one does."""
    wrong = 0
    for name, make in CASES.items():
        batches = threads = 0
        for seed in range(count):
            random = np.random.default_rng(seed)
            case = make(random)
            content, rows = graph(case), random.normal(size=(ROWS, *case[0])).astype(np.float32)
            how = held(name, case) if as_held else Kernels(True, True)
            by_batch, by_threads = differs(content, rows, how)
            batches, threads = batches + by_batch, threads + by_threads
        wrong += batches + threads
        click.echo(f"{name:32} {batches:3} by batch size, {threads:3} by threads, of {count}")
    sys.exit(bool(as_held and wrong))


if __name__ == "__main__":
    main()
