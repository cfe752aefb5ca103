"""What sails and flies, heading left."""

from __future__ import annotations

import math
import random

from drawn_scenes.catalog import kind
from drawn_scenes.drawings.vehicles import GLASS, STEEL, TYRE
from drawn_scenes.pen import RGB, Pen, shade

CLOTH: RGB = (250, 248, 238)
WOOD: RGB = (112, 76, 44)


@kind(
    "boat",
    synonyms=("sailboat", "sailing boat", "yacht"),
    hypernyms=("vessel", "watercraft"),
    places=("water",),
    size=(1.1, 1.6),
    aspect=(0.85, 1.05),
)
def boat(pen: Pen, colour: RGB, rng: random.Random) -> None:
    """A sailing boat with a coloured hull: sloop, single sail or two masts."""
    w = pen.w
    style = rng.choice(("sloop", "single", "ketch"))
    mast = {"sloop": 0.44, "single": 0.32, "ketch": 0.38}[style] * w
    pen.line([(mast, 3), (mast, 80)], WOOD, 4)
    if style == "ketch":
        pen.line([(0.74 * w, 26), (0.74 * w, 80)], WOOD, 4)
        pen.poly([(0.76 * w, 28), (0.76 * w, 70), (0.99 * w, 70)], CLOTH)
        pen.poly([(mast + 3, 8), (mast + 3, 70), (0.71 * w, 70)], CLOTH)
    else:
        right = 0.94 * w
        pen.poly([(mast + 3, 5), (mast + 3, 71), (right, 71)], CLOTH)
        pen.poly([(mast + 3, 58), (mast + 3, 71), (right, 71), (right - 0.1 * w, 58)], shade(colour, 1.15))
    if style != "single":
        pen.poly([(mast - 3, 10), (mast - 3, 71), (0.04 * w, 71)], shade(colour, 1.15))
    pen.poly([(mast, 0), (mast, 8), (mast + 0.14 * w, 4)], (214, 40, 40))
    pen.poly([(0, 77), (w, 77), (0.86 * w, 100), (0.18 * w, 100)], colour)
    pen.poly([(0, 77), (w, 77), (0.97 * w, 82), (0.04 * w, 82)], shade(colour, 1.6))
    pen.poly([(0.12 * w, 94), (0.9 * w, 94), (0.86 * w, 100), (0.18 * w, 100)], shade(colour, 0.7))


def _jet(pen: Pen, colour: RGB) -> None:
    """An airliner from the side."""
    w = pen.w
    pen.poly([(0.76 * w, 40), (0.9 * w, 0), (w, 0), (0.96 * w, 46)], colour)
    pen.poly([(0.44 * w, 44), (0.56 * w, 14), (0.64 * w, 14), (0.62 * w, 44)], shade(colour, 0.7))
    pen.rect(1, 34, 0.7 * w, 68, colour, radius=17)
    pen.poly([(0.5 * w, 34), (0.96 * w, 36), (0.96 * w, 46), (0.66 * w, 67), (0.5 * w, 68)], colour)
    pen.poly([(0.04 * w, 57), (0.86 * w, 57), (0.66 * w, 67), (0.1 * w, 68)], shade(colour, 0.78))
    pen.poly([(0.05 * w, 46), (0.09 * w, 38), (0.15 * w, 38), (0.15 * w, 46)], GLASS)
    for i in range(7):
        pen.rect((0.22 + 0.075 * i) * w, 43, (0.255 + 0.075 * i) * w, 51, GLASS)
    pen.poly([(0.32 * w, 58), (0.56 * w, 58), (0.78 * w, 98), (0.68 * w, 98)], shade(colour, 0.6))
    pen.rect(0.38 * w, 72, 0.54 * w, 88, STEEL, radius=7)
    pen.poly([(0.84 * w, 42), (0.95 * w, 42), (w, 58), (0.94 * w, 58)], shade(colour, 0.6))


def _propeller_plane(pen: Pen, colour: RGB) -> None:
    """A small high-wing aeroplane from the side."""
    w = pen.w
    pen.poly([(0.8 * w, 42), (0.9 * w, 4), (w, 4), (w, 48)], colour)
    pen.poly(
        [
            (0.1 * w, 40),
            (0.26 * w, 38),
            (0.36 * w, 18),
            (0.56 * w, 18),
            (w, 44),
            (w, 52),
            (0.5 * w, 76),
            (0.12 * w, 72),
            (0.07 * w, 56),
        ],
        colour,
    )
    pen.poly([(0.14 * w, 60), (0.86 * w, 60), (0.5 * w, 76), (0.12 * w, 72)], shade(colour, 0.75))
    pen.poly([(0.29 * w, 42), (0.37 * w, 24), (0.53 * w, 24), (0.53 * w, 42)], GLASS)
    pen.rect(0.24 * w, 10, 0.72 * w, 20, shade(colour, 0.65), radius=5)
    pen.rect(0.82 * w, 42, w, 49, shade(colour, 0.65), radius=3)
    pen.ellipse(0.015 * w, 20, 0.06 * w, 96, (120, 124, 130))
    pen.circle(0.06 * w, 57, 7, TYRE)
    for x in (0.24, 0.48):
        pen.line([(x * w, 70), (x * w, 88)], STEEL, 4)
        pen.circle(x * w, 90, 10, TYRE)


