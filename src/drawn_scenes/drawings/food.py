"""What lies on tables and worktops to be eaten."""

from __future__ import annotations

import math
import random

from drawn_scenes.catalog import kind
from drawn_scenes.drawings.animals import shape, stroke
from drawn_scenes.pen import RGB, Pen, shade

LAID = ("table", "counter")
CRUST: RGB = (206, 146, 70)
CREAM: RGB = (252, 240, 222)
LEAF: RGB = (58, 150, 52)


@kind(
    "banana",
    synonyms=("bananas", "bunch of bananas"),
    hypernyms=("fruit", "food"),
    colours=("yellow", "green"),
    places=LAID,
    size=(0.16, 0.22),
    aspect=(1.2, 1.4),
)
def banana(pen: Pen, colour: RGB, rng: random.Random) -> None:
    """One curved banana, or a bunch of three."""
    w = pen.w
    for i in range(rng.choice((1, 3)), 0, -1):
        drop, tone = (i - 1) * 13.0, shade(colour, 1.0 - 0.13 * (i - 1))
        outer = [
            (0.04 + 0.92 * t / 10, 20 - drop * 0.4 + 78 * math.sin(math.pi * (0.1 + 0.8 * t / 10))) for t in range(11)
        ]
        inner = [(0.08 + 0.84 * t / 10, 14 - drop + 50 * math.sin(math.pi * (0.1 + 0.8 * t / 10))) for t in range(11)]
        pen.poly([(x * w, y) for x, y in outer + inner[::-1]], tone)
        pen.line([(x * w, y - 12) for x, y in outer[2:9]], shade(tone, 0.8), 3)
        pen.circle(0.06 * w, 40 - drop * 0.6, 5, (84, 60, 30))
    pen.poly([(0.88 * w, 40), (0.9 * w, 8), (0.98 * w, 8), (0.97 * w, 44)], shade(colour, 0.7))
    pen.rect(0.89 * w, 2, 0.99 * w, 12, (96, 70, 36), radius=3)


@kind(
    "apple",
    synonyms=("apples", "eating apple"),
    hypernyms=("fruit", "food"),
    colours=("red", "green", "yellow"),
    places=LAID,
    size=(0.13, 0.17),
    aspect=(0.9, 1.0),
)
def apple(pen: Pen, colour: RGB, rng: random.Random) -> None:
    """A round fruit with a dent, a stalk and a leaf; sometimes bitten."""
    w = pen.w
    for x in (0.36, 0.64):
        pen.ellipse((x - 0.36) * w, 20, (x + 0.36) * w, 96, colour)
    pen.ellipse(0.2 * w, 40, 0.8 * w, 100, colour)
    pen.ellipse(0.34 * w, 18, 0.66 * w, 34, shade(colour, 0.65))
    pen.line([(0.5 * w, 28), (0.56 * w, 4)], (96, 62, 30), 7)
    pen.poly([(0.56 * w, 16), (0.7 * w, 0), (0.94 * w, 6), (0.76 * w, 22)], LEAF)
    pen.ellipse(0.12 * w, 36, 0.3 * w, 58, shade(colour, 1.55))
    if rng.random() < 0.3:
        for y in (44, 60, 76):
            pen.circle(w - 4, y, 13, CREAM)


@kind(
    "broccoli",
    synonyms=("broccoli floret", "calabrese"),
    hypernyms=("vegetable", "food"),
    colours=(),
    places=LAID,
    size=(0.17, 0.22),
    aspect=(0.95, 1.1),
)
def broccoli(pen: Pen, colour: RGB, rng: random.Random) -> None:
    """A dark bumpy head on a pale forked stalk."""
    w = pen.w
    head: RGB = rng.choice(((38, 112, 44), (52, 128, 50)))
    stalk: RGB = (164, 206, 108)
    pen.poly([(0.36 * w, 50), (0.64 * w, 50), (0.62 * w, 100), (0.4 * w, 100)], stalk)
    pen.line([(0.5 * w, 78), (0.2 * w, 50)], stalk, 13)
    pen.line([(0.5 * w, 78), (0.8 * w, 50)], stalk, 13)
    for x, y, r in ((22.0, 42.0, 20), (78.0, 42.0, 20), (36.0, 24.0, 21), (64.0, 24.0, 21), (50.0, 44.0, 20)):
        pen.circle(x * w / 100, y, r, shade(head, 0.8))
    for _ in range(22):
        x, y = rng.uniform(0.12, 0.88) * w, rng.uniform(10, 50)
        pen.circle(x, y, 6, shade(head, rng.uniform(0.95, 1.3)))


@kind(
    "carrot",
    synonyms=("carrots", "bunch of carrots"),
    hypernyms=("vegetable", "food"),
    colours=(),
    places=LAID,
    size=(0.13, 0.17),
    aspect=(2.0, 2.5),
)
def carrot(pen: Pen, colour: RGB, rng: random.Random) -> None:
    """An orange cone with a green tuft."""
    root: RGB = rng.choice(((244, 124, 24), (234, 106, 20)))
    for tip in ((99, 4), (100, 34), (98, 70), (94, 96)):
        stroke(pen, [(70, 48), tip], LEAF, 9)
    shape(pen, [(1, 52), (66, 12), (76, 26), (77, 70), (66, 88)], root)
    for x in (28, 44, 58):
        stroke(pen, [(x, 50 - x * 0.3), (x + 4, 62 - x * 0.2)], shade(root, 0.75), 4)
