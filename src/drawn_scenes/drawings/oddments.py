"""Small things that lie about."""

from __future__ import annotations

import random

from drawn_scenes.catalog import kind
from drawn_scenes.drawings.animals import oval, shape, stroke
from drawn_scenes.drawings.fixtures import contrast, edge
from drawn_scenes.pen import RGB, Pen, shade

BLACK: RGB = (30, 31, 36)
CASES = ("black", "gray", "white", "red", "blue", "pink")


@kind(
    "book",
    synonyms=("hardback", "paperback", "novel"),
    hypernyms=("reading matter", "printed matter"),
    places=("table", "counter"),
    size=(0.2, 0.26),
    aspect=(0.8, 1.5),
)
def book(pen: Pen, colour: RGB, rng: random.Random) -> None:
    """An open book if the sprite is wide, else one that stands closed, its pages at the side."""
    w = pen.w
    if w > 112:
        shape(pen, [(0, 24), (50, 34), (100, 24), (100, 96), (50, 100), (0, 96)], colour)
        for side in (-1, 1):
            page = [(50, 24), (50 + side * 20, 8), (50 + side * 46, 12), (50 + side * 46, 84), (50, 94)]
            shape(pen, page, (250, 246, 232) if side < 0 else (234, 228, 210))
            for y in (28, 42, 56, 70):
                stroke(pen, [(50 + side * 10, y + 4), (50 + side * 38, y - 3)], (150, 146, 140), 3)
        return
    pen.rect(0.1 * w, 4, w, 100, (244, 238, 220), radius=2)
    for y in (90, 94, 98):
        pen.line([(0.14 * w, y), (w - 2, y)], (196, 188, 166), 1.2)
    pen.rect(0, 0, 0.9 * w, 90, colour, radius=4)
    pen.rect(0, 0, 0.12 * w, 98, edge(colour), radius=3)
    pen.rect(0.26 * w, 16, 0.78 * w, 34, contrast(colour))
    oval(pen, 38, 46, 66, 72, shade(colour, 1.5))


@kind(
    "scissors",
    synonyms=("pair of scissors", "shears"),
    hypernyms=("tool", "cutting tool"),
    colours=("red", "orange", "blue", "green", "black", "purple"),
    places=("table",),
    size=(0.22, 0.28),
    aspect=(0.66, 0.8),
)
def scissors(pen: Pen, colour: RGB, rng: random.Random) -> None:
    """Two crossed blades, wide open or nearly closed, with ring handles."""
    w, gap = pen.w, rng.choice((0.12, 0.26))
    blade: RGB = (196, 202, 212)
    for side in (-1, 1):
        tip = (0.5 + side * gap) * w
        pen.poly([(0.5 * w - 6, 54), (tip, 0), (0.5 * w + 6, 54)], shade(blade, 1.0 if side > 0 else 0.82))
        pen.line([(0.5 * w, 48), ((0.5 - side * 0.22) * w, 68)], colour, 9)
        pen.ring((0.5 - side * 0.27) * w, 81, 19, colour, 9)
    pen.circle(0.5 * w, 50, 4.5, (90, 94, 102))


@kind(
    "toothbrush",
    synonyms=("electric toothbrush", "tooth brush"),
    hypernyms=("toiletry", "brush"),
    colours=("red", "blue", "green", "pink", "purple", "orange", "turquoise"),
    places=("table", "counter"),
    size=(0.09, 0.12),
    aspect=(3.4, 4.2),
)
def toothbrush(pen: Pen, colour: RGB, rng: random.Random) -> None:
    """A long handle whose head holds upright bristles."""
    w = pen.w
    pen.rect(0, 56, 0.34 * w, 84, colour, radius=10)
    pen.line([(0.32 * w, 70), (0.5 * w, 74), (0.62 * w, 70), (0.95 * w, 72)], colour, 26)
    pen.rect(0.5 * w, 60, w, 96, colour, radius=16)
    for i in range(7):
        x = (0.03 + i * 0.042) * w
        pen.rect(x, 4 if i % 2 else 10, x + 0.032 * w, 58, (250, 250, 250) if i % 2 else shade(colour, 1.6))
    pen.rect(0.02 * w, 46, 0.33 * w, 60, (250, 250, 250))
    pen.rect(0.66 * w, 70, 0.92 * w, 82, shade(colour, 1.6), radius=5)
