"""Vehicles with a calling, heading left: tractors, trams and ambulances."""

from __future__ import annotations

import random

from drawn_scenes.catalog import kind
from drawn_scenes.drawings.vehicles import GLASS, LAMP, STEEL, TYRE, van_body, wheel
from drawn_scenes.pen import RGB, Pen, shade


@kind(
    "tractor",
    synonyms=("farm tractor", "agricultural tractor"),
    hypernyms=("vehicle", "farm machine"),
    places=("road", "grass"),
    size=(1.15, 1.35),
    aspect=(1.25, 1.45),
)
def tractor(pen: Pen, colour: RGB, rng: random.Random) -> None:
    """A huge back wheel, a small front wheel, a bonnet with its chimney, and a cab or a canopy."""
    w = pen.w
    pen.rect(0.2 * w, 14, 0.2 * w + 6, 46, STEEL)
    pen.rect(0.04 * w, 40, 0.56 * w, 70, colour, radius=6)
    pen.rect(0.08 * w, 66, 0.6 * w, 80, STEEL)
    pen.rect(0.06 * w, 46, 0.11 * w, 66, shade(colour, 0.5))
    for y in (50, 58):
        pen.line([(0.18 * w, y), (0.36 * w, y)], shade(colour, 0.6), 3)
    if rng.random() < 0.6:
        pen.poly([(0.46 * w, 48), (0.5 * w, 6), (0.88 * w, 6), (0.9 * w, 60), (0.46 * w, 60)], colour)
        pen.poly([(0.5 * w, 45), (0.54 * w, 12), (0.67 * w, 12), (0.67 * w, 45)], GLASS)
        pen.rect(0.71 * w, 12, 0.84 * w, 40, GLASS)
    else:
        for x in (0.5, 0.84):
            pen.line([(x * w, 6), (x * w, 52)], STEEL, 5)
        pen.rect(0.62 * w, 42, 0.82 * w, 52, TYRE, radius=3)
        pen.line([(0.54 * w, 40), (0.5 * w, 28)], TYRE, 4)
    pen.rect(0.45 * w, 1, 0.92 * w, 9, shade(colour, 0.75), radius=3)
    pen.pie(0.72 * w, 70, 35, 190, 350, colour)
    rim = rng.choice(((246, 206, 50), (226, 226, 220)))
    for x, r in ((0.72 * w, 30), (0.17 * w, 18)):
        wheel(pen, x, 100 - r, r)
        pen.circle(x, 100 - r, r * 0.52, rim)
        pen.circle(x, 100 - r, r * 0.18, STEEL)


@kind(
    "tram",
    synonyms=("streetcar", "tramcar", "trolley car"),
    hypernyms=("vehicle", "public transport"),
    places=("road",),
    size=(1.5, 1.7),
    aspect=(2.2, 2.7),
)
def tram(pen: Pen, colour: RGB, rng: random.Random) -> None:
    """A pantograph, two sloping ends, big windows and hidden wheels; old or modern."""
    w = pen.w
    modern = rng.random() < 0.6
    pen.line([(0.36 * w, 24), (0.45 * w, 12), (0.36 * w, 3)], TYRE, 4)
    pen.line([(0.27 * w, 3), (0.47 * w, 3)], TYRE, 5)
    for x in (0.2, 0.32, 0.68, 0.8):
        pen.circle(x * w, 92, 8, TYRE)
    lean = 0.06 if modern else 0.015
    pen.poly([(0, 62), (lean * w, 22), ((1 - lean) * w, 22), (w, 62), (w, 84), (0, 84)], colour)
    pen.rect(0, 78, w, 91, shade(colour, 0.65), radius=4)
    pen.rect(lean * w, 18, (1 - lean) * w, 25, shade(colour, 0.6), radius=3)
    pen.poly([(0.02 * w, 58), ((lean + 0.015) * w, 31), (0.1 * w, 31), (0.1 * w, 58)], GLASS)
    pen.poly([(0.98 * w, 58), ((0.985 - lean) * w, 31), (0.9 * w, 31), (0.9 * w, 58)], GLASS)
    for x in (0.13, 0.25, 0.37, 0.54, 0.66, 0.78):
        door = x in (0.25, 0.66)
        pen.rect(x * w, 31, (x + 0.09) * w, 78 if door else 58, shade(GLASS, 0.8) if door else GLASS)
    if modern:
        pen.rect(0.48 * w, 22, 0.52 * w, 90, TYRE)
    else:
        pen.rect(0, 64, w, 69, (244, 232, 190))
    pen.circle(6, 72, 5, LAMP)
    pen.line([(0, 98), (w, 98)], STEEL, 3)


@kind(
    "ambulance",
    synonyms=("emergency ambulance", "rescue ambulance"),
    hypernyms=("vehicle", "emergency vehicle"),
    colours=(),
    places=("road",),
    size=(1.15, 1.3),
    aspect=(1.75, 2.0),
)
def ambulance(pen: Pen, colour: RGB, rng: random.Random) -> None:
    """A white van with a red cross, a red stripe and blue lights."""
    w = pen.w
    red: RGB = (214, 24, 34)
    blue: RGB = (30, 90, 240)
    van_body(pen, (250, 250, 250), (206, 208, 212))
    pen.rect(0.36 * w, 0, 0.5 * w, 8, blue, radius=3)
    if rng.random() < 0.5:
        pen.rect(0.86 * w, 0, 0.96 * w, 6, blue, radius=3)
    stripe = rng.choice((red, (240, 120, 20)))
    pen.rect(0.04 * w, 64, w - 2, 73, stripe)
    cx, cy = 0.72 * w, 35
    pen.rect(cx - 20, cy - 7, cx + 20, cy + 7, red)
    pen.rect(cx - 7, cy - 20, cx + 7, cy + 20, red)
