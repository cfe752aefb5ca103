"""What stands in a playground."""

from __future__ import annotations

import random

from drawn_scenes.catalog import kind
from drawn_scenes.pen import RGB, Pen, shade

CHAIN: RGB = (60, 62, 70)
SEAT: RGB = (50, 40, 36)


@kind(
    "swing",
    synonyms=("swing set", "playground swing"),
    hypernyms=("playground equipment",),
    places=("grass",),
    size=(1.0, 1.2),
    aspect=(1.0, 1.3),
)
def swing(pen: Pen, colour: RGB, rng: random.Random) -> None:
    """A frame of two splayed pairs of legs with one or two seats hanging, perhaps in mid-swing."""
    w, dark = pen.w, shade(colour, 0.7)
    for x in (w * 0.13, w * 0.87):
        out = -1 if x < w / 2 else 1
        pen.line([(x, 6), (x - out * w * 0.06, 92)], dark, 6)
        pen.line([(x, 6), (x + out * (w * 0.13 - 4), 97)], colour, 7)
    pen.line([(w * 0.1, 5), (w * 0.9, 5)], colour, 9)
    seats = (0.5,) if w < 120 else (0.345, 0.655)
    half = w * 0.13 if len(seats) == 1 else w * 0.08
    for k in seats:
        lean = rng.choice((0, -8, 8)) if len(seats) == 1 else 0
        x, y = k * w, 72 - abs(lean) * 0.4
        for side in (-half, half):
            pen.line([(x + side, 8), (x + side + lean, y)], CHAIN, 2.5)
        pen.rect(x - half - 4 + lean, y - 2, x + half + 4 + lean, y + 8, SEAT, radius=2)


@kind(
    "slide",
    synonyms=("playground slide", "children's slide"),
    hypernyms=("playground equipment",),
    places=("grass",),
    size=(0.85, 1.05),
    aspect=(1.3, 1.55),
)
def slide(pen: Pen, colour: RGB, rng: random.Random) -> None:
    """A ladder up one side and a chute down the other, straight or wavy."""
    w = pen.w
    frame = rng.choice(((90, 94, 104), (236, 190, 60), (60, 90, 160)))
    for y in range(40, 96, 12):
        x = w * 0.16 - (y - 30) * 0.24
        pen.line([(x, y), (x + w * 0.12, y)], frame, 4)
    pen.line([(w * 0.17, 8), (w * 0.17, 28), (4, 97)], frame, 5)
    pen.line([(w * 0.3, 8), (w * 0.3, 28), (w * 0.14, 97)], frame, 5)
    pen.line([(w * 0.17, 8), (w * 0.3, 8)], frame, 5)
    pen.line([(w * 0.42, 40), (w * 0.42, 97)], frame, 5)
    wavy = rng.random() < 0.4
    body = [(0.52, 46), (0.64, 54), (0.74, 78)] if wavy else [(0.5, 52), (0.74, 80)]
    path = [(w * 0.17, 29), (w * 0.31, 29), *((k * w, y) for k, y in body), (w * 0.84, 88), (w - 6, 88)]
    pen.line([(x, y + 3) for x, y in path], shade(colour, 0.65), 13)
    pen.line([(x, y - 3) for x, y in path], colour, 11)
