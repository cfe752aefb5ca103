"""How much of a box lies in each cell."""

from __future__ import annotations

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from for_retrieval.data.scenes.compose import SceneObject
from for_retrieval.pretrain.stems import SIZE, cell_shares


def box(x: int, y: int, w: int, h: int) -> SceneObject:
    return SceneObject("car", "red", x, y, w, h)


def test_cell_shares_by_hand() -> None:
    """2 x 2 cells of 80 px: across the upper two, in one, over all, and three quarters to one side."""
    boxes = [[box(40, 0, 80, 80), box(100, 100, 20, 20)], [], [box(0, 0, 160, 160), box(60, 120, 80, 20)]]
    owner, shares = cell_shares(boxes, 2)
    assert owner.tolist() == [0, 0, 2, 2]
    expected = [[0.5, 0.5, 0, 0], [0, 0, 0, 1], [0.25] * 4, [0, 0, 0.25, 0.75]]
    assert torch.allclose(shares, torch.tensor(expected))


@given(st.integers(0, SIZE - 1), st.integers(0, SIZE - 1), st.data(), st.integers(1, 9))
def test_shares_sum_to_one_and_lie_under_the_box(x: int, y: int, data: st.DataObject, side: int) -> None:
    w, h = data.draw(st.integers(1, SIZE - x)), data.draw(st.integers(1, SIZE - y))
    _, shares = cell_shares([[box(x, y, w, h)]], side)
    assert shares.sum().item() == pytest.approx(1, abs=1e-4)
    cell = SIZE / side
    for number, share in enumerate(shares[0].tolist()):
        top, left = number // side * cell, number % side * cell
        touched = left < x + w and left + cell > x and top < y + h and top + cell > y
        assert share >= 0
        assert share < 1e-4 or touched
