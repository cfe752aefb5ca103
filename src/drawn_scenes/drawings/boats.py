"""Kinds of boats by themselves, heading left."""

from __future__ import annotations

import random

from drawn_scenes.catalog import kind
from drawn_scenes.drawings.craft import boat
from drawn_scenes.drawings.people import SKINS
from drawn_scenes.drawings.vehicles import GLASS
from drawn_scenes.pen import RGB, Pen, shade

OAR: RGB = (206, 164, 104)

kind(
    "sailboat",
    synonyms=("sailing boat", "yacht"),
    hypernyms=("boat", "vessel", "watercraft"),
    places=("water",),
    size=(1.1, 1.6),
    aspect=(0.85, 1.05),
)(boat)


@kind(
    "rowing boat",
    synonyms=("rowboat", "dinghy"),
    hypernyms=("boat", "vessel", "watercraft"),
    places=("water",),
    size=(0.5, 0.65),
    aspect=(2.0, 2.4),
)
def rowing_boat(pen: Pen, colour: RGB, rng: random.Random) -> None:
    """An open hull with an oar, and somebody who rows."""
    w = pen.w
    shirt: RGB = rng.choice(((230, 230, 230), (60, 90, 180), (200, 60, 60)))
    pen.rect(0.46 * w, 22, 0.58 * w, 66, shirt, radius=8)
    pen.line([(0.48 * w, 36), (0.38 * w, 48)], shade(shirt, 0.8), 9)
    pen.circle(0.52 * w, 13, 12, rng.choice(SKINS))
    pen.poly([(0, 50), (0.1 * w, 62), (0.9 * w, 62), (w, 50), (0.86 * w, 98), (0.16 * w, 98)], colour)
    pen.line([(0, 52), (0.1 * w, 63), (0.9 * w, 63), (w, 52)], shade(colour, 0.6), 6)
    pen.line([(0.08 * w, 78), (0.92 * w, 78)], shade(colour, 1.5), 5)
    pen.line([(0.36 * w, 46), (0.62 * w, 92)], OAR, 6)
    pen.poly([(0.58 * w, 86), (0.66 * w, 82), (0.72 * w, 99), (0.64 * w, 100)], OAR)


@kind(
    "motorboat",
    synonyms=("speedboat", "powerboat"),
    hypernyms=("boat", "vessel", "watercraft"),
    places=("water",),
    size=(0.55, 0.7),
    aspect=(2.2, 2.6),
)
def motorboat(pen: Pen, colour: RGB, rng: random.Random) -> None:
    """A sharp bow, a windscreen or a cabin, an outboard motor and spray."""
    w = pen.w
    pen.rect(0.93 * w, 40, 0.99 * w, 72, (44, 46, 54), radius=4)
    if rng.random() < 0.5:
        pen.poly([(0.36 * w, 52), (0.44 * w, 12), (0.74 * w, 12), (0.76 * w, 52)], (248, 248, 246))
        pen.poly([(0.41 * w, 44), (0.46 * w, 20), (0.56 * w, 20), (0.56 * w, 44)], GLASS)
        pen.rect(0.6 * w, 20, 0.71 * w, 44, GLASS)
    else:
        pen.poly([(0.36 * w, 52), (0.48 * w, 20), (0.52 * w, 20), (0.46 * w, 52)], GLASS)
        pen.rect(0.6 * w, 36, 0.7 * w, 54, shade(colour, 0.6), radius=3)
    pen.poly([(0, 48), (0.94 * w, 50), (0.94 * w, 88), (0.22 * w, 88)], colour)
    pen.poly(
        [(0.05 * w, 56), (0.94 * w, 60), (0.94 * w, 68), (0.1 * w, 64)],
        (250, 250, 248) if sum(colour) < 600 else (40, 80, 190),
    )
    for x in (0.12, 0.22, 0.84, 0.96):
        pen.circle(x * w, 93, 7, (236, 244, 250))
