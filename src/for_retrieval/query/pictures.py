"""Found images, opened and made small."""

from __future__ import annotations

from dataclasses import dataclass

from PIL import Image

from for_retrieval.data.images import open_image
from for_retrieval.query.answer import Answer, Result

MAX_PIXELS = 60_000_000  # as data.max_pixels; params.yaml is not read here, it would double the start time


@dataclass(frozen=True, eq=False)
class Picture:
    """image: RGB, upright, shrunk. width, height: px of the file, which boxes refer to."""

    image: Image.Image
    width: int
    height: int

    def clip(self, box: tuple[float, float, float, float]) -> tuple[float, float, float, float]:
        """The part of a box (x, y, w, h in px of the file) inside the picture, in the same form."""
        x, y, w, h = box
        left, top = min(max(x, 0.0), self.width), min(max(y, 0.0), self.height)
        right, bottom = min(max(x + w, left), self.width), min(max(y + h, top), self.height)
        return left, top, right - left, bottom - top


def open_picture(answer: Answer, result: Result, side: int) -> Picture:
    """The image of a result with its longer side at most `side` px.

    Raises:
        BrokenImage: it is missing, cannot be decoded, or is too large.
    """
    image = open_image(answer.root / result.path, MAX_PIXELS, min_side=1)
    width, height = image.size
    image.thumbnail((side, side))
    return Picture(image, width, height)
