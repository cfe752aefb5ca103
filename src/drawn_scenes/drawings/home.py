"""What furnishes a room, and what hangs or sits in it."""

from __future__ import annotations

import random

from drawn_scenes.catalog import kind
from drawn_scenes.drawings.animals import oval, shape
from drawn_scenes.drawings.fixtures import contrast, edge
from drawn_scenes.pen import RGB, Pen, shade

WOOD: RGB = (130, 84, 46)
DARK_WOOD: RGB = (84, 54, 32)
EYE: RGB = (28, 24, 24)


@kind(
    "couch",
    synonyms=("sofa", "settee", "loveseat"),
    hypernyms=("furniture", "seat"),
    places=("floor",),
    size=(0.5, 0.6),
    aspect=(1.9, 2.3),
)
def couch(pen: Pen, colour: RGB, rng: random.Random) -> None:
    """A wide upholstered seat with two or three cushions and round arms; sometimes with pillows."""
    w, dark = pen.w, edge(colour)
    for x in (0.06, 0.9):
        pen.rect(x * w, 88, (x + 0.04) * w, 100, DARK_WOOD)
    pen.rect(0.06 * w, 2, 0.94 * w, 80, colour, radius=14)
    count = rng.choice((2, 3))
    step = 0.76 / count
    for i in range(count):
        x0, x1 = (0.12 + i * step) * w + 1.5, (0.12 + (i + 1) * step) * w - 1.5
        pen.rect(x0, 12, x1, 56, shade(colour, 1.12), radius=6)
        pen.rect(x0, 52, x1, 72, shade(colour, 1.3), radius=6)
    pen.rect(0.1 * w, 70, 0.9 * w, 92, dark, radius=3)
    if rng.random() < 0.4:
        pen.rect(0.16 * w, 26, 0.3 * w, 56, contrast(colour), radius=6)
    for x0, x1 in ((0, 0.13), (0.87, 1)):
        pen.rect(x0 * w, 34, x1 * w, 92, shade(colour, 0.84) if max(colour) > 60 else dark, radius=10)


@kind(
    "bed",
    synonyms=("double bed", "single bed"),
    hypernyms=("furniture",),
    places=("floor",),
    size=(0.5, 0.6),
    aspect=(1.8, 2.2),
)
def bed(pen: Pen, colour: RGB, rng: random.Random) -> None:
    """From the side: a high headboard, a low footboard, a mattress, a pillow and a coloured blanket."""
    w, wood = pen.w, rng.choice((WOOD, DARK_WOOD, (196, 198, 204)))
    pen.rect(0, 2, 0.06 * w, 100, wood, radius=3)
    pen.rect(0.94 * w, 34, w, 100, wood, radius=3)
    pen.rect(0.04 * w, 70, 0.96 * w, 84, wood)
    pen.rect(0.05 * w, 48, 0.95 * w, 74, (244, 244, 248), radius=5)
    pen.rect(0.07 * w, 26, 0.28 * w, 52, (252, 252, 252), radius=10)
    pen.rect(0.09 * w, 44, 0.27 * w, 50, (206, 210, 222), radius=3)
    pen.poly([(0.24 * w, 44), (0.34 * w, 34), (0.95 * w, 38), (0.95 * w, 82), (0.24 * w, 82)], colour)
    pen.poly([(0.24 * w, 44), (0.34 * w, 34), (0.42 * w, 35), (0.34 * w, 82), (0.24 * w, 82)], shade(colour, 1.5))
    for x in (0.52, 0.68, 0.84):
        pen.line([(x * w, 40), (x * w, 80)], edge(colour), 2)


