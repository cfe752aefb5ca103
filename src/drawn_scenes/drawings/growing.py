"""Kinds of trees and flowers by themselves."""

from __future__ import annotations

import math
import random

from drawn_scenes.catalog import kind
from drawn_scenes.drawings.fixtures import LEAF, WOOD
from drawn_scenes.drawings.plants import crown, daisy_head, leafy_stem, tree, tulip_head
from drawn_scenes.pen import RGB, Pen, shade

PETALS = ("red", "orange", "yellow", "purple", "pink", "white")

kind(
    "oak tree",
    synonyms=("oak", "leafy tree", "broadleaf tree"),
    hypernyms=("tree", "plant"),
    colours=("green", "orange", "yellow"),
    places=("grass", "sidewalk"),
    size=(1.3, 1.8),
    aspect=(0.7, 0.95),
)(tree)


@kind(
    "apple tree",
    synonyms=("fruit tree", "orchard tree"),
    hypernyms=("tree", "plant"),
    colours=(),
    places=("grass",),
    size=(1.1, 1.4),
    aspect=(0.9, 1.05),
)
def apple_tree(pen: Pen, colour: RGB, rng: random.Random) -> None:
    """A low round crown full of red apples; some lie in the grass."""
    w, cx = pen.w, pen.w / 2
    pen.poly([(cx - 7, 50), (cx + 7, 50), (cx + 12, 100), (cx - 12, 100)], WOOD)
    crown(pen, cx, 36, cx, 36, shade(LEAF, 0.8))
    crown(pen, cx - 3, 33, cx * 0.8, 30, shade(LEAF, 1.1))
    red: RGB = rng.choice(((220, 28, 36), (238, 60, 40)))
    turn = rng.uniform(0, 6)
    for i in range(12):
        a, r = turn + i * 2.4, math.sqrt((i + 0.5) / 12) * 0.84
        x, y = cx + cx * r * math.cos(a), 35 + 31 * r * math.sin(a)
        pen.circle(x, y, 5.5, red)
        pen.circle(x - 1.5, y - 1.5, 1.8, shade(red, 1.6))
    for x in (0.16, 0.84):
        pen.circle(x * w, 96, 4, red)


@kind(
    "birch tree",
    synonyms=("birch", "silver birch"),
    hypernyms=("tree", "plant"),
    colours=("green", "yellow"),
    places=("grass",),
    size=(1.4, 1.8),
    aspect=(0.5, 0.62),
)
def birch_tree(pen: Pen, colour: RGB, rng: random.Random) -> None:
    """A thin white trunk with black marks under a light, airy crown."""
    w, cx = pen.w, pen.w / 2
    pen.poly([(cx - 3, 8), (cx + 3, 8), (cx + 6, 100), (cx - 6, 100)], (244, 244, 240))
    for side in (-1, 1):
        pen.line([(cx, 56), (cx + side * 0.36 * w, 34)], (236, 236, 232), 3.5)
        pen.line([(cx, 40), (cx + side * 0.26 * w, 20)], (236, 236, 232), 3)
    for i in range(46):
        a, r = i * 2.4, math.sqrt((i + 0.5) / 46)
        x, y = cx + (cx - 6) * r * math.cos(a), 34 + 29 * r * math.sin(a)
        pen.circle(x, y, 5.5, shade(colour, rng.uniform(0.75, 1.35)))
    for y in (66, 74, 83, 91):
        start = cx + rng.uniform(-5, 0)
        pen.rect(start, y, start + 5, y + 2.5, (40, 40, 44))


@kind(
    "tulip",
    synonyms=("tulips", "dutch tulip"),
    hypernyms=("flower", "plant"),
    colours=PETALS,
    places=("grass",),
    size=(0.45, 0.65),
    aspect=(0.55, 0.7),
)
def tulip(pen: Pen, colour: RGB, rng: random.Random) -> None:
    """A cup of three pointed petals on a stem with two leaves."""
    leafy_stem(pen)
    tulip_head(pen, colour)


@kind(
    "daisy",
    synonyms=("marguerite", "oxeye"),
    hypernyms=("flower", "plant"),
    colours=("white", "pink", "yellow", "purple", "blue"),
    places=("grass",),
    size=(0.42, 0.62),
    aspect=(0.55, 0.7),
)
def daisy(pen: Pen, colour: RGB, rng: random.Random) -> None:
    """Round petals around a yellow heart."""
    leafy_stem(pen)
    daisy_head(pen, colour, *rng.choice(((6, 0.4), (8, 0.3))))


@kind(
    "sunflower",
    synonyms=("sunflowers", "tall sunflower"),
    hypernyms=("flower", "plant"),
    colours=(),
    places=("grass",),
    size=(0.8, 1.1),
    aspect=(0.42, 0.5),
)
def sunflower(pen: Pen, colour: RGB, rng: random.Random) -> None:
    """Tall, with pointed yellow petals around a great brown disc, and broad leaves."""
    w, cx = pen.w, pen.w / 2
    petal: RGB = rng.choice(((252, 202, 30), (250, 186, 24)))
    pen.line([(cx, 30), (cx, 98)], shade(LEAF, 0.85), 5)
    for side, y in ((-1, 70), (1, 80)):
        pen.poly(
            [(cx, y + 4), (cx + side * 0.2 * w, y - 9), (cx + side * 0.48 * w, y - 4), (cx + side * 0.2 * w, y + 6)],
            LEAF,
        )
    for i in range(14):
        a = 2 * math.pi * i / 14
        tip = (cx + cx * math.cos(a), cx + cx * math.sin(a))
        left, right = ((cx + 0.62 * cx * math.cos(a + d), cx + 0.62 * cx * math.sin(a + d)) for d in (-0.3, 0.3))
        pen.poly([(cx, cx), left, tip, right], petal if i % 2 else shade(petal, 0.86))
    pen.circle(cx, cx, cx * 0.52, (110, 66, 28))
    pen.circle(cx, cx, cx * 0.3, (74, 44, 22))
