"""A pen that draws one object on a transparent, supersampled sprite."""

from __future__ import annotations

import math
from collections.abc import Sequence

from PIL import Image, ImageDraw

RGB = tuple[int, int, int]
Point = tuple[float, float]

SUPERSAMPLE = 3

# Everyday names; each colour is easy to distinguish on grass, road, wall and sky.
COLOURS: dict[str, RGB] = {
    "red": (208, 32, 38),
    "orange": (243, 130, 28),
    "yellow": (248, 212, 38),
    "green": (36, 150, 62),
    "turquoise": (42, 190, 188),
    "blue": (34, 84, 200),
    "purple": (126, 54, 168),
    "pink": (246, 132, 180),
    "brown": (122, 74, 38),
    "black": (34, 34, 38),
    "white": (246, 246, 244),
    "gray": (138, 142, 148),
}


def shade(colour: RGB, factor: float) -> RGB:
    """Darken (`factor` < 1) or lighten towards white (`factor` > 1, 2 is white)."""
    if factor <= 1:
        r, g, b = (round(c * factor) for c in colour)
    else:
        r, g, b = (round(c + (255 - c) * min(factor - 1, 1)) for c in colour)
    return (r, g, b)


class Pen:
    """Draws in units in which the sprite is 100 high and `w` wide; y points down.

    `w` is 100 x the aspect (width / height) that was drawn for this object. Lengths such as radii
    and line widths are in the same units, so circles stay round whatever the aspect.
    """

    def __init__(self, height_px: int, aspect: float) -> None:
        self.w = 100.0 * aspect
        self._s = height_px * SUPERSAMPLE / 100.0
        size = (max(3, math.ceil(self.w * self._s)), max(3, height_px * SUPERSAMPLE))
        self.image = Image.new("RGBA", size, (0, 0, 0, 0))
        self._draw = ImageDraw.Draw(self.image)

    def _p(self, points: Sequence[Point]) -> list[Point]:
        return [(x * self._s, y * self._s) for x, y in points]

    def _width(self, width: float) -> int:
        return max(1, round(width * self._s))

    def rect(self, x0: float, y0: float, x1: float, y1: float, fill: RGB, radius: float = 0) -> None:
        """An upright rectangle, its corners rounded by `radius`."""
        box = self._p([(min(x0, x1), min(y0, y1)), (max(x0, x1), max(y0, y1))])
        self._draw.rounded_rectangle(box, radius=radius * self._s, fill=fill)

    def ellipse(self, x0: float, y0: float, x1: float, y1: float, fill: RGB) -> None:
        """An ellipse inscribed in the given box."""
        self._draw.ellipse(self._p([(min(x0, x1), min(y0, y1)), (max(x0, x1), max(y0, y1))]), fill=fill)

    def circle(self, cx: float, cy: float, r: float, fill: RGB) -> None:
        """A filled circle."""
        self.ellipse(cx - r, cy - r, cx + r, cy + r, fill)

    def ring(self, cx: float, cy: float, r: float, colour: RGB, width: float) -> None:
        """The outline of a circle, `width` thick, inwards from `r`."""
        box = self._p([(cx - r, cy - r), (cx + r, cy + r)])
        self._draw.ellipse(box, outline=colour, width=self._width(width))

    def poly(self, points: Sequence[Point], fill: RGB) -> None:
        """A filled polygon."""
        self._draw.polygon(self._p(points), fill=fill)

    def line(self, points: Sequence[Point], fill: RGB, width: float) -> None:
        """A polyline with round joints and ends."""
        px = self._p(points)
        self._draw.line(px, fill=fill, width=self._width(width), joint="curve")
        r = width * self._s / 2
        for x, y in (px[0], px[-1]):
            self._draw.ellipse([x - r, y - r, x + r, y + r], fill=fill)

    def pie(self, cx: float, cy: float, r: float, start: float, end: float, fill: RGB) -> None:
        """A slice of a disc; degrees clockwise from three o'clock (180 to 360 is the upper half)."""
        self._draw.pieslice(self._p([(cx - r, cy - r), (cx + r, cy + r)]), start, end, fill=fill)

    def arc(self, cx: float, cy: float, r: float, start: float, end: float, fill: RGB, width: float) -> None:
        """A piece of a circle's outline; degrees as for `pie`."""
        box = self._p([(cx - r, cy - r), (cx + r, cy + r)])
        self._draw.arc(box, start, end, fill=fill, width=self._width(width))

    def hole(self, x0: float, y0: float, x1: float, y1: float) -> None:
        """Make an upright rectangle transparent again."""
        self._draw.rectangle(self._p([(x0, y0), (x1, y1)]), fill=(0, 0, 0, 0))
