"""Boxes as annotation files give them: checked, clipped to the image, and rounded to float32 safely."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pandas as pd

from for_retrieval.data.records import OBJECT_COLUMNS

SLACK = 1.0  # px that a box may stick out: exporters round; more means that it belongs to another size

Box = tuple[float, float, float, float]


def number(value: Any) -> float:
    """`value` as a float; NaN where it is no number or too large for one."""
    try:
        return float(value) if isinstance(value, int | float) and not isinstance(value, bool) else math.nan
    except OverflowError:
        return math.nan


def read_box(value: Any, width: int, height: int) -> Box | None:
    """A box [x, y, w, h] in px, clipped to an image of `width` x `height`; None where it has no area.

    Raises:
        ValueError: not four finite numbers, a negative size, or more than `SLACK` px outside.
    """
    x, y, w, h = map(number, value) if isinstance(value, list) and len(value) == 4 else [math.nan] * 4
    if not all(map(math.isfinite, (x, y, w, h))):
        raise ValueError(f"has the bbox {value!r}, which must be four finite numbers [x, y, w, h]")
    if w < 0 or h < 0:
        raise ValueError(f"has the bbox {value!r}, whose width or height is negative")
    if w == 0 or h == 0:
        return None
    left, top, right, bottom = max(x, 0.0), max(y, 0.0), min(x + w, width), min(y + h, height)
    out = max(left - x, top - y, x + w - right, y + h - bottom)
    if out > SLACK or x >= width or y >= height or x + w <= 0 or y + h <= 0:
        raise ValueError(f"has the bbox {value!r}, which lies outside its image of {width} x {height} px")
    return left, top, right - left, bottom - top


def round_inside(boxes: pd.DataFrame) -> pd.DataFrame:
    """Float32 columns x, y, w, h of which x + w and y + h do not pass the columns width and height.

    Plain rounding would leave some boxes a rounding step outside. Boxes that vanish are left out.
    """
    boxes = boxes.astype(dict.fromkeys("xywh", "float32"))
    for start, length, end in (("x", "w", "width"), ("y", "h", "height")):
        boxes[length] = np.minimum(boxes[length], boxes[end].astype("float32") - boxes[start])
    return boxes[(boxes["w"] > 0) & (boxes["h"] > 0)]


def object_table(rows: list[tuple[Any, ...]]) -> pd.DataFrame:
    """The table `Source.objects` of rows in the order of OBJECT_COLUMNS, each followed by its image's width, height."""
    table = pd.DataFrame(rows, columns=[*OBJECT_COLUMNS, "width", "height"])
    return round_inside(table)[list(OBJECT_COLUMNS)].astype(OBJECT_COLUMNS)
