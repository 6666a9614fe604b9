"""Random decoders out of the format's operators, some of them sound, many far too large; the same for a seed."""

from __future__ import annotations

import numpy as np
from onnx import NodeProto

from .expensive import N, Weights, decoder

ELEMENTWISE = ("Tanh", "Sigmoid", "Exp", "Relu", "Neg")


class _Draft:
    """A decoder that grows: its tensors by name, with the sides behind the batch."""

    def __init__(self, random: np.random.Generator) -> None:
        self.random, self.nodes, self.weights = random, list[NodeProto](), Weights()
        self.tensors: dict[str, tuple[int, ...]] = {}
        self.add_images("z", 2)

    def number(self, highest: int) -> int:
        """From 1, small ones as likely as large ones."""
        return max(1, int(2 ** self.random.uniform(0, np.log2(highest))))

    def weight(self, *sides: int) -> str:
        """A constant, often one that is there already."""
        name = f"c{'x'.join(map(str, sides))}_{int(self.random.integers(2))}"
        self.weights[name] = np.broadcast_to(np.array(0.01, "f4"), sides)  # takes no memory yet
        return name

    def add(self, operator: str, inputs: str, sides: tuple[int, ...], **attributes: object) -> str:
        """A node, and what it gives."""
        name = f"t{len(self.nodes)}"
        self.nodes.append(N(operator, inputs, name, **attributes))
        self.tensors[name] = sides
        return name

    def reshape(self, name: str, *sides: int) -> str:
        """The same numbers in another shape."""
        shape = f"s{'x'.join(map(str, sides))}"
        self.weights[shape] = np.array([-1, *sides])
        return self.add("Reshape", f"{name} {shape}", sides)

    def add_images(self, name: str, size: int) -> None:
        """Images of any size, made by a matrix and a product along their last side."""
        channels, height, width = self.number(64), self.number(256), self.number(2**14)
        rows = self.add("Gemm", f"{name} {self.weight(size, channels * height)}", (channels * height,))
        self.add("Mul", f"{self.reshape(rows, channels, height, 1)} {self.weight(width)}", (channels, height, width))

    def any(self) -> tuple[str, tuple[int, ...]]:
        """One of the tensors."""
        name = str(self.random.choice(list(self.tensors)))
        return name, self.tensors[name]

    def grow(self) -> None:
        """A random node more, or some."""
        name, sides = self.any()
        kind = int(self.random.integers(9))
        if kind == 0 and len(sides) == 3:
            outputs, side = self.number(128), self.number(min(9, *sides[1:]))
            kernel = self.weight(outputs, sides[0], side, side)
            pads = [(side - 1) // 2] * 2 + [side // 2] * 2
            self.add("Conv", f"{name} {kernel}", (outputs, *sides[1:]), kernel_shape=[side] * 2, pads=pads)
        elif kind == 1:
            ones = [side if self.random.random() < 0.5 else 1 for side in sides]
            self.add(str(self.random.choice(["Add", "Mul", "Sub"])), f"{name} {self.weight(1, *ones)}", sides)
        elif kind == 2 and len(sides) == 1:
            units = self.number(4096)
            self.add("Gemm", f"{name} {self.weight(sides[0], units)}", (units,))
        elif kind == 3:
            self.reshape(name, int(np.prod(sides)))
        elif kind == 4:
            others = [other for other, there in self.tensors.items() if there == sides]
            self.add("Add", f"{name} {self.random.choice(others)}", sides)
        elif kind == 5 and len(sides) == 1:
            self.add_images(name, sides[0])
        elif kind == 6 and self.random.random() < 0.5:
            self.constants()
        elif kind == 7:
            self.weights |= {"scale": np.array(0.1, "f4"), "zero": np.array(0, "u1")}
            self.add("QuantizeLinear", f"{name} scale zero", sides)
            rounded = self.nodes[-1].output[0]
            del self.tensors[rounded]
            self.add("DequantizeLinear", f"{rounded} scale zero", sides)
        else:
            for _ in range(self.number(20)):
                name = self.add(str(self.random.choice(ELEMENTWISE)), name, sides)

    def constants(self) -> None:
        """Work on constants alone, whose sum is added to a tensor."""
        side, begin = int(2 ** self.random.uniform(9, 14)), len(self.nodes)
        name = self.add("Add", f"{self.weight(side, 1)} {self.weight(1, side)}", ())
        for _ in range(self.number(40)):
            name = self.add("Tanh", name, ())
        row = self.add("MatMul", f"{self.weight(1, side)} {name}", ())
        total = self.add("MatMul", f"{row} {self.weight(side, 1)}", ())
        for node in self.nodes[begin:]:
            del self.tensors[node.output[0]]
        name, sides = self.any()
        self.add("Add", f"{name} {total}", sides)


def random_decoder(seed: int) -> bytes:
    """A decoder of the sound model with a random graph beside it; nothing where it would be a file of over 128 MiB."""
    draft = _Draft(np.random.default_rng(seed))
    for _ in range(draft.number(24)):
        draft.grow()
    name, sides = draft.any()
    flat = draft.reshape(name, int(np.prod(sides)))
    last = draft.add("Gemm", f"{flat} {draft.weight(int(np.prod(sides)), 6)}", (6,))
    if sum(values.nbytes for values in draft.weights.values()) > 2**27:
        return b""
    return decoder([*draft.nodes, N("Relu", last, "more")], draft.weights)