@kind(
    "airplane",
    synonyms=("aeroplane", "plane"),
    hypernyms=("aircraft", "flying machine"),
    places=("sky",),
    size=(0.7, 1.0),
    aspect=(2.0, 2.4),
)
def airplane(pen: Pen, colour: RGB, rng: random.Random) -> None:
    """An airliner, or a small propeller plane."""
    if rng.random() < 0.65:
        _jet(pen, colour)
    else:
        _propeller_plane(pen, colour)


@kind(
    "helicopter",
    synonyms=("copter", "whirlybird"),
    hypernyms=("aircraft", "flying machine"),
    places=("sky",),
    size=(0.75, 1.05),
    aspect=(1.6, 1.9),
)
def helicopter(pen: Pen, colour: RGB, rng: random.Random) -> None:
    """A glass-nosed cabin under a long rotor, with a tail boom and skids."""
    w = pen.w
    pen.poly([(0.42 * w, 36), (0.95 * w, 34), (0.95 * w, 43), (0.46 * w, 62)], colour)
    pen.poly([(0.88 * w, 40), (0.93 * w, 14), (w - 1, 14), (0.97 * w, 44)], colour)
    tail = rng.choice((0.0, math.pi / 4))
    for turn in (tail, tail + math.pi / 2):
        dx, dy = 13 * math.cos(turn), 13 * math.sin(turn)
        pen.line([(0.93 * w - dx, 26 - dy), (0.93 * w + dx, 26 + dy)], TYRE, 4)
    pen.rect(0.33 * w, 6, 0.37 * w, 26, STEEL)
    pen.line([(3, 7), (0.72 * w, 7)], TYRE, 6)
    pen.ellipse(0.06 * w, 20, 0.6 * w, 84, colour)
    pen.rect(0.26 * w, 18, 0.44 * w, 30, shade(colour, 0.7), radius=4)
    pen.pie(0.28 * w, 52, 0.19 * w, 150, 292, GLASS)
    pen.rect(0.38 * w, 36, 0.5 * w, 54, GLASS, radius=3)
    pen.rect(0.16 * w, 64, 0.54 * w, 72, shade(colour, 0.65), radius=3)
    for x in (0.22, 0.46):
        pen.line([(x * w, 78), (x * w, 96)], STEEL, 4)
    pen.line([(0.07 * w, 90), (0.12 * w, 97), (0.62 * w, 97)], STEEL, 5)


@kind(
    "hot air balloon",
    synonyms=("hot-air balloon", "aerostat", "montgolfier"),
    hypernyms=("aircraft", "flying machine"),
    places=("sky",),
    size=(1.1, 1.6),
    aspect=(0.66, 0.76),
)
def hot_air_balloon(pen: Pen, colour: RGB, rng: random.Random) -> None:
    """A big envelope (plain, gored or banded) over a wicker basket."""
    w, mid = pen.w, pen.w / 2
    style = rng.choice(("gores", "band", "plain"))
    for x in (0.3, 0.7):
        pen.line([(x * w, 66), ((0.42 if x < 0.5 else 0.58) * w, 88)], WOOD, 2)
    pen.ellipse(0, 0, w, 68, colour)
    pen.poly([(0.06 * w, 46), (0.94 * w, 46), (0.64 * w, 78), (0.36 * w, 78)], colour)
    pale = shade(colour, 1.55)
    if style == "gores":
        pen.ellipse(0.2 * w, 0, 0.8 * w, 68, shade(colour, 0.72))
        pen.poly([(0.23 * w, 46), (0.77 * w, 46), (0.58 * w, 78), (0.42 * w, 78)], shade(colour, 0.72))
        pen.ellipse(0.36 * w, 0, 0.64 * w, 68, colour)
        pen.poly([(0.37 * w, 44), (0.63 * w, 44), (0.54 * w, 78), (0.46 * w, 78)], colour)
    elif style == "band":
        pen.rect(1, 30, w - 1, 40, pale)
    else:
        pen.ellipse(0.14 * w, 10, 0.38 * w, 40, shade(colour, 1.3))
    pen.rect(0.36 * w, 76, 0.64 * w, 79, shade(colour, 0.55))
    pen.rect(mid - 11, 86, mid + 11, 100, (150, 98, 48), radius=3)
    pen.rect(mid - 12, 86, mid + 12, 90, WOOD)
