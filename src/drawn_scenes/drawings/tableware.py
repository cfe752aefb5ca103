"""What one eats and drinks from and with."""

from __future__ import annotations

import random

from drawn_scenes.catalog import kind
from drawn_scenes.drawings.animals import oval
from drawn_scenes.drawings.fixtures import edge
from drawn_scenes.pen import RGB, Pen, shade

LAID = ("table", "counter")
SILVER: RGB = (206, 210, 218)
HANDLES = ("gray", "red", "blue", "green", "black", "yellow")


@kind(
    "fork",
    synonyms=("dinner fork", "table fork"),
    hypernyms=("cutlery", "tableware"),
    colours=(),
    places=("table",),
    size=(0.24, 0.3),
    aspect=(0.24, 0.28),
)
def fork(pen: Pen, colour: RGB, rng: random.Random) -> None:
    """Four tines on a long handle, seen from above."""
    w = pen.w
    metal = rng.choice((SILVER, (182, 188, 198)))
    for i in range(4):
        x = (0.02 + i * 0.27) * w
        pen.rect(x, 0, x + 0.15 * w, 34, metal, radius=1.5)
    pen.rect(0.02 * w, 26, 0.98 * w, 44, metal, radius=6)
    pen.poly([(0.1 * w, 40), (0.9 * w, 40), (0.62 * w, 54), (0.38 * w, 54)], metal)
    pen.poly([(0.4 * w, 48), (0.6 * w, 48), (0.74 * w, 98), (0.26 * w, 98)], metal)
    pen.line([(0.5 * w, 60), (0.5 * w, 94)], shade(metal, 0.7), 2)


@kind(
    "spoon",
    synonyms=("tablespoon", "teaspoon", "soup spoon"),
    hypernyms=("cutlery", "tableware"),
    colours=(),
    places=("table",),
    size=(0.24, 0.3),
    aspect=(0.24, 0.28),
)
def spoon(pen: Pen, colour: RGB, rng: random.Random) -> None:
    """An oval bowl on a long handle, of metal or wood."""
    w = pen.w
    metal: RGB = rng.choice((SILVER, SILVER, (182, 126, 72)))
    pen.poly([(0.42 * w, 34), (0.58 * w, 34), (0.74 * w, 98), (0.26 * w, 98)], metal)
    pen.ellipse(0, 0, w, 42, metal)
    pen.ellipse(0.16 * w, 5, 0.84 * w, 35, shade(metal, 0.78))
    pen.ellipse(0.24 * w, 8, 0.5 * w, 22, shade(metal, 1.5))


@kind(
    "knife",
    synonyms=("kitchen knife", "carving knife", "table knife"),
    hypernyms=("cutlery", "tool"),
    colours=HANDLES,
    places=LAID,
    size=(0.1, 0.13),
    aspect=(3.2, 3.8),
)
def knife(pen: Pen, colour: RGB, rng: random.Random) -> None:
    """A bright pointed blade with a coloured handle."""
    w = pen.w
    pen.poly([(0, 40), (0.12 * w, 14), (0.62 * w, 14), (0.62 * w, 82), (0.3 * w, 82)], (214, 218, 226))
    pen.poly([(0, 40), (0.14 * w, 58), (0.62 * w, 64), (0.62 * w, 82), (0.3 * w, 82)], (240, 244, 248))
    pen.rect(0.6 * w, 8, 0.64 * w, 90, (130, 134, 142))
    pen.rect(0.63 * w, 12, w, 76, colour, radius=26)
    for x in (0.72, 0.9):
        pen.circle(x * w, 44, 10, (240, 240, 236) if sum(colour) < 500 else (60, 60, 66))


@kind(
    "bowl",
    synonyms=("soup bowl", "mixing bowl", "salad bowl"),
    hypernyms=("dish", "tableware"),
    places=LAID,
    size=(0.15, 0.2),
    aspect=(1.7, 2.0),
)
def bowl(pen: Pen, colour: RGB, rng: random.Random) -> None:
    """A half round with an open rim; empty, or full of salad or soup."""
    w = pen.w
    pen.poly([(0, 26), (w, 26), (0.9 * w, 66), (0.7 * w, 94), (0.3 * w, 94), (0.1 * w, 66)], colour)
    pen.rect(0.32 * w, 88, 0.68 * w, 100, shade(colour, 0.7), radius=3)
    oval(pen, 0, 6, 100, 48, edge(colour))
    style = rng.choice(("empty", "soup", "salad"))
    oval(pen, 5, 10, 95, 42, {"empty": shade(colour, 1.4), "soup": (226, 116, 40), "salad": (70, 150, 56)}[style])
    if style == "salad":
        for x, tone in ((22, (96, 184, 70)), (40, (222, 60, 46)), (58, (120, 196, 84)), (76, (250, 206, 70))):
            pen.circle(x * w / 100, 18, 14, tone)


@kind(
    "cup",
    synonyms=("mug", "coffee mug", "teacup"),
    hypernyms=("tableware", "drinking vessel"),
    places=LAID,
    size=(0.16, 0.21),
    aspect=(1.0, 1.2),
)
def cup(pen: Pen, colour: RGB, rng: random.Random) -> None:
    """A straight mug or a tapering cup with its handle; sometimes on a saucer."""
    w = pen.w
    saucer = rng.random() < 0.4
    foot = 92 if saucer else 100
    if saucer:
        oval(pen, 0, 84, 90, 100, shade(colour, 0.8))
    pen.ring(0.7 * w, 48, 26, shade(colour, 0.8), 9)
    lean = rng.choice((0.0, 0.1)) * w
    pen.poly([(0.04 * w, 14), (0.76 * w, 14), (0.76 * w - lean, foot), (0.04 * w + lean, foot)], colour)
    pen.ellipse(0.04 * w, 2, 0.76 * w, 26, edge(colour))
    pen.ellipse(0.09 * w, 6, 0.71 * w, 23, (96, 56, 30))
    if rng.random() < 0.3:
        pen.rect(0.07 * w + lean, 50, 0.73 * w - lean, 64, shade(colour, 1.6))
