"""Views of a training image: itself, its mirror image, crops, and itself smaller within a gray frame.

What a view shows follows from its number and the image's content hash alone.
"""

from __future__ import annotations

import torch
from PIL import Image
from torch import Tensor

GRAY = (124, 124, 124)
CROP = (0.3, 0.9)  # sides of a crop, and one over the sides of a frame, in sides of the image
LEFT = 0.4  # share of an object's area that a crop has to hold to show it
LEAST = 0.01  # side of an object in a view, in sides of the view


def view_key(content: str, number: int) -> str:
    """The name in a feature store of a view of the image with this content hash; view 0 is the image itself."""
    return f"{content}.{number}" if number else content


def number_of(key: str) -> int:
    """The inverse of `view_key`."""
    return int(key.partition(".")[2] or 0)


def window_of(key: str) -> Tensor:
    """[4] left, top, right, bottom of a view, in sides of the image.

    Views 0 and 1 are whole. Of the others every fourth shows the image within a larger frame; the rest are crops.
    """
    content, number = key.partition(".")[0], number_of(key)
    if number < 2:
        return torch.tensor([0.0, 0, 1, 1])
    generator = torch.Generator().manual_seed(int(content[:12], 16) + number)
    share = CROP[0] + (CROP[1] - CROP[0]) * float(torch.rand((), generator=generator))
    corner = torch.rand(2, generator=generator)
    side = 1 / share if number % 4 == 1 else share
    left = corner * (1 - side)
    return torch.cat([left, left + side])


def is_whole(number: int) -> bool:
    """Whether a view shows all of the image, and so whatever an image is known to show."""
    return number < 2 or number % 4 == 1


def picture(image: Image.Image, key: str) -> Image.Image:
    """The view of `image` that a key of the feature store names; odd ones are mirrored."""
    number = number_of(key)
    if number > 1:
        sides = torch.tensor([image.width, image.height] * 2)
        left, top, right, bottom = (window_of(key) * sides).round().int().tolist()
        frame = Image.new("RGB", (max(1, right - left), max(1, bottom - top)), GRAY)
        frame.paste(image, (-left, -top))
        image = frame
    return image.transpose(Image.Transpose.FLIP_LEFT_RIGHT) if number % 2 else image


def boxes_in(boxes: Tensor, key: str) -> tuple[Tensor, Tensor]:
    """Boxes [m, 4] of an image, as centre and size in its sides, as its view shows them, and [m] whether it does."""
    window, number = window_of(key), number_of(key)
    low, high = window[:2], window[2:]
    first = (boxes[:, :2] - boxes[:, 2:] / 2).maximum(low)
    last = (boxes[:, :2] + boxes[:, 2:] / 2).minimum(high)
    sides = (last - first).clamp(min=0)
    shown = (sides.prod(1) >= LEFT * boxes[:, 2:].prod(1)) & ((sides / (high - low)).amin(1) > LEAST)
    centres, sizes = ((first + last) / 2 - low) / (high - low), sides / (high - low)
    if number % 2:
        centres = torch.stack([1 - centres[:, 0], centres[:, 1]], 1)
    whole = shown | (number < 2)  # what is there is there, however small
    return torch.cat([centres, sizes], 1), whole
