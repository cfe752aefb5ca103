"""What stands in kitchens and bathrooms and is plugged in or plumbed in."""

from __future__ import annotations

import random

from drawn_scenes.catalog import kind
from drawn_scenes.drawings.animals import oval, shape, stroke
from drawn_scenes.drawings.fixtures import contrast, edge
from drawn_scenes.pen import RGB, Pen, shade

STEEL: RGB = (170, 176, 184)
BLACK: RGB = (34, 36, 42)
ENAMEL = ("white", "gray", "red", "black", "turquoise", "yellow")


@kind(
    "microwave",
    synonyms=("microwave oven",),
    hypernyms=("kitchen appliance", "appliance"),
    colours=ENAMEL,
    places=("counter",),
    size=(0.28, 0.34),
    aspect=(1.6, 1.8),
)
def microwave(pen: Pen, colour: RGB, rng: random.Random) -> None:
    """A box with a wide dark window, a handle, and a panel with a display and buttons."""
    w = pen.w
    pen.rect(0, 2, w, 96, colour, radius=6)
    for x in (0.1, 0.84):
        pen.rect(x * w, 94, (x + 0.06) * w, 100, BLACK)
    pen.rect(0.05 * w, 14, 0.66 * w, 84, BLACK, radius=5)
    lit: RGB = (250, 214, 110) if rng.random() < 0.4 else (74, 84, 96)
    pen.rect(0.1 * w, 24, 0.61 * w, 74, lit, radius=4)
    pen.rect(0.69 * w, 16, 0.725 * w, 82, edge(colour), radius=2)
    pen.rect(0.77 * w, 14, 0.95 * w, 30, (40, 200, 120))
    for y in (40, 54, 68):
        for x in (0.78, 0.845, 0.91):
            pen.rect(x * w, y, (x + 0.04) * w, y + 8, contrast(colour))


@kind(
    "oven",
    synonyms=("stove", "cooker", "kitchen range"),
    hypernyms=("kitchen appliance", "appliance"),
    colours=ENAMEL,
    places=("floor",),
    size=(0.6, 0.7),
    aspect=(0.8, 0.92),
)
def oven(pen: Pen, colour: RGB, rng: random.Random) -> None:
    """A stove: hob with a pot now and then, a row of knobs, a window and a drawer."""
    w, top = pen.w, 14
    if rng.random() < 0.4:
        pen.rect(0.16 * w, 0, 0.46 * w, 15, (196, 60, 50), radius=3)
        pen.line([(0.46 * w, 5), (0.62 * w, 5)], BLACK, 4)
    pen.rect(0, top, w, 21, BLACK, radius=2)
    pen.rect(0, 20, w, 98, colour, radius=2)
    for x in (0.12, 0.31, 0.5, 0.69, 0.88):
        pen.circle(x * w, 28, 4.5, contrast(colour))
    pen.rect(0.12 * w, 38, 0.88 * w, 42, STEEL if sum(colour) < 650 else (110, 114, 120), radius=2)
    pen.rect(0.1 * w, 46, 0.9 * w, 76, BLACK, radius=4)
    pen.rect(0.17 * w, 51, 0.83 * w, 71, (236, 140, 50) if rng.random() < 0.4 else (84, 92, 102), radius=3)
    pen.rect(0.04 * w, 80, 0.96 * w, 82.5, edge(colour))
    pen.rect(0.3 * w, 86, 0.7 * w, 90, edge(colour), radius=2)
    pen.rect(0.03 * w, 96, 0.97 * w, 100, BLACK)


@kind(
    "toaster",
    synonyms=("bread toaster", "pop-up toaster"),
    hypernyms=("kitchen appliance", "appliance"),
    colours=ENAMEL,
    places=("counter",),
    size=(0.19, 0.24),
    aspect=(1.2, 1.4),
)
def toaster(pen: Pen, colour: RGB, rng: random.Random) -> None:
    """A rounded box with two slices of toast that stick out, a lever and a dial."""
    w = pen.w
    if rng.random() < 0.8:
        for x in (0.16, 0.54):
            pen.rect(x * w, 4, (x + 0.3) * w, 44, (150, 92, 40), radius=10)
            pen.rect((x + 0.04) * w, 10, (x + 0.26) * w, 44, (222, 160, 84), radius=7)
    pen.rect(0, 30, w, 96, colour, radius=20)
    pen.rect(0.1 * w, 31, 0.9 * w, 38, BLACK, radius=3)
    pen.rect(0.12 * w, 58, 0.66 * w, 64, shade(colour, 1.5) if max(colour) < 240 else STEEL, radius=2)
    pen.rect(0.84 * w, 46, 0.88 * w, 80, BLACK)
    pen.rect(0.8 * w, 50, 0.93 * w, 58, contrast(colour), radius=2)
    pen.rect(0.06 * w, 92, 0.94 * w, 100, BLACK, radius=3)


