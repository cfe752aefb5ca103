"""What people carry, pack and fill."""

from __future__ import annotations

import math
import random

from drawn_scenes.catalog import kind
from drawn_scenes.pen import RGB, Pen, shade

STEEL: RGB = (150, 154, 162)
DARK: RGB = (52, 50, 54)
WOOD: RGB = (128, 80, 40)


def _canopy(pen: Pen, cy: float, panels: tuple[RGB, ...], scallop: float) -> None:
    """A dome over the whole width, cut into panels by curved ribs, its hem scalloped."""
    cx, rx, ry, n = pen.w / 2, pen.w / 2, cy - 5, len(panels)
    angles = [math.pi / 2 * i / 8 for i in range(9)]
    for i, tone in enumerate(panels):
        k0, k1 = (-math.cos(math.pi * j / n) for j in (i, i + 1))
        down = [(cx + k0 * rx * math.sin(a), cy - ry * math.cos(a)) for a in angles]
        up = [(cx + k1 * rx * math.sin(a), cy - ry * math.cos(a)) for a in reversed(angles)]
        x0, x1 = cx + k0 * rx, cx + k1 * rx
        hem = [(x0 + (x1 - x0) * t, cy - scallop * math.sin(math.pi * t)) for t in (0.25, 0.5, 0.75)]
        pen.poly([*down, *hem, *up], tone)


@kind(
    "umbrella",
    synonyms=("parasol", "sunshade", "brolly"),
    hypernyms=("accessory",),
    places=("sidewalk", "grass"),
    size=(0.75, 1.0),
    aspect=(0.98, 1.12),
)
def umbrella(pen: Pen, colour: RGB, rng: random.Random) -> None:
    """An open umbrella with a crooked handle, or a striped parasol on a pole."""
    cx, dark = pen.w / 2, shade(colour, 0.72)
    parasol = rng.random() < 0.4
    pen.line([(cx, 2), (cx, 98 if parasol else 90)], DARK if not parasol else WOOD, 5)
    if parasol:
        pen.rect(cx - 14, 95, cx + 14, 100, STEEL, radius=2)
        pale = rng.choice((shade(colour, 1.75), dark))
        _canopy(pen, 48, (colour, pale, colour, pale, colour), 3)
    else:
        pen.arc(cx + 8, 89, 11, 0, 180, WOOD, 6)
        _canopy(pen, 54, rng.choice(((colour, dark, colour, dark), (dark, colour, colour, dark))), 8)
    pen.circle(cx, 4, 3.5, DARK)


def _trolley(pen: Pen, colour: RGB) -> None:
    """An upright case on castors with its handle pulled out."""
    w = pen.w
    for x in (w * 0.32, w * 0.68):
        pen.line([(x, 4), (x, 30)], STEEL, 5)
    pen.rect(w * 0.26, 0, w * 0.74, 8, DARK, radius=3)
    for x in (w * 0.2, w * 0.8):
        pen.circle(x, 93, 7, DARK)
    pen.rect(0, 26, w, 91, colour, radius=9)
    for x in (0.25, 0.5, 0.75):
        pen.rect(w * x - 2, 32, w * x + 2, 85, shade(colour, 0.7), radius=2)


def _travel_case(pen: Pen, colour: RGB) -> None:
    """A wide hand-held case with straps and corner caps."""
    w = pen.w
    pen.rect(w * 0.34, 0, w * 0.66, 40, DARK, radius=10)
    pen.hole(w * 0.34 + 8, 9, w * 0.66 - 8, 24)
    pen.rect(0, 22, w, 100, colour, radius=9)
    pen.rect(0, 58, w, 62, shade(colour, 0.6))
    for x in (w * 0.22, w * 0.78):
        pen.rect(x - 5, 22, x + 5, 100, shade(colour, 0.62))
        pen.rect(x - 7, 54, x + 7, 68, (232, 200, 96), radius=2)


@kind(
    "suitcase",
    synonyms=("travel case", "trolley case", "roller bag"),
    hypernyms=("luggage", "baggage", "bag"),
    places=("sidewalk", "grass"),
    size=(0.5, 0.6),
    aspect=(0.52, 1.25),
)
def suitcase(pen: Pen, colour: RGB, rng: random.Random) -> None:
    """An upright trolley case if the sprite is narrow, else a wide case with a top handle."""
    if pen.w < 88:
        _trolley(pen, colour)
    else:
        _travel_case(pen, colour)


@kind(
    "backpack",
    synonyms=("rucksack", "knapsack", "schoolbag"),
    hypernyms=("luggage", "baggage", "bag"),
    places=("sidewalk", "grass"),
    size=(0.45, 0.55),
    aspect=(0.8, 0.9),
)
def backpack(pen: Pen, colour: RGB, rng: random.Random) -> None:
    """A rucksack from the front: lid, big pocket, side pockets, straps."""
    w, cx, dark = pen.w, pen.w / 2, shade(colour, 0.66)
    pen.ring(cx, 11, 11, DARK, 6)
    for x0, x1 in ((0, w * 0.24), (w * 0.76, w)):
        pen.rect(x0, 52, x1, 94, dark, radius=8)
    pen.rect(w * 0.1, 9, w * 0.9, 100, colour, radius=24)
    pen.rect(w * 0.1, 70, w * 0.9, 100, colour, radius=8)
    pen.arc(cx, 44, w * 0.32, 190, 350, DARK, 3.5)
    pen.rect(w * 0.22, 54, w * 0.78, 93, dark, radius=8)
    pen.rect(w * 0.22, 60, w * 0.78, 64, shade(colour, 1.5))
    if rng.random() < 0.5:
        for x in (w * 0.3, w * 0.7):
            pen.rect(x - 3, 40, x + 3, 72, (226, 196, 120))
    else:
        pen.rect(cx - 3, 60, cx + 3, 74, (232, 232, 226), radius=2)


@kind(
    "handbag",
    synonyms=("purse", "shoulder bag", "tote"),
    hypernyms=("bag", "accessory"),
    places=("sidewalk", "grass"),
    size=(0.35, 0.42),
    aspect=(1.0, 1.15),
)
def handbag(pen: Pen, colour: RGB, rng: random.Random) -> None:
    """A lady's bag with an arched handle, a flap and a clasp."""
    w, cx, gold = pen.w, pen.w / 2, (240, 204, 90)
    pen.arc(cx, 36, 35, 180, 360, shade(colour, 0.6), 8)
    for x in (cx - 31, cx + 31):
        pen.rect(x - 4, 34, x + 4, 46, shade(colour, 0.6))
    if rng.random() < 0.5:
        pen.poly([(w * 0.13, 42), (w * 0.87, 42), (w, 96), (w - 4, 100), (4, 100), (0, 96)], colour)
        flap = [(w * 0.13, 42), (w * 0.87, 42), (w * 0.8, 62), (cx, 72), (w * 0.2, 62)]
        pen.poly(flap, shade(colour, 0.72))
    else:
        pen.rect(0, 42, w, 100, colour, radius=18)
        pen.rect(0, 42, w, 66, shade(colour, 0.75), radius=12)
    pen.rect(cx - 7, 60, cx + 7, 76, gold, radius=3)
