"""Views of a training image: what they show, and that boxes go with them."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from PIL import Image
from torch.testing import assert_close

from for_retrieval.model.views import boxes_in, is_whole, number_of, picture, view_key, window_of

HASHES = ["0123456789abcdef", "fedcba9876543210", "00ff00ff00ff00ff"]
BOX = torch.tensor([[0.3, 0.4, 0.2, 0.4]])  # centre and size


@pytest.fixture
def image() -> Image.Image:
    """200 x 100 px, black, with a red box."""
    pixels = np.zeros((100, 200, 3), np.uint8)
    pixels[20:60, 40:80] = (255, 0, 0)
    return Image.fromarray(pixels)


def test_the_image_itself_is_the_first_view(image: Image.Image) -> None:
    assert view_key("ab", 0) == "ab"
    assert [number_of(view_key("ab", number)) for number in (0, 1, 7)] == [0, 1, 7]
    assert picture(image, HASHES[0]) is image
    mirrored = picture(image, view_key(HASHES[0], 1))
    assert np.array_equal(np.asarray(mirrored), np.asarray(image)[:, ::-1])


@pytest.mark.parametrize("number", range(12))
@pytest.mark.parametrize("content", HASHES)
def test_boxes_go_with_their_view(image: Image.Image, content: str, number: int) -> None:
    """What is red in a view is its box."""
    key = view_key(content, number)
    pixels = torch.from_numpy(np.array(picture(image, key)))
    boxes, shown = boxes_in(BOX, key)
    red = (pixels[..., 0] > 200) & (pixels[..., 1] < 60)
    if not shown[0]:
        assert not is_whole(number)
        assert red.sum() <= 0.5 * 40 * 40
        return
    rows, columns = red.nonzero().T
    height, width = red.shape
    left, right = int(columns.min()) / width, (int(columns.max()) + 1) / width
    top, bottom = int(rows.min()) / height, (int(rows.max()) + 1) / height
    expected = torch.tensor([[(left + right) / 2, (top + bottom) / 2, right - left, bottom - top]])
    assert_close(boxes, expected, atol=0.03, rtol=0)


def test_views_are_whole_crops_and_frames() -> None:
    sides = {
        number: [float(window_of(view_key(c, number))[2] - window_of(view_key(c, number))[0]) for c in HASHES]
        for number in range(10)
    }
    assert [number for number in range(10) if is_whole(number)] == [0, 1, 5, 9]
    assert set(sides[0]) == set(sides[1]) == {1.0}
    assert all(side > 1 for number in (5, 9) for side in sides[number])
    assert all(0.3 <= side <= 0.9 for number in (2, 3, 4, 6, 7, 8) for side in sides[number])
    assert len(set(sides[2])) == 3, "they differ by image"


def test_something_tiny_is_still_there_where_the_image_is_whole() -> None:
    tiny = torch.tensor([[0.5, 0.5, 0.004, 0.004]])
    assert boxes_in(tiny, HASHES[0])[1].all()
    assert boxes_in(tiny, view_key(HASHES[0], 1))[1].all()
