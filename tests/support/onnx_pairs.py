"""Pairs of ONNX files as other tools write them: by torch's TorchScript exporter, or node by node."""

import json
import warnings

import numpy as np
import onnx
import torch
from onnx import TensorProto, helper, numpy_helper
from torch import nn


class Attention(nn.Module):
    """One head over all pixels, as diffusers has it."""

    def __init__(self, channels):
        super().__init__()
        self.norm, self.parts = nn.GroupNorm(2, channels), nn.Linear(channels, 3 * channels)
        self.out = nn.Linear(channels, channels)

    def forward(self, x):
        batch, channels, height, width = x.shape
        rows = self.norm(x).view(batch, channels, height * width).transpose(1, 2)
        query, key, value = self.parts(rows).chunk(3, -1)
        found = (query @ key.transpose(1, 2) * channels**-0.5).softmax(-1) @ value
        return x + self.out(found).transpose(1, 2).reshape(batch, channels, height, width)


def spatial_encoder():
    """[batch, 3, h, w] -> mean and logvar on one axis: [batch, 4, h / 2, w / 2]."""
    norm = nn.GroupNorm(2, 8)
    nn.init.normal_(norm.weight)
    return nn.Sequential(nn.Conv2d(3, 8, 3, 2, 1), norm, nn.SiLU(), Attention(8), nn.Conv2d(8, 4, 1))


def spatial_decoder():
    """[batch, 2, h, w] -> [batch, 3, 2 h, 2 w] in [-1, 1]."""
    parts = [nn.Conv2d(2, 8, 3, 1, 1), nn.SiLU(), Attention(8), nn.Upsample(scale_factor=2.0)]
    return nn.Sequential(*parts, nn.Conv2d(8, 3, 3, 1, 1), nn.Tanh())


class DenseEncoder(nn.Module):
    """[batch, 1, 8, 8] -> mean, logvar, [batch, 3] each; its view counts the batch inside the graph."""

    def __init__(self):
        super().__init__()
        self.body = nn.Sequential(nn.Conv2d(1, 4, 3, 2, 1), nn.BatchNorm2d(4), nn.LeakyReLU(0.2))
        self.mean, self.logvar = nn.Linear(64, 3), nn.Linear(64, 3)
        self.body[1].running_mean.normal_()

    def forward(self, x):
        rows = self.body(x).view(x.size(0), -1)
        return self.mean(rows), self.logvar(rows)


class DenseDecoder(nn.Module):
    """[batch, 3] -> [batch, 1, 8, 8] in [0, 1]."""

    def __init__(self):
        super().__init__()
        self.rows, self.body = nn.Linear(3, 64), nn.Sequential(nn.ConvTranspose2d(4, 1, 4, 2, 1), nn.Sigmoid())

    def forward(self, z):
        return self.body(self.rows(z).view(z.size(0), 4, 4, 4))


def write(module, path, x, *, opset, names, open_sides=(0,)):
    """Write a module as torch's older exporter does; names: of what it takes and gives."""
    taken, given = names
    axes = {name: {side: f"{name}_{side}" for side in open_sides} for name in (taken, *given)}
    path.parent.mkdir(parents=True, exist_ok=True)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        torch.onnx.export(
            module.eval(),
            (x,),
            str(path),
            dynamo=False,
            opset_version=opset,
            input_names=[taken],
            output_names=list(given),
            dynamic_axes=axes if open_sides else None,
        )


def write_optimum(folder, *, opset, config=None):
    """A folder as optimum writes an AutoencoderKL: every side open, moments on one axis, images in [-1, 1]."""
    torch.manual_seed(0)
    everything = (0, 1, 2, 3)
    encoder, decoder = folder / "vae_encoder" / "model.onnx", folder / "vae_decoder" / "model.onnx"
    names = ("sample", ["latent_parameters"]), ("latent_sample", ["sample"])
    write(spatial_encoder(), encoder, torch.zeros(2, 3, 8, 8), opset=opset, names=names[0], open_sides=everything)
    write(spatial_decoder(), decoder, torch.zeros(2, 2, 4, 4), opset=opset, names=names[1], open_sides=everything)
    if config:
        decoder.with_name("config.json").write_text(json.dumps({"_class_name": "AutoencoderKL", **config}))
    return encoder, decoder


def write_dense(folder, *, opset=17, open_sides=(0,), names=("mu", "log_var")):
    """Two files of a model of grey pictures 8 x 8."""
    torch.manual_seed(0)
    encoder, decoder = folder / "encoder.onnx", folder / "decoder.onnx"
    write(DenseEncoder(), encoder, torch.zeros(1, 1, 8, 8), opset=opset, names=("x", names), open_sides=open_sides)
    write(DenseDecoder(), decoder, torch.zeros(1, 3), opset=opset, names=("z", ["y"]), open_sides=open_sides)
    return encoder, decoder


def write_nodes(path, nodes, weights, taken, given, *, opset=17, domains=()):
    """A file of nodes (operator, inputs, outputs, attributes); taken, given: name -> sides, None for open ones."""
    ports = [
        [helper.make_tensor_value_info(name, TensorProto.FLOAT, sides) for name, sides in side.items()]
        for side in (taken, given)
    ]
    made = [
        helper.make_node(operator, inputs, outputs, name=f"{operator}_{place}", **attributes)
        for place, (operator, inputs, outputs, attributes) in enumerate(nodes)
    ]
    tensors = [numpy_helper.from_array(np.asarray(array), name) for name, array in weights.items()]
    opsets = [helper.make_opsetid("", opset), *(helper.make_opsetid(domain, 1) for domain in domains)]
    graph = helper.make_graph(made, "graph", *ports, tensors)
    onnx.save(helper.make_model(graph, opset_imports=opsets, ir_version=8, producer_name="tool"), path)
    return path
