"""Toys and the playground."""

from __future__ import annotations

import math
import random

from drawn_scenes.catalog import kind
from drawn_scenes.pen import COLOURS, RGB, Pen, shade

STRING: RGB = (70, 70, 78)
PALE: RGB = (250, 248, 240)


def _contrast(colour: RGB) -> RGB:
    """White on strong colours, a dark tone on pale ones."""
    return PALE if sum(colour) < 620 else (70, 90, 150)


@kind(
    "ball",
    synonyms=("beach ball", "rubber ball", "play ball"),
    hypernyms=("toy",),
    places=("grass", "sidewalk", "road", "water"),
    size=(0.28, 0.36),
    aspect=(1.0, 1.0),
)
def ball(pen: Pen, colour: RGB, rng: random.Random) -> None:
    """A beach ball with wedges, a banded rubber ball or a ball with patches."""
    other, style = _contrast(colour), rng.choice(("wedges", "wedges", "band", "patches"))
    if style == "wedges":
        wedged_ball(pen, colour)
        return
    pen.circle(50, 50, 50, shade(colour, 0.75))
    pen.circle(48, 48, 47, colour)
    if style == "band":
        pen.line([(8, 60), (32, 68), (64, 64), (88, 48)], other, 15)
        pen.ellipse(24, 14, 44, 28, shade(colour, 1.6))
    else:
        turns = (0.3, 1.56, 2.8, 4.1, 5.3)
        spots = [(50.0, 50.0), *((50 + 38 * math.cos(a), 50 + 38 * math.sin(a)) for a in turns)]
        for x, y in spots:
            ring = [2 * math.pi * i / 5 for i in range(5)]
            pen.poly([(x + 13 * math.sin(a), y - 13 * math.cos(a)) for a in ring], other)
            if (x, y) != (50, 50):
                pen.line([(50, 50), (x, y)], other, 3)


def wedged_ball(pen: Pen, colour: RGB) -> None:
    """A ball of wedges in two colours."""
    pen.circle(50, 50, 50, shade(colour, 0.75))
    pen.circle(48, 48, 47, colour)
    for start in (10, 130, 250):
        pen.pie(48, 48, 47, start, start + 52, _contrast(colour))
    pen.circle(48, 48, 10, shade(colour, 0.85))


@kind(
    "kite",
    synonyms=("toy kite", "diamond kite"),
    hypernyms=("toy",),
    places=("sky",),
    size=(0.55, 0.7),
    aspect=(0.66, 0.8),
)
def kite(pen: Pen, colour: RGB, rng: random.Random) -> None:
    """A diamond on crossed spars with a tail of bows."""
    w, dark = pen.w, shade(colour, 0.68)
    lean = rng.choice((-0.1, 0.1))
    cx = w * (0.5 + lean)
    top, left, right, foot = (cx + lean * 40, 0), (0, 24), (w, 24), (cx - lean * 60, 70)
    mid = (cx, 24)
    tail = [foot, (foot[0] + 9, 78), (foot[0] - 9, 87), (foot[0] + 6, 98)]
    pen.line(tail, STRING, 2.5)
    for (x, y), tone in zip(tail[1:], (colour, dark, colour), strict=True):
        pen.poly([(x - 9, y - 6), (x + 9, y + 5), (x + 9, y - 6), (x - 9, y + 5)], tone)
    tones = rng.choice(((colour, dark, colour, dark), (colour, shade(colour, 1.5), colour, dark)))
    for (a, b), tone in zip(((top, left), (top, right), (foot, right), (foot, left)), tones, strict=True):
        pen.poly([a, b, mid], tone)
    pen.line([top, foot], STRING, 2)
    pen.line([left, right], STRING, 2)


def _balloon(pen: Pen, cx: float, top: float, r: float, colour: RGB) -> float:
    """One balloon with its knot and gleam; the y of the knot is returned."""
    knot = top + r * 2.4
    pen.poly([(cx, knot - r * 0.4), (cx - r * 0.22, knot + 3), (cx + r * 0.22, knot + 3)], shade(colour, 0.7))
    pen.ellipse(cx - r, top, cx + r, knot, colour)
    pen.ellipse(cx - r * 0.6, top + r * 0.35, cx - r * 0.2, top + r * 0.95, shade(colour, 1.7))
    return knot


