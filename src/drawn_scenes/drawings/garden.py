"""Mushrooms and cacti."""

from __future__ import annotations

import random

from drawn_scenes.catalog import kind
from drawn_scenes.drawings.fixtures import edge, trim
from drawn_scenes.pen import RGB, Pen, shade

CACTUS: RGB = (52, 142, 74)


@kind(
    "mushroom",
    synonyms=("toadstool", "spotted mushroom"),
    hypernyms=("fungus",),
    places=("grass",),
    size=(0.38, 0.55),
    aspect=(0.85, 1.1),
)
def mushroom(pen: Pen, colour: RGB, rng: random.Random) -> None:
    """A spotted cap, flat or high, on a pale stalk."""
    w, cx, high = pen.w, pen.w / 2, rng.random() < 0.5
    rim = 60 if high else 50
    stalk, ring = (244, 230, 200), (222, 202, 164)
    pen.ellipse(0, 0, w, 2 * rim - 8, colour)
    pen.hole(0, rim, w, 101)
    neck, foot = 0.14 * w, 0.22 * w
    pen.poly([(cx - neck, rim - 1), (cx + neck, rim - 1), (cx + foot, 94), (cx - foot, 94)], stalk)
    pen.rect(cx - foot, 88, cx + foot, 100, ring, radius=5)
    if rng.random() < 0.5:
        hem = rim + 17
        pen.poly([(cx - neck, rim + 6), (cx + neck, rim + 6), (cx + foot, hem), (cx - foot, hem)], ring)
    pen.rect(0, rim - 8, w, rim + 2, edge(colour), radius=5)
    for x, y, r in ((0.5, 0.28, 8), (0.26, 0.52, 7), (0.75, 0.5, 7.5), (0.52, 0.68, 5.5)):
        pen.circle(x * w, y * rim, r, trim(colour))


@kind(
    "cactus",
    synonyms=("saguaro", "cacti"),
    hypernyms=("succulent", "desert plant", "plant"),
    colours=(),
    places=("grass",),
    size=(0.8, 1.2),
    aspect=(0.6, 0.75),
)
def cactus(pen: Pen, colour: RGB, rng: random.Random) -> None:
    """A ribbed column with two raised arms, level or not, at times in bloom."""
    cx = pen.w / 2
    thick, style = 24.0, rng.choice(("level", "level", "left", "right"))
    for side in (-1, 1):
        low = style == ("left" if side < 0 else "right")
        x, elbow = cx + side * (cx - 8), rng.uniform(68, 76) if low else rng.uniform(46, 58)
        pen.line([(cx, elbow), (x, elbow), (x, elbow - rng.uniform(22, 30))], shade(CACTUS, 0.84), 15)
        pen.circle(x, elbow, 7.5, shade(CACTUS, 0.84))
    pen.rect(cx - thick / 2, 2, cx + thick / 2, 100, CACTUS, radius=11)
    pen.rect(cx - thick / 2, 88, cx + thick / 2, 100, CACTUS)
    for dx in (-5, 5):
        pen.line([(cx + dx, 12), (cx + dx, 94)], shade(CACTUS, 1.5), 2)
    if rng.random() < 0.5:
        pen.circle(cx, 5, 5, (246, 110, 160))
        pen.circle(cx - 7, 7, 4, (246, 110, 160))
        pen.circle(cx + 7, 7, 4, (246, 110, 160))
