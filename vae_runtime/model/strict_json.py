"""JSON read strictly: every key is asked for by name and type, and a key that nobody asked for is refused."""

from __future__ import annotations

import json
import math
import re
from collections.abc import Iterator
from typing import Any, NoReturn

from ..errors import ManifestError


def read_object(text: str, where: str) -> Reader:
    """Parse a text that must be one JSON object, without duplicate keys or numbers that JSON does not have."""
    try:
        content = json.loads(text, object_pairs_hook=_no_duplicates, parse_constant=_no_constants, parse_float=_finite)
    except ValueError as error:
        raise ManifestError(f"{where} is not valid JSON ({error}); copy or download the model again.") from None
    except RecursionError:
        raise ManifestError(f"{where} is nested too deeply to be a manifest.") from None
    return Reader(content, where)


class Reader:
    """A JSON object being read: hands out checked values and, at the end, complains of keys nobody asked for."""

    def __init__(self, content: Any, where: str) -> None:
        if not isinstance(content, dict):
            raise ManifestError(f"{where} is {_shown(content)}; expected a JSON object.")
        self._content, self._where, self._left = content, where, set(content)

    def __iter__(self) -> Iterator[str]:
        return iter(self._content)

    def get(self, key: str, *types: type) -> Any:
        if key not in self._content:
            raise ManifestError(f"{self._where} lacks the key {key!r}.")
        self._left.discard(key)
        value = self._content[key]
        if type(value) not in types:  # not isinstance: true is no integer here
            names = " or ".join(kind.__name__ for kind in types)
            self.refuse(key, value, f"a value of type {names}")
        return value

    def choice(self, key: str, known: tuple[str, ...]) -> str:
        text: str = self.get(key, str)
        if text not in known:
            newer = "; a newer vae-runtime may know it (pip install -U vae-runtime)"
            self.refuse(key, text, f"one of {', '.join(known)}{newer}")
        return text

    def size(self, key: str, minimum: int = 1, limit: int = 2**31 - 1) -> int:
        number: int = self.get(key, int)
        if not minimum <= number <= limit:
            self.refuse(key, number, f"a whole number from {minimum} to {limit:,}")
        return number

    def positive(self, key: str) -> float:
        number = self.get(key, float, int)
        if not 0 < number < 1e300:
            self.refuse(key, number, "a positive number")
        return float(number)

    def is_list(self, key: str) -> bool:
        """Whether there is a list of this name, where a number may stand as well."""
        return type(self._content.get(key)) is list

    def positives(self, key: str, count: int) -> tuple[float, ...]:
        """A list of so many positive numbers."""
        numbers: list[Any] = self.get(key, list)
        if len(numbers) != count or not all(type(each) in (float, int) and 0 < each < 1e300 for each in numbers):
            self.refuse(key, numbers, f"a positive number, or a list of {count}")
        return tuple(map(float, numbers))

    def numbers(self, key: str, count: int) -> tuple[float, ...]:
        """A list of so many numbers, none beyond 30: what means and log-variances of noise can be."""
        numbers: list[Any] = self.get(key, list)
        if len(numbers) != count or not all(type(number) in (float, int) and abs(number) <= 30 for number in numbers):
            self.refuse(key, numbers, f"{count} numbers from -30 to 30")
        return tuple(map(float, numbers))

    def sorted_numbers(self, key: str, limit: int) -> tuple[float, ...]:
        """A list of 1 to `limit` finite numbers, none below the one before it."""
        numbers: list[Any] = self.get(key, list)
        good = 0 < len(numbers) <= limit and all(
            type(number) in (float, int) and abs(number) < 1e300 for number in numbers
        )
        if not good or sorted(numbers) != numbers:
            self.refuse(key, numbers, f"1 to {limit} numbers in rising order")
        return tuple(map(float, numbers))

    def matching(self, key: str, pattern: str, meaning: str) -> str:
        text: str = self.get(key, str)
        if not re.fullmatch(pattern, text):
            self.refuse(key, text, meaning)
        return text

    def object(self, key: str) -> Reader:
        return Reader(self.get(key, dict), f"{self._where}: {key}")

    def refuse(self, key: str, value: Any, expected: str) -> NoReturn:
        raise ManifestError(f"{self._where}: {key} is {_shown(value)}; expected {expected}.")

    def end(self) -> None:
        if self._left:
            raise ManifestError(f"{self._where} has the unknown key {sorted(self._left)[0]!r}.")


def _shown(value: Any) -> str:
    text = repr(value)
    return text if len(text) <= 60 else text[:57] + "..."


def _no_duplicates(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    content = dict(pairs)
    if len(content) != len(pairs):
        raise ValueError("an object has the same key twice")
    return content


def _no_constants(name: str) -> NoReturn:
    raise ValueError(f"{name} is not JSON")


def _finite(text: str) -> float:
    number = float(text)
    if not math.isfinite(number):
        raise ValueError(f"{text[:20]} is no double-precision number")
    return number
