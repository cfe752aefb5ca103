"""Boxes, barrels and buckets."""

from __future__ import annotations

import random

from drawn_scenes.catalog import kind
from drawn_scenes.pen import RGB, Pen, shade

TAPE: RGB = (226, 202, 152)
IRON: RGB = (74, 74, 80)


def cylinder(pen: Pen, top: float, half_top: float, half_bottom: float, colour: RGB, ry: float) -> None:
    """A standing cylinder or tapered tub over the foot of the sprite, its right side in shadow."""
    cx, foot = pen.w / 2, 100 - ry
    pen.ellipse(cx - half_bottom, foot - ry, cx + half_bottom, 100, colour)
    sides = [(cx - half_top, top), (cx + half_top, top), (cx + half_bottom, foot), (cx - half_bottom, foot)]
    pen.poly(sides, colour)
    dark = shade(colour, 0.75)
    edge = [(cx + half_top * 0.5, top), (cx + half_top, top), (cx + half_bottom, foot)]
    pen.poly([*edge, (cx + half_bottom * 0.5, foot + ry * 0.8)], dark)


@kind(
    "box",
    synonyms=("cardboard box", "carton", "parcel", "package"),
    hypernyms=("container",),
    colours=("brown", "orange", "red", "yellow", "green", "blue", "white"),
    places=("sidewalk", "grass", "road"),
    size=(0.38, 0.5),
    aspect=(1.15, 1.3),
)
def box(pen: Pen, colour: RGB, rng: random.Random) -> None:
    """A cardboard box seen from its corner, taped shut or with its flaps open."""
    w, x = pen.w, pen.w * 0.6
    front, side, top = colour, shade(colour, 0.68), shade(colour, 1.3)
    if rng.random() < 0.5:
        pen.poly([(w * 0.06, 28), (x, 36), (w * 0.96, 26), (w * 0.46, 18)], shade(colour, 0.4))
        pen.poly([(w * 0.06, 28), (w * 0.46, 18), (w * 0.42, 0), (w * 0.02, 8)], shade(colour, 0.85))
        pen.poly([(w * 0.46, 18), (w * 0.96, 26), (w, 6), (w * 0.56, 0)], side)
        pen.poly([(w * 0.06, 28), (x, 36), (x, 100), (w * 0.06, 88)], front)
        pen.poly([(x, 36), (w * 0.96, 26), (w * 0.96, 84), (x, 100)], side)
        pen.poly([(w * 0.06, 28), (x, 36), (w * 0.52, 56), (0, 46)], top)
        pen.poly([(x, 36), (w * 0.96, 26), (w, 44), (w * 0.68, 56)], shade(colour, 1.15))
        return
    pen.poly([(0, 16), (w * 0.42, 0), (w, 12), (x, 32)], top)
    pen.poly([(0, 16), (x, 32), (x, 100), (0, 82)], front)
    pen.poly([(x, 32), (w, 12), (w, 76), (x, 100)], side)
    pen.poly([(w * 0.24, 22), (w * 0.36, 26), (w * 0.78, 8), (w * 0.66, 5)], TAPE)
    pen.poly([(w * 0.24, 22), (w * 0.36, 26), (w * 0.36, 48), (w * 0.24, 45)], TAPE)


@kind(
    "barrel",
    synonyms=("cask", "keg"),
    hypernyms=("container",),
    colours=("brown", "red", "orange", "yellow", "green", "blue", "gray"),
    places=("sidewalk", "grass", "road"),
    size=(0.5, 0.6),
    aspect=(0.72, 0.82),
)
def barrel(pen: Pen, colour: RGB, rng: random.Random) -> None:
    """A bulging cask with hoops and staves."""
    w, cx = pen.w, pen.w / 2
    rows = [(8, 0.39), (20, 0.44), (35, 0.485), (52, 0.5), (69, 0.485), (84, 0.44), (94, 0.39)]
    pen.ellipse(cx - w * 0.39, 86, cx + w * 0.39, 100, colour)
    pen.poly([*((cx - k * w, y) for y, k in rows), *((cx + k * w, y) for y, k in reversed(rows))], colour)
    pen.poly(
        [*((cx + 0.5 * k * w, y) for y, k in rows), *((cx + k * w, y) for y, k in reversed(rows))],
        shade(colour, 0.75),
    )
    for stave in (-0.55, -0.2, 0.16):
        pen.line([(cx + stave * k * w, y) for y, k in rows], shade(colour, 0.6), 2)
    pen.ellipse(cx - w * 0.39, 0, cx + w * 0.39, 16, shade(colour, 1.3))
    pen.ellipse(cx - w * 0.31, 3, cx + w * 0.31, 13, shade(colour, 0.55))
    hoop = rng.choice((IRON, (200, 170, 90)))
    for y, k in ((24, 0.455), (40, 0.495), (66, 0.495), (82, 0.455)):
        pen.line([(cx - k * w + 2, y), (cx, y + 4), (cx + k * w - 2, y)], hoop, 6)


@kind(
    "bucket",
    synonyms=("pail", "water pail"),
    hypernyms=("container",),
    places=("sidewalk", "grass"),
    size=(0.35, 0.42),
    aspect=(0.86, 0.96),
)
def bucket(pen: Pen, colour: RGB, rng: random.Random) -> None:
    """A pail, wide at the top, with its bail up; empty or full."""
    w, cx = pen.w, pen.w / 2
    pen.arc(cx, 40, min(38, w / 2 - 3), 180, 360, (96, 98, 106), 5)
    pen.circle(cx, 4.5, 4.5, rng.choice(((176, 120, 66), (60, 60, 64))))
    cylinder(pen, 42, w / 2 - 1, w * 0.33, colour, 7)
    pen.ellipse(0, 31, w, 53, shade(colour, 1.35))
    inside = rng.choice((shade(colour, 0.45), (120, 190, 232)))
    pen.ellipse(6, 35, w - 6, 50, inside)
    pen.line([(w * 0.08, 66), (cx, 73), (w * 0.92, 66)], shade(colour, 0.6), 3)
