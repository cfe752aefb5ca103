"""Heavy machines and what runs to a timetable, heading left."""

from __future__ import annotations

import random

from drawn_scenes.catalog import kind
from drawn_scenes.drawings.vehicles import GLASS, LAMP, STEEL, TAIL_LAMP, TYRE, wheel
from drawn_scenes.pen import RGB, Pen, shade

RAIL: RGB = (96, 84, 72)


def _cab(pen: Pen, colour: RGB, width: float, top: float) -> None:
    """A lorry's cab over the left end, `width` of the sprite wide."""
    w = pen.w
    pen.poly([(0, 60), (0.05 * w, top), (width * w, top), (width * w, 84), (0, 84)], colour)
    pen.poly([(0.025 * w, 54), (0.065 * w, top + 7), (0.7 * width * w, top + 7), (0.7 * width * w, 54)], GLASS)
    pen.rect(0, 76, width * w, 84, shade(colour, 0.6))
    pen.rect(0, 64, 7, 72, LAMP)


@kind(
    "garbage truck",
    synonyms=("dustcart", "bin lorry", "refuse lorry"),
    hypernyms=("truck", "vehicle", "motor vehicle"),
    colours=("green", "orange", "white", "blue", "yellow"),
    places=("road",),
    size=(1.3, 1.5),
    aspect=(1.9, 2.2),
)
def garbage_truck(pen: Pen, colour: RGB, rng: random.Random) -> None:
    """A round-backed body with ribs, and a hopper at the end with a bin hung on it."""
    w = pen.w
    pen.rect(0.04 * w, 76, 0.96 * w, 86, STEEL)
    pen.rect(0.29 * w, 6, 0.78 * w, 78, colour, radius=6)
    pen.poly([(0.76 * w, 4), (0.9 * w, 14), (0.96 * w, 48), (0.92 * w, 80), (0.76 * w, 80)], shade(colour, 0.7))
    pen.poly([(0.83 * w, 46), (0.94 * w, 46), (0.92 * w, 74), (0.83 * w, 74)], TYRE)
    for x in (0.38, 0.48, 0.58, 0.68):
        pen.rect(x * w, 8, (x + 0.025) * w, 76, shade(colour, 0.78))
    tub: RGB = rng.choice(((50, 90, 60), (60, 64, 74), (40, 80, 160)))
    pen.poly([(0.9 * w, 50), (w, 46), (0.99 * w, 78), (0.92 * w, 78)], tub)
    for x in (0.44, 0.54):
        pen.poly([(x * w, 36), ((x + 0.07) * w, 36), ((x + 0.035) * w, 52)], (250, 250, 250))
    _cab(pen, shade(colour, 0.92), 0.26, 24)
    for x in (0.13, 0.62, 0.78):
        wheel(pen, x * w, 86, 14)


@kind(
    "cement mixer",
    synonyms=("concrete mixer", "mixer truck"),
    hypernyms=("truck", "vehicle", "motor vehicle"),
    colours=("orange", "yellow", "white", "red", "green", "blue"),
    places=("road",),
    size=(1.35, 1.55),
    aspect=(1.9, 2.2),
)
def cement_mixer(pen: Pen, colour: RGB, rng: random.Random) -> None:
    """A lorry with a great slanting drum with spiral stripes and a chute."""
    w = pen.w
    pen.rect(0.04 * w, 72, 0.98 * w, 84, STEEL)
    pen.poly([(0.86 * w, 16), (w, 4), (w, 14), (0.95 * w, 24)], STEEL)
    pen.line([(0.92 * w, 28), (0.97 * w, 72)], STEEL, 6)
    body = [
        (0.31 * w, 52),
        (0.36 * w, 28),
        (0.56 * w, 8),
        (0.74 * w, 4),
        (0.94 * w, 14),
        (0.92 * w, 34),
        (0.72 * w, 70),
        (0.42 * w, 74),
        (0.33 * w, 66),
    ]
    pen.poly(body, colour)
    stripe = (250, 250, 250) if sum(colour) < 600 else (220, 60, 40)
    for x0, y0, x1, y1 in ((0.44, 20, 0.5, 71), (0.6, 8, 0.66, 68), (0.76, 6, 0.8, 52)):
        pen.poly([(x0 * w, y0), ((x0 + 0.05) * w, y0 - 4), ((x1 + 0.05) * w, y1 - 2), (x1 * w, y1)], stripe)
    pen.rect(0.33 * w, 66, 0.42 * w, 76, shade(STEEL, 0.7))
    _cab(pen, rng.choice(((60, 90, 150), (190, 40, 40), (70, 74, 84))), 0.26, 24)
    for x in (0.13, 0.66, 0.83):
        wheel(pen, x * w, 86, 14)


