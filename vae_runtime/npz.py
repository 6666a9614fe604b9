"""Arrays in .npy and .npz files, read without trust: no objects, and no memory for what the file does not hold."""

from __future__ import annotations

import io
import tokenize
import zipfile
import zlib
from collections.abc import Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

# What numpy and zipfile raise for bytes that are no array or archive; the last two are of a header that is no Python.
_DAMAGED = (ValueError, OSError, EOFError, KeyError, NotImplementedError, RuntimeError, zipfile.BadZipFile, zlib.error)
_NO_HEADER = (SyntaxError, tokenize.TokenError, TypeError, RecursionError, OverflowError)


class ArraysError(ValueError):
    """Bytes that are no arrays, or more than asked for."""


def read_npy(content: bytes) -> npt.NDArray[Any]:
    """The array of an .npy file, deterministic, its numbers those bytes; an ArraysError for anything else."""
    file = io.BytesIO(content)
    try:
        version = np.lib.format.read_magic(file)
        read = {(1, 0): np.lib.format.read_array_header_1_0, (2, 0): np.lib.format.read_array_header_2_0}.get(version)
        if read is None:
            raise ArraysError(f"an array is of the .npy version {version}; expected 1.0 or 2.0")
        shape, by_column, kind = read(file)
        if kind.hasobject:
            raise ArraysError("an array holds Python objects")
        if any(side < 0 for side in shape):
            raise ArraysError(f"an array has the shape {list(shape)}")
        there, count = len(content) - file.tell(), 1
        for side in shape:
            count *= side
        if count * kind.itemsize < there:
            raise ArraysError(f"it goes on after its array of {kind} {list(shape)}")
        if count * kind.itemsize != there:
            raise ArraysError(f"an array of {kind} {list(shape)} has {there:,} bytes")
        numbers = np.frombuffer(content, kind, count, file.tell()) if count else np.empty(0, kind)
        return numbers.reshape(shape, order="F" if by_column else "C")
    except ArraysError:
        raise
    except (*_DAMAGED, *_NO_HEADER) as error:
        raise ArraysError(" ".join(str(error).split())[:200] or type(error).__name__) from error


def read_npz(
    content: bytes, limit: int, *, stored: bool = False, first_of: Sequence[str] = ()
) -> dict[str, npt.NDArray[Any]]:
    """The arrays of an .npz file by name, deterministic; an ArraysError for anything else.

    limit: how many bytes they may be when unpacked. stored: refuse members that are compressed at all. first_of: read
    the first of these arrays that is there, and no other.
    """
    try:
        with zipfile.ZipFile(io.BytesIO(content)) as archive:
            if min((member.header_offset for member in archive.infolist()), default=0):
                raise ArraysError("there is something before its arrays")
            members = {member.filename.removesuffix(".npy"): member for member in archive.infolist()}
            if len(members) != len(archive.infolist()):
                raise ArraysError("it holds an array twice")
            if first_of:
                there = ", ".join(members)[:100]
                members = {name: members[name] for name in [name for name in first_of if name in members][:1]}
                if not members:
                    raise ArraysError(f"it holds {there!a}; expected an array named {' or '.join(first_of)}")
            odd = [member.filename for member in members.values() if not member.filename.endswith(".npy")]
            if odd:
                raise ArraysError(f"it holds {odd[0][:100]!a}, which is no .npy file")
            if stored and any(member.compress_type != zipfile.ZIP_STORED for member in members.values()):
                raise ArraysError("its arrays are compressed; expected them as they are")
            if stored and archive.comment:
                raise ArraysError("there is more in it than arrays")
            if sum(member.file_size for member in members.values()) > limit:
                raise ArraysError(f"its arrays have more than {limit:,} bytes")
            return {name: read_npy(archive.read(member)) for name, member in members.items()}
    except ArraysError:
        raise
    except _DAMAGED as error:
        raise ArraysError(" ".join(str(error).split())[:200] or type(error).__name__) from error
