"""Random damage to bytes, as disks, networks and attackers do it; the same for the same seed."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

Damage = Callable[[bytes, np.random.Generator], bytes]


def _flipped(content: bytes, random: np.random.Generator, places: np.ndarray) -> bytes:
    changed = np.frombuffer(content, np.uint8).copy()
    changed[places] ^= np.left_shift(1, random.integers(0, 8, len(places))).astype(np.uint8)
    return changed.tobytes()


def bit(content: bytes, random: np.random.Generator) -> bytes:
    """One bit flipped."""
    return _flipped(content, random, random.integers(0, len(content), 1))


def bits(content: bytes, random: np.random.Generator) -> bytes:
    """Eight bits flipped."""
    return _flipped(content, random, random.integers(0, len(content), 8))


def byte(content: bytes, random: np.random.Generator) -> bytes:
    """One byte set."""
    at = int(random.integers(len(content)))
    return content[:at] + random.bytes(1) + content[at + 1 :]


def block(content: bytes, random: np.random.Generator) -> bytes:
    """A sector of zeros."""
    size = int(random.choice([512, 4096]))
    at = int(random.integers(max(1, len(content) // size + 1))) * size
    return content[:at] + bytes(len(content[at : at + size])) + content[at + size :]


def cut(content: bytes, random: np.random.Generator) -> bytes:
    """Cut off."""
    return content[: int(random.integers(len(content)))]


def insertion(content: bytes, random: np.random.Generator) -> bytes:
    """Some bytes more."""
    at = int(random.integers(len(content) + 1))
    return content[:at] + random.bytes(int(random.integers(1, 9))) + content[at:]


def deletion(content: bytes, random: np.random.Generator) -> bytes:
    """Some bytes fewer."""
    at = int(random.integers(len(content)))
    return content[:at] + content[at + int(random.integers(1, 9)) :]


def repetition(content: bytes, random: np.random.Generator) -> bytes:
    """A part twice."""
    begin, end = sorted(random.integers(0, len(content) + 1, 2).tolist())
    return content[:end] + content[begin:]


def structure(content: bytes, random: np.random.Generator) -> bytes:
    """One to three bytes set where a graph says what it is: in its first or last parts, or between its weights."""
    changed = bytearray(content)
    places = _between_weights(content)
    for _ in range(int(random.integers(1, 4))):
        changed[int(random.choice(places))] = int(
            random.choice(np.array([0, 1, 2, 8, 0x7F, 0x80, 0xFF, int(random.integers(256))]))
        )
    return bytes(changed)


def _between_weights(content: bytes) -> np.ndarray:
    """Places of bytes that are near text: names, operators, attributes and what stands around them."""
    letters = np.frombuffer(content, np.uint8)
    is_text = ((letters >= 0x30) & (letters <= 0x7A)).astype(np.int32)
    sums = np.concatenate([[0], np.cumsum(is_text)])
    reach = min(8, len(letters))
    counts = sums[reach:] - sums[:-reach]
    near = np.flatnonzero(counts >= min(6, reach))
    return near if len(near) else np.arange(len(letters))


ANYWHERE: tuple[Damage, ...] = (bit, bits, byte, block, cut, insertion, deletion, repetition, structure)
