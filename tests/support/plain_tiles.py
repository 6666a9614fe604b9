"""Tiles in plain numpy, written from the rule in docs/FORMAT.md alone: whole arrays, weights divided by their sum."""

import itertools

import numpy as np


def starts(length, window, overlap):
    """At both ends, and evenly between."""
    steps = -(-(length - window) // (window - overlap))
    return [round(step * (length - window) / steps) for step in range(steps + 1)] if steps else [0]


def weights(begins, number, window):
    """Of one window along a side."""
    place = np.arange(window) + 0.5
    weight = np.ones(window)
    if number > 0 and (shared := begins[number - 1] + window - begins[number]):
        weight = np.minimum(weight, place / shared)
    if number + 1 < len(begins) and (shared := begins[number] + window - begins[number + 1]):
        weight = np.minimum(weight, place[::-1] / shared)
    return weight


def put_together(windows, tops, lefts):
    """The weighted mean in double precision; windows row by row."""
    channels, height, width = windows[0].shape
    sums = np.zeros((channels, tops[-1] + height, lefts[-1] + width))
    total = np.zeros(sums.shape[1:])
    for window, (row, column) in zip(windows, itertools.product(range(len(tops)), range(len(lefts))), strict=True):
        weight = np.outer(weights(tops, row, height), weights(lefts, column, width))
        there = slice(tops[row], tops[row] + height), slice(lefts[column], lefts[column] + width)
        sums[(slice(None), *there)] += weight * window
        total[there] += weight
    return sums / total