@kind(
    "excavator",
    synonyms=("digger", "backhoe"),
    hypernyms=("construction machine", "machine"),
    colours=("yellow", "orange", "red", "green"),
    places=("road", "grass"),
    size=(1.35, 1.6),
    aspect=(1.35, 1.6),
)
def excavator(pen: Pen, colour: RGB, rng: random.Random) -> None:
    """Tracks, a cab, and a bent boom that ends in a toothed bucket."""
    w, dark = pen.w, shade(colour, 0.72)
    reach = rng.choice((0.02, 0.07))
    pen.line([(0.6 * w, 52), (0.38 * w, 8)], colour, 11)
    pen.line([(0.38 * w, 8), ((reach + 0.1) * w, 52)], dark, 9)
    pen.line([(0.52 * w, 46), (0.42 * w, 22)], STEEL, 4)
    pen.poly([(reach * w, 50), ((reach + 0.16) * w, 48), ((reach + 0.18) * w, 70), ((reach + 0.02) * w, 78)], STEEL)
    for i in range(3):
        x = reach + 0.02 + i * 0.05
        pen.poly([(x * w, 74), ((x + 0.03) * w, 73), ((x + 0.01) * w, 84)], (220, 222, 226))
    pen.rect(0.42 * w, 80, 0.98 * w, 100, TYRE, radius=10)
    for x in (0.5, 0.63, 0.77, 0.9):
        pen.circle(x * w, 90, 6, (120, 124, 132))
    pen.rect(0.5 * w, 48, w, 78, colour, radius=5)
    pen.rect(0.5 * w, 22, 0.76 * w, 60, colour, radius=4)
    pen.rect(0.53 * w, 27, 0.72 * w, 50, GLASS, radius=2)
    pen.rect(0.78 * w, 54, 0.96 * w, 60, dark)


@kind(
    "school bus",
    synonyms=("yellow school bus", "schoolbus"),
    hypernyms=("bus", "vehicle", "motor vehicle", "public transport"),
    colours=(),
    places=("road",),
    size=(1.3, 1.5),
    aspect=(2.0, 2.4),
)
def school_bus(pen: Pen, colour: RGB, rng: random.Random) -> None:
    """A yellow bus with a bonnet, black rails, a row of small windows and a stop arm."""
    w, yellow = pen.w, rng.choice(((248, 180, 24), (250, 194, 40)))
    pen.rect(0.18 * w, 4, w - 1, 86, yellow, radius=9)
    pen.rect(1, 46, 0.3 * w, 86, yellow, radius=8)
    pen.rect(0.03 * w, 46, 0.18 * w, 50, shade(yellow, 0.75), radius=2)
    pen.rect(0.19 * w, 16, 0.28 * w, 44, GLASS, radius=3)
    count = rng.choice((5, 6))
    for i in range(count):
        x = 0.32 + i * 0.66 / count
        pen.rect(x * w, 16, (x + 0.66 / count - 0.025) * w, 38, GLASS, radius=2)
    for y in (48, 58, 72):
        pen.rect(0.18 * w, y, w - 1, y + 3.5, TYRE)
    pen.circle(0.36 * w, 66, 9, (214, 28, 34))
    pen.rect(0.34 * w, 64.5, 0.38 * w, 67.5, (250, 250, 250))
    pen.rect(0, 76, 0.1 * w, 88, TYRE)
    pen.circle(7, 62, 6, LAMP)
    pen.rect(0.19 * w, 7, 0.24 * w, 12, (226, 30, 30))
    pen.rect(w - 6, 60, w - 1, 72, TAIL_LAMP)
    for x in (0.17, 0.8):
        wheel(pen, x * w, 86, 14)


