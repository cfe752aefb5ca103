"""What is baked, for tables and worktops."""

from __future__ import annotations

import math
import random

from drawn_scenes.catalog import kind
from drawn_scenes.drawings.animals import oval, shape, stroke
from drawn_scenes.pen import RGB, Pen, shade

LAID = ("table", "counter")
CRUST: RGB = (206, 146, 70)
CREAM: RGB = (252, 240, 222)
LEAF: RGB = (58, 150, 52)


@kind(
    "sandwich",
    synonyms=("toasted sandwich", "sub", "club sandwich"),
    hypernyms=("snack", "food"),
    colours=(),
    places=LAID,
    size=(0.16, 0.2),
    aspect=(1.35, 1.6),
)
def sandwich(pen: Pen, colour: RGB, rng: random.Random) -> None:
    """Bread, lettuce, tomato and cheese: a triangle cut, or two slices from the side."""
    fill: tuple[RGB, ...] = ((92, 176, 60), (222, 58, 44), (250, 204, 60))
    if rng.random() < 0.5:
        shape(pen, [(2, 70), (50, 2), (98, 70)], (248, 226, 178))
        stroke(pen, [(3, 68), (50, 4), (97, 68)], CRUST, 7)
        top = 70
    else:
        pen.rect(0.02 * pen.w, 8, 0.98 * pen.w, 52, (226, 172, 96), radius=20)
        pen.rect(0.02 * pen.w, 40, 0.98 * pen.w, 52, (248, 226, 178))
        top = 52
    for i, tone in enumerate(fill):
        pen.rect(0, top + i * 7, pen.w, top + 8 + i * 7, tone, radius=3)
    for x in (8, 28, 48, 68, 88):
        pen.circle(x * pen.w / 100, top + 3, 7, fill[0])
    pen.rect(0.02 * pen.w, top + 21, 0.98 * pen.w, min(100, top + 42), (238, 196, 128), radius=4)


@kind(
    "pizza",
    synonyms=("pizza pie", "slice of pizza"),
    hypernyms=("food", "meal"),
    colours=(),
    places=LAID,
    size=(0.2, 0.26),
    aspect=(1.15, 1.35),
)
def pizza(pen: Pen, colour: RGB, rng: random.Random) -> None:
    """A whole pizza seen at an angle, or a wedge with its crust on top."""
    cheese: RGB = (250, 206, 84)
    if rng.random() < 0.6:
        oval(pen, 0, 2, 100, 98, CRUST)
        oval(pen, 7, 9, 93, 89, (206, 52, 30))
        oval(pen, 9, 11, 91, 85, cheese)
        spots = [(30, 30), (60, 24), (76, 50), (52, 54), (26, 60), (52, 78), (42, 42)]
    else:
        shape(pen, [(4, 22), (96, 22), (52, 100)], cheese)
        pen.rect(0, 4, pen.w, 26, CRUST, radius=11)
        spots = [(28, 40), (66, 38), (50, 62)]
    for x, y in spots:
        oval(pen, x - 8, y - 9, x + 8, y + 9, (190, 40, 30))
        oval(pen, x - 5, y - 6, x + 3, y + 2, (222, 84, 60))
    for x, y in spots[:3]:
        stroke(pen, [(x + 9, y + 8), (x + 14, y + 12)], LEAF, 6)


@kind(
    "doughnut",
    synonyms=("donut", "ring doughnut"),
    hypernyms=("dessert", "snack", "food"),
    colours=("pink", "brown", "white", "turquoise"),
    places=LAID,
    size=(0.13, 0.17),
    aspect=(1.15, 1.3),
)
def doughnut(pen: Pen, colour: RGB, rng: random.Random) -> None:
    """A ring of dough under icing with sprinkles."""
    oval(pen, 0, 6, 100, 100, CRUST)
    oval(pen, 3, 2, 97, 84, colour)
    for drip in (12, 30, 50, 70, 88):
        oval(pen, drip - 10, 60, drip + 10, 84 + (drip % 20), colour)
    oval(pen, 34, 30, 66, 58, shade(CRUST, 0.6))
    tones: tuple[RGB, ...] = ((250, 230, 60), (60, 150, 230), (230, 50, 60), (250, 250, 250))
    for i in range(11):
        a = 2 * math.pi * i / 11 + 0.3
        x, y = 50 + 33 * math.cos(a), 42 + 28 * math.sin(a)
        stroke(pen, [(x, y), (x + rng.uniform(-5, 5), y + 6)], tones[i % 4], 5)


@kind(
    "cake",
    synonyms=("birthday cake", "layer cake", "gateau"),
    hypernyms=("dessert", "food"),
    colours=("pink", "white", "brown", "blue", "yellow"),
    places=LAID,
    size=(0.26, 0.34),
    aspect=(1.0, 1.2),
)
def cake(pen: Pen, colour: RGB, rng: random.Random) -> None:
    """A round cake of two layers on a plate, with dripping icing and candles or cherries."""
    w = pen.w
    oval(pen, 0, 84, 100, 100, (226, 228, 232))
    pen.rect(0.08 * w, 40, 0.92 * w, 92, colour, radius=8)
    oval(pen, 8, 30, 92, 54, shade(colour, 1.25))
    pen.rect(0.08 * w, 66, 0.92 * w, 74, CREAM)
    icing: RGB = (252, 250, 244) if sum(colour) < 650 else (240, 132, 170)
    for x in (14, 29, 43, 58, 72, 86):
        pen.rect((x - 7) * w / 100, 42, (x + 7) * w / 100, 52 + (x * 7) % 14, icing, radius=6)
    oval(pen, 8, 30, 92, 50, icing)
    if rng.random() < 0.6:
        for x, tone in ((28, (60, 130, 220)), (50, (230, 60, 70)), (72, (70, 180, 80))):
            pen.rect((x - 2.5) * w / 100, 14, (x + 2.5) * w / 100, 40, tone)
            oval(pen, x - 4, 0, x + 4, 15, (255, 190, 40))
    else:
        for x in (22, 40, 60, 78):
            pen.circle(x * w / 100, 32, 8, (206, 24, 44))
