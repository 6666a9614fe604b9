"""What -o asks for: standard output, one file, a folder of files, or numbered ones such as img-%04d.png.

A file by itself is on the disk when it is said to be written; files of a folder, or of a pattern, appear whole and are
left to the system to bring to the disk (`files.py`). Kinds that can hold one get a mark, by which the next run knows
that it may replace them (`marks.py`).
"""

from __future__ import annotations

import contextlib
import itertools
import os
import re
import sys
from collections.abc import Callable, Iterable, Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, BinaryIO, Literal, NamedTuple

from ..console import say, stdout_bytes
from ..errors import InputError
from ..files import check_output, new_file, write_file
from ..marks import mark
from .trees import write_image_below

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt

_NUMBER = re.compile(r"%0?\d*d")
_IN_A_FOLDER = "%06d.png"

Kind = Literal["stdout", "file", "folder", "numbered"]


class Output(NamedTuple):
    """An -o that was read: the text as it was given, and what kind of place it names."""

    text: str
    kind: Kind

    @classmethod
    def parse(cls, text: str, *, numbers: bool = True, binary: bool = True) -> Output:
        """Read an -o; one that nothing can be written to is an InputError, before any work is done.

        numbers: whether %d in a name stands for a number. binary: what is written is not for a terminal.
        """
        output = cls(text, _kind(text, numbers))
        if output.kind == "stdout":
            require_stdout("give -o FILE")
            if binary and sys.stdout.isatty():
                raise InputError("binary output does not go to a terminal; give -o FILE, or pipe it on.")
        elif output.kind == "file":
            check_output(text)
        elif output.kind == "numbered":
            check_output(Path(text).parent / "x")
        return output

    @classmethod
    def of_pictures(cls, text: str, *, or_one: tuple[str, ...] = ()) -> Output:
        """The same for a verb that writes pictures, or one file with a suffix of `or_one`."""
        from ..pictures.writing import picture_format

        output = cls.parse(text)
        by_suffix = output.kind == "numbered" or (output.kind == "file" and not text.lower().endswith(or_one or "/"))
        if by_suffix:
            picture_format(text)
        return output

    @property
    def is_many(self) -> bool:
        """Whether it is one file for each result."""
        return self.kind in ("folder", "numbered")

    @property
    def is_array(self) -> bool:
        """Whether it asks for numbers instead of pictures."""
        return self.kind == "file" and self.text.lower().endswith(".npy")

    def targets(self, count: int, *, first: int = 0, step: int = 1) -> Iterator[Path]:
        """The files that `count` results go to, numbered from `first` in steps."""
        if self.is_many:
            yield from (self._numbered(first + index * step) for index in range(count))
        elif self.kind == "file":
            yield Path(self.text)

    def write_each(
        self,
        images: Iterable[npt.NDArray[np.float32]],
        *,
        first: int = 0,
        step: int = 1,
        text: Callable[[int], Mapping[str, str]] | None = None,
    ) -> None:
        """One file an image, numbered from `first` in steps, modulo 2^64 as samples are."""
        if self.kind == "folder":
            Path(self.text).mkdir(parents=True, exist_ok=True)
        for number, image in zip(itertools.count(first, step), images):
            index = number % 2**64
            write_image_below(self._numbered(index), image, text=text(index) if text else None)

    def write_grid(
        self,
        images: npt.NDArray[np.float32],
        *,
        columns: int | None = None,
        text: Mapping[str, str] | None = None,
    ) -> None:
        """All images as one picture."""
        from ..pictures.grids import image_grid
        from ..pictures.writing import encode_image, picture_format

        form = "PNG" if self.kind == "stdout" else picture_format(self.text)
        self.write_bytes(encode_image(image_grid(images, columns=columns), format=form, text=text))

    def write_array(self, shape: tuple[int, ...], parts: Iterable[npt.NDArray[np.float32]]) -> None:
        """Parts of a float32 array of this shape as one .npy file, none of them kept in memory."""
        import numpy as np

        with self.stream() as file:
            np.lib.format.write_array_header_1_0(file, {"descr": "<f4", "fortran_order": False, "shape": shape})
            for part in parts:
                file.write(np.ascontiguousarray(part, "<f4").data)

    def write_bytes(self, content: bytes) -> None:
        """One file, or standard output, whole."""
        if self.kind == "stdout":
            with stdout_bytes() as file:
                file.write(mark(content))
        else:
            write_file(self.text, mark(content))

    @contextlib.contextmanager
    def stream(self) -> Iterator[BinaryIO]:
        """One file, or standard output, to write into piece by piece."""
        with stdout_bytes() if self.kind == "stdout" else new_file(self.text) as file:
            yield file

    def say_written(self, what: str) -> None:
        """Say on stderr what is there now."""
        if self.kind != "stdout":
            say(f"Wrote {what} to {self.text}")

    def _numbered(self, index: int) -> Path:
        path = Path(self.text, _IN_A_FOLDER) if self.kind == "folder" else Path(self.text)
        return path.with_name(_NUMBER.sub(lambda number: number.group() % index, path.name, count=1))


def require_stdout(advice: str) -> None:
    """Refuse, before any work is done, results that would go nowhere."""
    if sys.stdout is None:  # the caller closed it
        raise InputError(f"standard output is closed; {advice}.")


def _kind(text: str, numbers: bool) -> Kind:
    if not text:
        raise InputError("-o is empty; give the name of a file or folder to write.")
    if text == "-":
        return "stdout"
    is_folder = text.endswith(("/", os.sep)) or Path(text).is_dir()
    if not (numbers and _NUMBER.search(Path(text).name)):
        return "folder" if is_folder else "file"
    if is_folder:
        raise InputError(f"{text} is a folder with a number in its name; give DIR/, or files such as DIR/img-%04d.png.")
    return "numbered"
