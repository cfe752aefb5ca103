"""The box net: where it starts, what it proposes, and that a cell knows where it is."""

from __future__ import annotations

import math

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor
from torch.testing import assert_close
from torchvision.ops import box_iou, nms

from for_retrieval.model.box_net import OVERLAP, QUADRANTS, BoxNet, corners, overlaps, propose, windows
from for_retrieval.model.features import Cells
from for_retrieval.params import BoxNet as BoxNetParams

CELLS = Cells((4, 6), (3, 5))
PARAMS = BoxNetParams(width=16, blocks=1)


def random_boxes(*shape: int, seed: int = 0) -> Tensor:
    generator = torch.Generator().manual_seed(seed)
    centre, size = torch.rand(*shape, 2, generator=generator), 0.05 + 0.4 * torch.rand(*shape, 2, generator=generator)
    return torch.cat([centre, size], -1)


def test_it_starts_with_a_box_at_each_cell_and_little_hope() -> None:
    torch.manual_seed(0)
    with torch.no_grad():
        boxes, logits, features = BoxNet(PARAMS, CELLS)(torch.randn(2, 24, 8))
    assert (boxes.shape, logits.shape, features.shape) == ((2, 24, 4), (2, 24), (2, 24, 16))
    assert_close(boxes[..., :2], CELLS.centres().expand(2, -1, -1), atol=0.03, rtol=0)
    side = math.exp(0.2)
    assert_close(boxes[..., 2:], torch.tensor([side / 6, side / 4]).expand(2, 24, 2), atol=0.05, rtol=0)
    assert (logits.sigmoid() < 0.05).all()


def test_cells_are_in_reading_order_and_shifted() -> None:
    centres = Cells((2, 3), (1,), 0.1).centres()
    assert_close(centres[0], torch.tensor([1 / 6 + 0.1, 0.25 + 0.1]))
    assert_close(centres[2], torch.tensor([5 / 6 + 0.1, 0.25 + 0.1]))
    assert_close(centres[3], torch.tensor([1 / 6 + 0.1, 0.75 + 0.1]))


@given(st.integers(1, 3), st.integers(1, 4), st.integers(0, 4), st.integers(0, 2**31))
@settings(max_examples=30)
def test_overlap_is_torchvisions(images: int, one: int, other: int, seed: int) -> None:
    first, second = random_boxes(images, one, seed=seed), random_boxes(images, other, seed=seed + 1)
    found = overlaps(first, second)
    assert found.shape == (images, one, other)
    for row in range(images):
        assert_close(found[row], box_iou(corners(first[row]), corners(second[row])), atol=1e-5, rtol=0)


@given(st.integers(0, 2**31), st.integers(1, 12))
@settings(max_examples=50)
def test_proposals_are_those_of_greedy_suppression(seed: int, count: int) -> None:
    boxes = random_boxes(2, 24, seed=seed)
    objectness = torch.randn(2, 24, generator=torch.Generator().manual_seed(seed))
    found = propose(boxes, objectness, CELLS, count)
    assert found.boxes.shape == (2, count + 4, 4)
    for row in range(2):
        expected = nms(corners(boxes[row]), objectness[row], OVERLAP)[:count]
        chosen = found.cells[row, :count]
        assert chosen[: len(expected)].tolist() == expected.tolist()
        assert len(set(chosen.tolist())) == count  # what was suppressed follows, once each
        assert_close(found.boxes[row, :count], boxes[row, chosen], rtol=0, atol=0)
        assert_close(found.objectness[row, :count], objectness[row, chosen], rtol=0, atol=0)


def test_quadrants_are_the_last_and_as_likely_as_the_least_likely_proposal() -> None:
    boxes, objectness = random_boxes(3, 24), torch.randn(3, 24, generator=torch.Generator().manual_seed(1))
    found = propose(boxes, objectness, CELLS, 5)
    assert_close(found.boxes[:, 5:], QUADRANTS.expand(3, -1, -1), rtol=0, atol=0)
    least = found.objectness[:, :5].amin(1, keepdim=True).expand(-1, 4)
    assert_close(found.objectness[:, 5:], least, rtol=0, atol=0)


@pytest.mark.parametrize("count", [24, 40])
def test_fewer_cells_than_proposals_are_all_proposed(count: int) -> None:
    found = propose(random_boxes(1, 24), torch.zeros(1, 24), CELLS, count)
    assert found.boxes.shape == (1, 28, 4)
    assert sorted(found.cells[0, :24].tolist()) == list(range(24))


def test_equal_cells_are_taken_in_their_order() -> None:
    apart = torch.cat([CELLS.centres(), torch.full((24, 2), 0.01)], -1)[None]
    assert propose(apart, torch.zeros(1, 24), CELLS, 3).cells[0, :3].tolist() == [0, 1, 2]


def test_before_it_has_learned_windows_stand_in() -> None:
    found = windows(2, CELLS, 12, torch.device("cpu"))
    assert found.boxes.shape == (2, 16, 4)
    assert_close(found.boxes[0, 0], torch.tensor([0.5, 0.5, 1.0, 1.0]))
    assert_close(found.boxes[:, 12:], QUADRANTS.expand(2, -1, -1))
    assert not found.objectness.any()
    inside = corners(found.boxes)
    assert ((inside >= 0) & (inside <= 1)).all()
    assert len({tuple(box.tolist()) for box in found.boxes[0]}) == 16
