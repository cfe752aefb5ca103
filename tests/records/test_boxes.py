from __future__ import annotations

import math

import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from for_retrieval.records.readers.source import SLACK, read_box, round_inside

numbers = st.floats(-50, 150)


@pytest.mark.parametrize(
    ("box", "expected"),
    [
        ([1, 2, 3, 4], (1, 2, 3, 4)),
        ([0, 0, 40, 30], (0, 0, 40, 30)),
        ([-1, 0, 11, 10], (0, 0, 10, 10)),
        ([35, 25, 5.5, 6], (35, 25, 5, 5)),
        ([5, 5, 0, 10], None),
        ([500, 5, 10, 0], None),
    ],
)
def test_boxes_are_clipped_or_without_area(box: list[float], expected: tuple[float, ...] | None) -> None:
    assert read_box(box, 40, 30) == expected


@pytest.mark.parametrize(
    ("box", "message"),
    [
        ([-1.5, 0, 10, 10], "lies outside its image of 40 x 30 px"),
        ([0, 0, 41.5, 10], "lies outside its image of 40 x 30 px"),
        ([40, 0, 1, 10], "lies outside its image of 40 x 30 px"),
        ([-0.5, 0, 0.4, 10], "lies outside its image of 40 x 30 px"),
        ([5, 5, -1, 10], "width or height is negative"),
        ([5, 5, math.nan, 10], "must be four finite numbers"),
        ([5, 5, math.inf, 10], "must be four finite numbers"),
        ([5, 5, 10**400, 10], "must be four finite numbers"),
        ([5, 5, True, 10], "must be four finite numbers"),
        (["5", 5, 3, 10], "must be four finite numbers"),
        ([5, 5, 3], "must be four finite numbers"),
        ({"x": 5}, "must be four finite numbers"),
    ],
)
def test_senseless_boxes_are_refused(box: object, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        read_box(box, 40, 30)


@settings(deadline=None, max_examples=60)
@given(x=numbers, y=numbers, w=numbers, h=numbers, width=st.integers(1, 101), height=st.integers(1, 101))
def test_what_is_read_lies_inside(x: float, y: float, w: float, h: float, width: int, height: int) -> None:
    try:
        box = read_box([x, y, w, h], width, height)
    except ValueError:
        outside = x < -SLACK or y < -SLACK or x + w > width + SLACK or y + h > height + SLACK
        assert outside or min(w, h) < 0 or x >= width or y >= height or x + w <= 0 or y + h <= 0
        return
    if box is None:
        assert min(w, h) == 0
        return
    row = dict(zip("xywh", box, strict=True), width=width, height=height)
    for kept in round_inside(pd.DataFrame([row])).itertuples():
        assert min(kept.x, kept.y) >= 0
        assert min(kept.w, kept.h) > 0
        assert float(kept.x + kept.w) <= width
        assert float(kept.y + kept.h) <= height


def test_boxes_that_vanish_in_float32_are_left_out() -> None:
    boxes = pd.DataFrame({"x": [39.9999999999], "y": [0], "w": [1e-10], "h": [1], "width": [40], "height": [30]})
    assert round_inside(boxes).empty
