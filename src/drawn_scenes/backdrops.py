"""Places of scenes other than streets: rooms, kitchens, table tops, parks, beaches and slopes."""

from __future__ import annotations

import random
from collections.abc import Callable
from dataclasses import dataclass

from PIL import Image, ImageDraw

from drawn_scenes.background import SUPERSAMPLE, Band, Layout, paint
from drawn_scenes.compose import Style
from drawn_scenes.interiors import (
    paint_counter,
    paint_cupboards,
    paint_floor,
    paint_sand,
    paint_snow,
    paint_table,
    paint_wall,
)
from drawn_scenes.pen import RGB, shade

Fill = Callable[[ImageDraw.ImageDraw, int, Band, random.Random], None]
FILLS: dict[str, Fill] = {
    "wall": paint_wall,
    "floor": paint_floor,
    "counter": paint_counter,
    "cupboards": paint_cupboards,
    "table": paint_table,
    "sand": paint_sand,
    "snow": paint_snow,
}
STREET, OPEN_AIR = Style(0.065, 0.22), Style(0.06, 0.21)


@dataclass(frozen=True)
class Backdrop:
    """One sort of place.

    Attributes:
        bands: the zones below the horizon, from far to near, one of these orders; each with the weight of its depth.
        horizon: range of the horizon, as a share of the height; indoors, where the wall ends.
        indoors: a wall stands where the sky would be.
        style: how large a person is at the horizon and in front.
    """

    name: str
    bands: tuple[tuple[tuple[str, float], ...], ...]
    horizon: tuple[float, float]
    indoors: bool
    style: Style

    @property
    def places(self) -> set[str]:
        """The zones that every scene of this sort has."""
        below = set.intersection(*({place for place, _ in order} for order in self.bands))
        return below | {"wall" if self.indoors else "sky"}

    def draw(self, size: int, rng: random.Random) -> tuple[Image.Image, Layout]:
        """The empty scene, RGB `size` x `size`, and its zones."""
        horizon = rng.uniform(*self.horizon)
        order = rng.choice(self.bands)
        weights = [weight * rng.uniform(0.85, 1.2) for _, weight in order]
        bands, y = [], horizon
        for (place, _), weight in zip(order, weights, strict=True):
            bands.append(Band(place, y, min(1.0, y + weight * (1 - horizon) / sum(weights))))
            y = bands[-1].bottom
        if self.indoors:
            bands.insert(0, Band("wall", 0.04, horizon - 0.02))
        layout = Layout(horizon, tuple(bands))
        return self._paint(layout, size, rng), layout

    def _paint(self, layout: Layout, size: int, rng: random.Random) -> Image.Image:
        """Sky, hills and grass as in the streets; then what streets do not have, over them."""
        outdoors = Layout(layout.horizon, tuple(b for b in layout.bands if b.place not in FILLS))
        if not self.indoors and len(outdoors.bands) == len(layout.bands):
            return paint(layout, size, rng)
        s = size * SUPERSAMPLE
        image = Image.new("RGB", (s, s))
        if not self.indoors:
            first = Band("water", layout.horizon, layout.horizon)  # hills, never a skyline
            image = paint(Layout(layout.horizon, (first, *outdoors.bands)), size, rng).resize((s, s))
        draw = ImageDraw.Draw(image)
        if self.name == "slope":
            _mountains(draw, s, round(layout.horizon * s), rng)
        for band in layout.bands:
            if band.place in FILLS:
                FILLS[band.place](draw, s, band, rng)
        return image.resize((size, size), Image.Resampling.BOX)


def _mountains(draw: ImageDraw.ImageDraw, s: int, horizon: int, rng: random.Random) -> None:
    rock: RGB = rng.choice(((120, 130, 150), (104, 116, 140)))
    x = -0.1 * s
    while x < s:
        w, h = rng.uniform(0.3, 0.5) * s, rng.uniform(0.45, 0.8) * horizon
        peak = (x + w / 2, horizon - h)
        draw.polygon([(x, horizon), peak, (x + w, horizon)], fill=shade(rock, rng.uniform(0.9, 1.15)))
        cap = [(peak[0] - 0.17 * w, peak[1] + 0.34 * h), peak, (peak[0] + 0.17 * w, peak[1] + 0.34 * h)]
        draw.polygon(cap, fill=(244, 248, 252))
        x += w * 0.7


def _one(*order: tuple[str, float]) -> tuple[tuple[tuple[str, float], ...], ...]:
    return (order,)


BACKDROPS: dict[str, Backdrop] = {
    backdrop.name: backdrop
    for backdrop in (
        Backdrop(
            "street",
            (
                (("grass", 0.6), ("road", 1.8), ("sidewalk", 1.2)),
                (("sidewalk", 0.6), ("road", 1.8), ("grass", 1.2)),
            ),
            (0.3, 0.44),
            False,
            STREET,
        ),
        Backdrop("park", _one(("water", 0.5), ("grass", 1.6), ("sidewalk", 0.8)), (0.28, 0.42), False, OPEN_AIR),
        Backdrop("meadow", _one(("grass", 1.0)), (0.28, 0.44), False, OPEN_AIR),
        Backdrop("beach", _one(("water", 0.8), ("sand", 1.6)), (0.28, 0.42), False, OPEN_AIR),
        Backdrop("slope", _one(("snow", 1.0)), (0.28, 0.42), False, OPEN_AIR),
        Backdrop("room", _one(("floor", 1.0)), (0.48, 0.6), True, Style(0.3, 0.5)),
        Backdrop(
            "kitchen",
            _one(("counter", 0.35), ("cupboards", 0.35), ("floor", 1.0)),
            (0.4, 0.48),
            True,
            Style(0.45, 0.62),
        ),
        Backdrop("table", _one(("table", 1.0)), (0.26, 0.4), True, Style(0.45, 0.9)),
    )
}
