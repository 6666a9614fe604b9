"""The decoder graph as a Keras model with the same weights, in TensorFlow's own layout."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import onnx
from onnx import numpy_helper


def keras_decoder(path: Path) -> Any:
    """Layer by layer; [batch, latent_size] -> images [batch, channels, height, width]."""
    import keras
    import tensorflow

    graph = onnx.load(path).graph
    weights = {tensor.name: numpy_helper.to_array(tensor) for tensor in graph.initializer}
    size = graph.input[0].type.tensor_type.shape.dim[1].dim_value
    start = keras.Input((size,))
    values, assignments, shuffled = {graph.input[0].name: start}, [], _shuffled(graph)
    for node in graph.node:
        x = values[node.input[0]]
        if node.op_type == "Gemm":
            matrix, bias = (weights[name] for name in node.input[1:])
            layer = keras.layers.Dense(len(bias))
            assignments.append((layer, [matrix.T, bias]))
            y = layer(x)
        elif node.op_type == "Conv":
            kernel, bias = (weights[name] for name in node.input[1:])
            if node.name in shuffled:  # TensorFlow's depth_to_space takes channels in the other order
                order = np.arange(len(bias)).reshape(-1, 4).T.reshape(-1)
                kernel, bias = kernel[order], bias[order]
            layer = keras.layers.Conv2D(len(bias), kernel.shape[2:], padding="same")
            assignments.append((layer, [kernel.transpose(2, 3, 1, 0), bias]))
            y = layer(x)
        elif node.op_type == "Reshape":
            shape = [int(number) for number in weights[node.input[1]][1:]]
            y = keras.layers.Reshape(shape)(x)
            if x.shape[1:] != tuple(shape) and shape[0] != 1:
                y = keras.layers.Permute((2, 3, 1))(y)
        elif node.op_type == "DepthToSpace":
            y = keras.layers.Lambda(lambda t: tensorflow.nn.depth_to_space(t, 2))(x)
        elif node.op_type == "Add":
            y = keras.layers.Add()([values[name] for name in node.input])
        else:
            y = keras.layers.Activation(node.op_type.lower())(x)
        values[node.output[0]] = y
    end = values[graph.output[0].name]
    if end.shape[-1] == 1:
        end = keras.layers.Permute((3, 1, 2))(end)
    model = keras.Model(start, end)
    for layer, arrays in assignments:
        layer.set_weights(arrays)
    return model


def _shuffled(graph: onnx.GraphProto) -> set[str]:
    """Convolutions whose channels a DepthToSpace takes apart."""
    makers = {node.output[0]: node for node in graph.node}
    names = set()
    for node in graph.node:
        if node.op_type == "DepthToSpace":
            maker = makers[node.input[0]]
            names.add((makers[maker.input[0]] if maker.op_type == "Relu" else maker).name)
    return names