@kind(
    "balloon",
    synonyms=("party balloon", "helium balloon", "toy balloon"),
    hypernyms=("toy",),
    places=("sky",),
    size=(0.5, 0.7),
    aspect=(0.5, 0.8),
)
def balloon(pen: Pen, colour: RGB, rng: random.Random) -> None:
    """One balloon on a string, or three of them if the sprite is wide."""
    w, cx = pen.w, pen.w / 2
    if w < 64:
        pen.line([(cx, 60), (cx + 6, 74), (cx - 6, 87), (cx, 99)], STRING, 2.5)
        _balloon(pen, cx, 0, min(w / 2, 27), colour)
        return
    r = w * 0.255
    trio = ((r, 14, shade(colour, 0.72)), (w - r, 12, shade(colour, 0.85)), (cx, 0, colour))
    for x, top, _ in trio:
        pen.line([(x, top + 2.4 * r), (cx, 86)], STRING, 2)
    pen.line([(cx, 84), (cx - 3, 99)], STRING, 2.5)
    for x, top, tone in trio:
        _balloon(pen, x, top, r, tone)


def _snow_hat(pen: Pen, cx: float, colour: RGB) -> None:
    """A top hat with a band."""
    pen.rect(cx - 13, 0, cx + 13, 16, (34, 34, 40), radius=2)
    pen.rect(cx - 13, 10, cx + 13, 14, colour)
    pen.rect(cx - 20, 14, cx + 20, 19, (34, 34, 40), radius=2)


@kind(
    "snowman",
    synonyms=("snow figure", "snow sculpture"),
    hypernyms=("winter decoration",),
    colours=(),
    places=("grass", "sidewalk"),
    size=(0.75, 0.95),
    aspect=(0.66, 0.76),
)
def snowman(pen: Pen, colour: RGB, rng: random.Random) -> None:
    """Two or three snowballs with hat, carrot, scarf, buttons and twig arms."""
    cx, snow, shadow, twig = pen.w / 2, (250, 252, 255), (206, 218, 234), (96, 62, 36)
    scarf = COLOURS[rng.choice(("red", "green", "blue", "orange", "purple"))]
    for side in (-1, 1):
        end = (cx + side * (cx - 3), rng.choice((38, 44, 54)))
        pen.line([(cx + side * 16, 54), end], twig, 3.5)
    balls = ((76, 24, 32), (52, 18, 18)) if rng.random() < 0.6 else ((70, 30, 32), (50, 16, 16))
    for cy, r, _ in balls:
        pen.circle(cx, cy, r, shadow)
        pen.circle(cx - 2, cy - 2, r - 2, snow)
    pen.circle(cx, 28, 16, shadow)
    pen.circle(cx - 1, 28, 15, snow)
    pen.rect(cx - 15, 38, cx + 15, 45, scarf, radius=3)
    pen.rect(cx + 5, 42, cx + 12, 60, shade(scarf, 0.8), radius=2)
    for x in (cx - 6, cx + 6):
        pen.circle(x, 25, 2.6, (30, 30, 34))
    pen.poly([(cx - 1, 28), (cx - 1, 34), (cx + 17, 33)], (240, 120, 30))
    for y in (54, 66, 78):
        pen.circle(cx - 2, y, 3, (30, 30, 34))
    _snow_hat(pen, cx, scarf)


@kind(
    "drum",
    synonyms=("snare drum", "side drum", "toy drum"),
    hypernyms=("musical instrument", "instrument"),
    places=("sidewalk", "grass"),
    size=(0.4, 0.48),
    aspect=(1.1, 1.25),
)
def drum(pen: Pen, colour: RGB, rng: random.Random) -> None:
    """A drum with a white skin, laced with zigzag cords, two sticks on it."""
    w, n = pen.w, rng.choice((3, 4))
    hoop = rng.choice(((236, 196, 76), (240, 240, 236), (70, 46, 30)))
    pen.ellipse(2, 70, w - 2, 100, hoop)
    pen.rect(4, 36, w - 4, 82, colour)
    pen.ellipse(4, 66, w - 4, 92, colour)
    zig = [
        (4 + (w - 8) * i / (2 * n), 44 + (40 if i % 2 else 0) + 6 * math.sin(math.pi * i / (2 * n)))
        for i in range(2 * n + 1)
    ]
    pen.line(zig, PALE if hoop[0] < 200 or sum(colour) < 500 else (90, 60, 40), 4)
    pen.ellipse(0, 18, w, 54, hoop)
    pen.ellipse(4, 18, w - 4, 47, (252, 250, 242))
    for x0, x1 in ((w * 0.1, w * 0.5), (w * 0.9, w * 0.54)):
        pen.line([(x0, 4), (x1, 32)], (150, 100, 54), 5)
        pen.circle(x1, 32, 5, (120, 76, 38))