@kind(
    "refrigerator",
    synonyms=("fridge", "freezer", "icebox"),
    hypernyms=("kitchen appliance", "appliance"),
    colours=ENAMEL,
    places=("floor",),
    size=(1.0, 1.15),
    aspect=(0.44, 0.52),
)
def refrigerator(pen: Pen, colour: RGB, rng: random.Random) -> None:
    """A tall cabinet of two doors with long handles; sometimes with notes on it."""
    w, split = pen.w, rng.choice((30, 34, 62))
    pen.rect(0, 0, w, 98, colour, radius=4)
    pen.rect(0, split, w, split + 2, edge(colour))
    for y0, y1 in ((split - 16, split - 4), (split + 6, split + 22)):
        pen.rect(0.1 * w, y0, 0.18 * w, y1, contrast(colour), radius=1.5)
    if rng.random() < 0.5:
        pen.rect(0.48 * w, 10, 0.68 * w, 18, (250, 226, 90))
        pen.rect(0.66 * w, 14, 0.84 * w, 22, (240, 130, 160))
    pen.rect(0.92 * w, 2, w, 96, shade(colour, 0.82) if max(colour) > 60 else edge(colour))
    pen.rect(0.06 * w, 96, 0.94 * w, 100, BLACK)


@kind(
    "sink",
    synonyms=("washbasin", "wash basin", "kitchen sink"),
    hypernyms=("bathroom fixture", "plumbing"),
    colours=("white", "gray", "pink", "turquoise", "blue"),
    places=("floor",),
    size=(0.55, 0.65),
    aspect=(0.8, 0.95),
)
def sink(pen: Pen, colour: RGB, rng: random.Random) -> None:
    """A basin on a column with a bent tap."""
    w, tap = pen.w, (128, 136, 148)
    pen.poly([(0.38 * w, 56), (0.62 * w, 56), (0.7 * w, 100), (0.3 * w, 100)], shade(colour, 0.78))
    pen.line([(0.5 * w, 34), (0.5 * w, 10), (0.34 * w, 6), (0.3 * w, 18)], tap, 7)
    for x in (0.36, 0.66):
        pen.line([(x * w, 34), (x * w, 26)], tap, 6)
        pen.circle(x * w, 25, 5, (214, 60, 50) if x < 0.5 else (50, 110, 220))
    pen.poly([(0, 36), (w, 36), (0.84 * w, 66), (0.16 * w, 66)], colour)
    oval(pen, 0, 28, 100, 48, edge(colour))
    oval(pen, 6, 31, 94, 45, shade(colour, 1.2) if max(colour) < 240 else (214, 228, 238))
    if rng.random() < 0.5:
        stroke(pen, [(30, 20), (30, 38)], (120, 190, 240), 4)


@kind(
    "toilet",
    synonyms=("lavatory", "toilet bowl", "water closet"),
    hypernyms=("bathroom fixture", "plumbing"),
    colours=("white", "pink", "turquoise", "blue", "gray"),
    places=("floor",),
    size=(0.5, 0.6),
    aspect=(0.72, 0.84),
)
def toilet(pen: Pen, colour: RGB, rng: random.Random) -> None:
    """A cistern, a seat whose lid is up or down, and a bowl on its foot, from the side."""
    dark = edge(colour)
    pen.rect(0.66 * pen.w, 4, pen.w, 52, colour, radius=5)
    pen.rect(0.64 * pen.w, 0, pen.w, 9, dark, radius=3)
    pen.rect(0.7 * pen.w, 16, 0.8 * pen.w, 21, (120, 126, 136), radius=2)
    if rng.random() < 0.5:
        stroke(pen, [(66, 48), (58, 14)], shade(colour, 0.86), 9)
    shape(pen, [(0, 52), (92, 52), (88, 70), (70, 84), (72, 100), (28, 100), (34, 84), (10, 72)], colour)
    shape(pen, [(28, 100), (33, 86), (70, 86), (72, 100)], shade(colour, 0.8))
    pen.rect(0, 46, 0.74 * pen.w, 54, dark, radius=4)