@kind(
    "stool",
    synonyms=("bar stool", "footstool"),
    hypernyms=("chair", "furniture", "seat"),
    places=("floor", "sidewalk"),
    size=(0.45, 0.55),
    aspect=(0.55, 0.7),
)
def stool(pen: Pen, colour: RGB, rng: random.Random) -> None:
    """A round cushion on four splayed legs with a ring, without a back."""
    w, leg = pen.w, rng.choice((WOOD, (120, 124, 132)))
    for top, foot in ((0.3, 0.2), (0.7, 0.8)):
        pen.line([(top * w, 20), (foot * w, 94)], shade(leg, 0.7), 6)
    pen.rect(0.12 * w, 58, 0.88 * w, 64, leg)
    for top, foot in ((0.2, 0.05), (0.8, 0.95)):
        pen.line([(top * w, 20), (foot * w, 97)], leg, 7)
    pen.ellipse(0, 6, w, 32, edge(colour))
    pen.ellipse(0, 0, w, 24, colour)
    pen.ellipse(0.2 * w, 4, 0.6 * w, 13, shade(colour, 1.4))


@kind(
    "teddy bear",
    synonyms=("teddy", "stuffed bear", "plush bear"),
    hypernyms=("soft toy", "toy"),
    colours=("brown", "pink", "white", "yellow", "blue"),
    places=("floor", "table"),
    size=(0.32, 0.4),
    aspect=(0.74, 0.84),
)
def teddy_bear(pen: Pen, colour: RGB, rng: random.Random) -> None:
    """A sitting plush bear from the front: round ears, pale snout, belly and soles, a bow."""
    pale = shade(colour, 1.55) if sum(colour) < 660 else (222, 210, 196)
    for x in (14, 86):
        oval(pen, x - 14, 46, x + 14, 80, shade(colour, 0.88))
    oval(pen, 16, 40, 84, 98, colour)
    oval(pen, 30, 52, 70, 92, pale)
    for x in (20, 80):
        oval(pen, x - 20, 74, x + 18, 100, shade(colour, 0.85))
        oval(pen, x - 10, 80, x + 10, 98, pale)
        oval(pen, x - 14, 0, x + 14, 22, shade(colour, 0.88))
        oval(pen, x - 7, 5, x + 7, 18, pale)
    oval(pen, 16, 2, 84, 52, colour)
    oval(pen, 34, 24, 66, 48, pale)
    oval(pen, 44, 25, 56, 34, EYE)
    for x in (32, 68):
        pen.circle(x * pen.w / 100, 20, 4, EYE)
    bow: RGB = rng.choice(((220, 40, 50), (40, 90, 210), (60, 160, 80)))
    for side in (-1, 1):
        shape(pen, [(50, 54), (50 + side * 20, 47), (50 + side * 20, 62)], bow)
    pen.circle(0.5 * pen.w, 54, 5, shade(bow, 0.75))


@kind(
    "tie",
    synonyms=("necktie", "cravat", "neck tie"),
    hypernyms=("clothing", "accessory"),
    places=("wall",),
    size=(0.42, 0.5),
    aspect=(0.3, 0.38),
)
def tie(pen: Pen, colour: RGB, rng: random.Random) -> None:
    """A knotted tie that hangs from a hook: plain, striped or dotted."""
    w, mark = pen.w, contrast(colour)
    pen.line([(0.2 * w, 8), (0.5 * w, 2), (0.8 * w, 8)], edge(colour), 6)
    body = [(0.36 * w, 22), (0.64 * w, 22), (w, 82), (0.5 * w, 100), (0, 82)]
    pen.poly(body, colour)
    style = rng.choice(("plain", "stripes", "dots"))
    if style == "stripes":
        for y, half in ((36, 0.2), (52, 0.3), (68, 0.4)):
            pen.line([((0.5 - half) * w, y + 7), ((0.5 + half) * w, y - 5)], mark, 4.5)
    elif style == "dots":
        for x, y in ((0.5, 36), (0.36, 52), (0.64, 52), (0.26, 70), (0.5, 68), (0.74, 70), (0.5, 86)):
            pen.circle(x * w, y, 2.8, mark)
    pen.poly([(0.18 * w, 5), (0.82 * w, 5), (0.66 * w, 24), (0.34 * w, 24)], edge(colour))
