"""Convolutions of images, and windows of them."""

from __future__ import annotations

import math
from typing import NamedTuple

from ..sides import BATCH, written
from ..values import Node, Result, Value, in_blocks, one

LARGEST_KERNEL, LARGEST_STRIDE, LARGEST_DILATION = 64, 8, 32
_EACH_GROUP = 1024  # what a product of matrices takes at least, in multiplications


class _Images(NamedTuple):
    channels: int
    height: int
    width: int


class _Window(NamedTuple):
    """The attributes that convolutions and pooling share; two numbers each are of height and width."""

    kernel: list[int]
    strides: list[int]
    dilations: list[int]
    pads: list[int]  # top, left, bottom, right

    def reach(self, axis: int) -> int:
        """How many pixels a kernel spans."""
        return (self.kernel[axis] - 1) * self.dilations[axis] + 1

    def padding(self, axis: int) -> int:
        return self.pads[axis] + self.pads[axis + 2]


def _images(node: Node) -> _Images:
    """The sides of the images that a node takes."""
    shape = node.inputs[0].shape
    node.need(len(shape) == 4 and shape[0] == BATCH, f"its input is {written(shape)}, no images")
    return _Images(*map(int, shape[1:]))  # type: ignore[arg-type]


def _window(node: Node, kernel: list[int], *, dilation: int = LARGEST_DILATION) -> _Window:
    node.attribute("auto_pad", "NOTSET", lambda value: value == "NOTSET")
    strides = _pair(node, "strides", 1, LARGEST_STRIDE)
    dilations = _pair(node, "dilations", 1, dilation)
    window = _Window(kernel, strides, dilations, [0] * 4)
    reach = min(window.reach(0), window.reach(1))
    pads = node.attribute("pads", [0] * 4, lambda value: len(value) == 4 and 0 <= min(value) <= max(value) < reach)
    return window._replace(pads=pads)


def _pair(node: Node, name: str, lowest: int, highest: int) -> list[int]:
    """An attribute of one number for height and one for width, `lowest` where it is not there."""
    return list(
        node.attribute(
            name, [lowest] * 2, lambda value: len(value) == 2 and lowest <= min(value) <= max(value) <= highest
        )
    )


def _kernels(node: Node) -> tuple[int, int, list[int], int]:
    """The first sides of the weights, their kernel, and the groups."""
    node.floats()
    weight = node.inputs[1].shape
    node.need(len(weight) == 4 and not node.inputs[1].batched, f"its kernels are {written(weight)}")
    first, second, *kernel = (int(side) for side in weight)  # type: ignore[arg-type]
    node.attribute("kernel_shape", kernel, lambda value: value == kernel and max(kernel) <= LARGEST_KERNEL)
    groups = node.attribute("group", 1, lambda value: 1 <= value <= first and first % value == 0)
    return first, second, kernel, groups


def _bias(node: Node, outputs: int) -> None:
    node.need(len(node.inputs) < 3 or node.inputs[2].shape == (outputs,), "its bias is of another size")


def conv(node: Node) -> Result:
    """Conv, in groups and dilated too."""
    outputs, channels, kernel, groups = _kernels(node)
    images, window = _images(node), _window(node, kernel)
    node.need(
        images.channels == channels * groups,
        f"its kernels are of {channels} channels in {groups} groups, its input has {images.channels}",
    )
    _bias(node, outputs)
    sides = _windows(node, images, window)
    taps, places = math.prod(kernel), math.prod(sides)
    blocks = groups * in_blocks(outputs // groups)
    patches = places * taps * max(channels, 8)
    if node.inputs[1].constant is None:
        # In 8 bits, which computed weights mean: every input of every place side by side, or the addresses of them.
        workspace = patches * (groups if groups > 1 else 1)
    else:
        workspace = 4 * patches if groups > 1 or max(window.dilations) > 1 else 0
    return one(
        (BATCH, outputs, *sides),
        multiplications=blocks * places * channels * taps + (_EACH_GROUP * groups if groups > 1 else 0),
        packed=4 * blocks * in_blocks(channels) * taps,
        workspace=workspace,
    )


def conv_transpose(node: Node) -> Result:
    """ConvTranspose, in groups and dilated too; its size follows from its pads."""
    channels, outputs, kernel, groups = _kernels(node)
    images, window = _images(node), _window(node, kernel)
    node.need(images.channels == channels, f"its kernels are of {channels} channels, its input has {images.channels}")
    _bias(node, outputs * groups)
    more = _pair(node, "output_padding", 0, LARGEST_STRIDE - 1)
    sides = [
        window.strides[axis] * (images[axis + 1] - 1) + more[axis] + window.reach(axis) - window.padding(axis)
        for axis in (0, 1)
    ]
    node.need(all(more[axis] < window.strides[axis] for axis in (0, 1)), f"output_padding is {more}")
    node.need(min(sides) > 0, "its pads leave nothing")
    taps, places = math.prod(kernel), images.height * images.width
    rows = in_blocks(outputs * taps)
    return one(
        (BATCH, outputs * groups, *sides),
        # A product of matrices for each group, and each of its numbers is added to its place.
        multiplications=groups * (rows * places * (channels // groups + 8) + _EACH_GROUP),
        packed=4 * in_blocks(outputs * taps) * in_blocks(channels // groups) * groups,
        workspace=4 * rows * places,
    )


def max_pool(node: Node) -> Result:
    """The largest number of each window."""
    node.attribute("storage_order", 0, lambda value: value == 0)
    return _pool(node)


def average_pool(node: Node) -> Result:
    """The mean of each window."""
    node.attribute("count_include_pad", 0, lambda value: value in (0, 1))
    node.need("dilations" not in node.attributes, "it has dilations, which opset 18 does not know")
    return _pool(node)


def _pool(node: Node) -> Result:
    node.floats()
    images = _images(node)
    node.attribute("ceil_mode", 0, lambda value: value == 0)
    kernel = node.attribute(
        "kernel_shape", [0], lambda value: len(value) == 2 and 1 <= min(value) <= max(value) <= LARGEST_KERNEL
    )
    sides = _windows(node, images, _window(node, kernel, dilation=1))
    work = in_blocks(images.channels) * math.prod(sides) * math.prod(kernel)
    return one((BATCH, images.channels, *sides), multiplications=work)


def global_average_pool(node: Node) -> Result:
    """The mean of each channel."""
    node.floats()
    images = _images(node)
    work = Value(1, node.inputs[0].shape).size
    return one((BATCH, images.channels, 1, 1), multiplications=work * 16)


def _windows(node: Node, images: _Images, window: _Window) -> list[int]:
    """How many windows lie below and beside each other."""
    sides = [
        (images[axis + 1] + window.padding(axis) - window.reach(axis)) // window.strides[axis] + 1 for axis in (0, 1)
    ]
    node.need(min(sides) > 0, "its kernel is larger than its input")
    return sides
