"""What holds drinks and flowers."""

from __future__ import annotations

import random

from drawn_scenes.catalog import kind
from drawn_scenes.drawings.animals import oval, shape, stroke
from drawn_scenes.drawings.fixtures import edge
from drawn_scenes.pen import RGB, Pen, shade

LAID = ("table", "counter")
SILVER: RGB = (206, 210, 218)
HANDLES = ("gray", "red", "blue", "green", "black", "yellow")


@kind(
    "bottle",
    synonyms=("wine bottle", "water bottle", "glass bottle"),
    hypernyms=("container",),
    colours=("green", "brown", "blue", "red", "turquoise"),
    places=LAID,
    size=(0.3, 0.38),
    aspect=(0.3, 0.36),
)
def bottle(pen: Pen, colour: RGB, rng: random.Random) -> None:
    """A tall body with sloping shoulders, a neck, a cap and a label."""
    w = pen.w
    pen.rect(0.34 * w, 4, 0.66 * w, 42, colour, radius=2)
    pen.poly([(0.34 * w, 26), (0.66 * w, 26), (w, 46), (w, 60), (0, 60), (0, 46)], colour)
    pen.rect(0, 44, w, 100, colour, radius=5)
    pen.rect(0.28 * w, 0, 0.72 * w, 10, shade(colour, 0.5), radius=2)
    if rng.random() < 0.8:
        pen.rect(0, 58, w, 84, (246, 240, 224))
        pen.rect(0.2 * w, 64, 0.8 * w, 69, shade(colour, 0.7))
        pen.rect(0.3 * w, 73, 0.7 * w, 76, (120, 110, 100))
    pen.rect(0.1 * w, 46, 0.24 * w, 57, shade(colour, 1.6), radius=2)


@kind(
    "wine glass",
    synonyms=("goblet", "stemmed glass"),
    hypernyms=("glass", "tableware"),
    colours=("red", "yellow", "pink", "purple"),
    places=LAID,
    size=(0.24, 0.3),
    aspect=(0.46, 0.54),
)
def wine_glass(pen: Pen, colour: RGB, rng: random.Random) -> None:
    """A bowl of coloured wine on a stem with a foot."""
    w, glass = pen.w, (220, 234, 242)
    pen.rect(0.45 * w, 50, 0.55 * w, 96, (196, 214, 226))
    pen.ellipse(0.14 * w, 91, 0.86 * w, 100, (196, 214, 226))
    pen.poly([(0.08 * w, 2), (0.92 * w, 2), (w, 34), (0.72 * w, 58), (0.28 * w, 58), (0, 34)], glass)
    level = rng.choice((18, 28))
    pen.poly(
        [(0.05 * w, level), (0.95 * w, level), (0.96 * w, 34), (0.7 * w, 56), (0.3 * w, 56), (0.04 * w, 34)], colour
    )
    pen.rect(0.18 * w, 8, 0.26 * w, 34, (250, 252, 254), radius=2)


@kind(
    "teapot",
    synonyms=("tea kettle", "kettle"),
    hypernyms=("tableware", "kitchenware"),
    places=LAID,
    size=(0.22, 0.28),
    aspect=(1.3, 1.5),
)
def teapot(pen: Pen, colour: RGB, rng: random.Random) -> None:
    """A round pot with a spout, a bent handle and a knobbed lid."""
    w, dark = pen.w, edge(colour)
    pen.ring(0.83 * w, 52, 24, dark, 9)
    shape(pen, [(30, 66), (14, 30), (2, 24), (4, 16), (22, 24), (36, 46)], dark)
    oval(pen, 18, 22, 84, 98, colour)
    pen.rect(0.34 * w, 92, 0.68 * w, 100, dark, radius=3)
    pen.pie(0.51 * w, 30, 0.2 * w, 180, 360, shade(colour, 0.85))
    pen.circle(0.51 * w, 7, 7, dark)
    if rng.random() < 0.5:
        for x in (34, 51, 68):
            pen.circle(x * w / 100, 62, 7, shade(colour, 1.6))
    stroke(pen, [(28, 46), (36, 36)], shade(colour, 1.6), 6)


@kind(
    "vase",
    synonyms=("flower vase", "vase of flowers"),
    hypernyms=("decoration", "container"),
    places=("table", "counter"),
    size=(0.34, 0.42),
    aspect=(0.46, 0.56),
)
def vase(pen: Pen, colour: RGB, rng: random.Random) -> None:
    """A bellied vase with a narrow neck, patterned, with or without a few stalks."""
    w, top = pen.w, 34
    if rng.random() < 0.75:
        tones: tuple[RGB, ...] = ((226, 60, 80), (250, 210, 60), (240, 240, 240), (170, 90, 200))
        for x, y in ((24, 14), (50, 8), (76, 14)):
            stroke(pen, [(50, 44), (x, y)], (56, 140, 60), 3)
            pen.circle(x * w / 100, y, 8, rng.choice(tones))
    else:
        top = 10
    pen.rect(0.28 * w, top, 0.72 * w, top + 7, shade(colour, 0.7), radius=3)
    pen.rect(0.36 * w, top + 4, 0.64 * w, 60, colour)
    pen.ellipse(0.04 * w, top + 14, 0.96 * w, 96, colour)
    pen.rect(0.28 * w, 90, 0.72 * w, 100, edge(colour), radius=2)
    pen.rect(0.09 * w, 62, 0.91 * w, 68, shade(colour, 1.5))
    pen.rect(0.13 * w, 75, 0.87 * w, 79, edge(colour))
