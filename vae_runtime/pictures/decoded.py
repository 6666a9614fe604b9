"""A decoded picture, brought to 8 bits, grey or RGB, upright and on white a part at a time: it may be a large one."""

from __future__ import annotations

import numpy as np
from PIL import Image

from ..errors import InputError

BACKGROUND = (255, 255, 255)  # what shows through where a picture is transparent
DIRECT = ("L", "RGB")
ALPHA = ("LA", "La", "RGBA", "RGBa", "PA")
DEEP = ("I;16", "I;16B", "I;16L", "I;16N")

_GREY = ("L", "LA", "La", "1", "I", *DEEP)
_ORIENTATION = 0x0112  # in EXIF; it says how to turn what is stored to see it upright
_TURNS = {
    2: Image.Transpose.FLIP_LEFT_RIGHT,
    3: Image.Transpose.ROTATE_180,
    4: Image.Transpose.FLIP_TOP_BOTTOM,
    5: Image.Transpose.TRANSPOSE,
    6: Image.Transpose.ROTATE_270,
    7: Image.Transpose.TRANSVERSE,
    8: Image.Transpose.ROTATE_90,
}
_FROM_THE_RIGHT, _FROM_THE_BOTTOM = (2, 3, 6, 7), (3, 4, 7, 8)  # orientations whose columns, rows are stored backwards


class Picture:
    """A loaded Pillow image under the rules of `reading.py`; mode "L" or "RGB", size (width, height)."""

    def __init__(self, stored: Image.Image, name: str) -> None:
        self._stored, self._name = stored, name
        orientation = stored.getexif().get(_ORIENTATION, 1)
        self._orientation = orientation if orientation in _TURNS else 1
        self.mode = "L" if stored.mode in _GREY else "RGB"
        self.size = stored.size[::-1] if self._orientation > 4 else stored.size

    @property
    def width(self) -> int:
        """Pixels."""
        return self.size[0]

    @property
    def height(self) -> int:
        """Pixels."""
        return self.size[1]

    def crop(self, box: tuple[int, int, int, int]) -> Image.Image:
        """The part in [left, top, right, bottom], which lies inside the picture."""
        left, top, right, bottom = box
        if self._orientation in _FROM_THE_RIGHT:
            left, right = self.width - right, self.width - left
        if self._orientation in _FROM_THE_BOTTOM:
            top, bottom = self.height - bottom, self.height - top
        stored = (top, left, bottom, right) if self._orientation > 4 else (left, top, right, bottom)
        part = _to_eight_bits(self._stored.crop(stored), self._name)
        turn = _TURNS.get(self._orientation)
        return part if turn is None else part.transpose(turn)

    def whole(self) -> Image.Image:
        """All of it."""
        return self.crop((0, 0, *self.size))


def _to_eight_bits(part: Image.Image, name: str) -> Image.Image:
    if part.mode in DIRECT and "transparency" not in part.info:
        return part
    if part.mode in DEEP or part.mode == "I":
        return _from_sixteen_bits(part, name)
    if part.mode in ALPHA or "transparency" in part.info:
        grey = part.mode in _GREY
        layer = part.convert("RGBA")
        ground = Image.new("RGBA", layer.size, (*BACKGROUND, 255))
        return Image.alpha_composite(ground, layer).convert("L" if grey else "RGB")
    return part.convert("L" if part.mode == "1" else "RGB")


def _from_sixteen_bits(part: Image.Image, name: str) -> Image.Image:
    values = np.asarray(part)
    if values.size and not (values.min() >= 0 and values.max() <= 65535):
        raise InputError(f"{name} holds values outside 0 .. 65535; save it as grey with 8 or 16 bits.")
    return Image.fromarray(((values.astype(np.uint32) * 255 + 32767) // 65535).astype(np.uint8))