@kind(
    "train",
    synonyms=("locomotive", "railway train", "railroad train"),
    hypernyms=("vehicle", "public transport"),
    colours=("red", "blue", "green", "black", "yellow", "white"),
    places=("road", "grass"),
    size=(1.4, 1.6),
    aspect=(2.5, 3.0),
)
def train(pen: Pen, colour: RGB, rng: random.Random) -> None:
    """On rails: a steam engine with its tender, or a fast train with a sloping nose."""
    w = pen.w
    for i in range(14):
        pen.rect((0.01 + i * 0.072) * w, 95, (0.045 + i * 0.072) * w, 100, RAIL)
    pen.rect(0, 92, w, 96, (120, 122, 130))
    if rng.random() < 0.5:
        for x, y, r in ((0.13, 8, 8), (0.2, 6, 6)):
            pen.circle(x * w, y, r, (214, 216, 222))
        pen.poly([(0.07 * w, 12), (0.15 * w, 12), (0.135 * w, 36), (0.085 * w, 36)], TYRE)
        pen.rect(0.03 * w, 34, 0.4 * w, 70, colour, radius=12)
        pen.circle(0.25 * w, 34, 9, (226, 180, 60))
        pen.rect(0.37 * w, 16, 0.58 * w, 78, colour)
        pen.rect(0.35 * w, 10, 0.6 * w, 18, shade(colour, 0.55), radius=3)
        pen.rect(0.42 * w, 26, 0.53 * w, 46, GLASS)
        pen.rect(0.03 * w, 68, 0.58 * w, 78, (190, 30, 36))
        pen.poly([(0, 92), (0.08 * w, 74), (0.08 * w, 92)], STEEL)
        pen.rect(0.63 * w, 40, 0.98 * w, 80, shade(colour, 0.84) if max(colour) > 60 else shade(colour, 1.25))
        pen.poly([(0.66 * w, 40), (0.8 * w, 26), (0.95 * w, 40)], (44, 42, 44))
        for x in (0.15, 0.28, 0.41):
            wheel(pen, x * w, 82, 11)
        for x in (0.52, 0.7, 0.9):
            wheel(pen, x * w, 85, 8)
        pen.line([(0.15 * w, 82), (0.41 * w, 82)], (190, 194, 200), 3.5)
    else:
        pen.poly([(0.01 * w, 74), (0.06 * w, 54), (0.2 * w, 28), (w, 28), (w, 86), (0.04 * w, 86)], colour)
        pen.poly([(0.09 * w, 52), (0.19 * w, 32), (0.25 * w, 32), (0.25 * w, 52)], (48, 60, 76))
        for i in range(6):
            x = 0.29 + i * 0.118
            pen.rect(x * w, 38, (x + 0.09) * w, 54, (48, 60, 76), radius=3)
        pen.rect(0.03 * w, 62, w, 69, (250, 250, 250) if sum(colour) < 600 else (200, 30, 40))
        pen.rect(0.63 * w, 28, 0.645 * w, 86, TYRE)
        pen.rect(0.06 * w, 84, w, 90, STEEL)
        for x in (0.16, 0.26, 0.54, 0.74, 0.92):
            pen.circle(x * w, 88, 6, TYRE)
