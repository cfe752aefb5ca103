"""Screens, what belongs to them, and small things that lie about."""

from __future__ import annotations

import random

from drawn_scenes.catalog import kind
from drawn_scenes.drawings.animals import shape
from drawn_scenes.drawings.fixtures import contrast, edge
from drawn_scenes.pen import COLOURS, RGB, Pen, shade

BLACK: RGB = (30, 31, 36)
CASES = ("black", "gray", "white", "red", "blue", "pink")


def _picture(pen: Pen, x0: float, y0: float, x1: float, y1: float, rng: random.Random) -> None:
    """What a screen shows: a landscape, a window with text, or coloured bars; x in hundredths of the width."""
    style, s = rng.choice(("landscape", "text", "bars")), pen.w / 100
    if style == "landscape":
        pen.rect(x0 * s, y0, x1 * s, y1, (110, 190, 240))
        shape(pen, [(x0, y1), (x0 + 0.4 * (x1 - x0), y0 + 0.4 * (y1 - y0)), (x1, y1)], (60, 150, 70))
        pen.circle((x0 + 0.8 * (x1 - x0)) * s, y0 + 0.28 * (y1 - y0), 6, (255, 224, 90))
    elif style == "text":
        pen.rect(x0 * s, y0, x1 * s, y1, (240, 244, 250))
        pen.rect(x0 * s, y0, x1 * s, y0 + 0.18 * (y1 - y0), (60, 110, 200))
        for i in range(4):
            y = y0 + (0.32 + 0.16 * i) * (y1 - y0)
            end = x0 + (0.9 if i % 2 else 0.65) * (x1 - x0)
            pen.rect((x0 + 4) * s, y, end * s, y + 3, (130, 138, 150))
    else:
        tones = [COLOURS[name] for name in ("white", "yellow", "turquoise", "green", "purple", "red")]
        for i, tone in enumerate(tones):
            step = (x1 - x0) / 6
            pen.rect((x0 + i * step) * s, y0, (x0 + (i + 1) * step) * s, y1, tone)


@kind(
    "television",
    synonyms=("tv", "tv set", "telly"),
    hypernyms=("screen", "electronics"),
    colours=(),
    places=("floor", "wall"),
    size=(0.5, 0.62),
    aspect=(1.35, 1.6),
)
def television(pen: Pen, colour: RGB, rng: random.Random) -> None:
    """A flat screen on a foot, or an old set with dials and aerials."""
    w = pen.w
    if rng.random() < 0.65:
        pen.rect(0, 2, w, 86, BLACK, radius=3)
        _picture(pen, 3, 7, 97, 80, rng)
        pen.rect(0.44 * w, 86, 0.56 * w, 96, BLACK)
        pen.rect(0.26 * w, 94, 0.74 * w, 100, BLACK, radius=3)
    else:
        for x in (0.3, 0.7):
            pen.line([(0.5 * w, 24), (x * w, 2)], BLACK, 3)
        pen.rect(0, 22, w, 94, (130, 84, 46), radius=8)
        pen.rect(0.05 * w, 29, 0.76 * w, 87, BLACK, radius=10)
        _picture(pen, 9, 34, 72, 82, rng)
        for y in (40, 58):
            pen.circle(0.88 * w, y, 7, (230, 214, 180))
        for x in (0.12, 0.82):
            pen.rect(x * w, 92, (x + 0.06) * w, 100, BLACK)


@kind(
    "laptop",
    synonyms=("notebook computer", "laptop computer"),
    hypernyms=("computer", "electronics"),
    colours=("gray", "black", "white", "blue", "pink"),
    places=("table",),
    size=(0.28, 0.34),
    aspect=(1.35, 1.55),
)
def laptop(pen: Pen, colour: RGB, rng: random.Random) -> None:
    """An open lid with a screen above a keyboard in perspective."""
    w = pen.w
    pen.rect(0.12 * w, 0, 0.88 * w, 62, colour, radius=5)
    _picture(pen, 17, 7, 83, 55, rng)
    pen.poly(
        [(0.12 * w, 62), (0.88 * w, 62), (w, 94), (0, 94)], shade(colour, 0.85) if max(colour) > 60 else edge(colour)
    )
    pen.rect(0, 92, w, 100, shade(colour, 0.6), radius=2)
    for y, inset in ((66, 16), (72, 13), (78, 10)):
        pen.rect(inset * w / 100, y, (100 - inset) * w / 100, y + 4, contrast(colour))
    pen.rect(0.4 * w, 85, 0.6 * w, 91, shade(colour, 0.65))


@kind(
    "computer mouse",
    synonyms=("pc mouse", "optical mouse"),
    hypernyms=("input device", "electronics"),
    colours=CASES,
    places=("table",),
    size=(0.13, 0.17),
    aspect=(0.62, 0.7),
)
def computer_mouse(pen: Pen, colour: RGB, rng: random.Random) -> None:
    """An oval with two buttons, a wheel and, mostly, a cable, from above."""
    w = pen.w
    top = 0
    if rng.random() < 0.75:
        pen.line([(0.5 * w, 30), (0.62 * w, 16), (0.4 * w, 3)], (60, 62, 70), 6)
        top = 18
    pen.ellipse(0, top, w, 100, edge(colour))
    pen.ellipse(0.06 * w, top + 3, 0.94 * w, 95, colour)
    line = contrast(colour)
    pen.line([(0.5 * w, top + 4), (0.5 * w, top + 36)], line, 4)
    pen.line([(0.08 * w, top + 38), (0.92 * w, top + 38)], line, 4)
    pen.rect(0.4 * w, top + 10, 0.6 * w, top + 30, (120, 124, 132), radius=5)


@kind(
    "remote control",
    synonyms=("remote", "tv remote", "zapper"),
    hypernyms=("controller", "electronics"),
    colours=("black", "gray", "white"),
    places=("table", "floor"),
    size=(0.22, 0.28),
    aspect=(0.28, 0.34),
)
def remote_control(pen: Pen, colour: RGB, rng: random.Random) -> None:
    """A long slab with a red button and rows of others."""
    w = pen.w
    pen.rect(0, 0, w, 100, edge(colour), radius=9)
    pen.rect(0.06 * w, 1.5, 0.94 * w, 97, colour, radius=8)
    pen.circle(0.3 * w, 11, 4.6, (230, 30, 40))
    key = contrast(colour)
    pen.ring(0.5 * w, 33, 0.34 * w, key, 4)
    for y in (54, 65, 76, 87):
        for x in (0.24, 0.5, 0.76):
            pen.circle(x * w, y, 3, key)


@kind(
    "keyboard",
    synonyms=("computer keyboard", "pc keyboard"),
    hypernyms=("input device", "electronics"),
    colours=CASES,
    places=("table",),
    size=(0.13, 0.17),
    aspect=(2.8, 3.3),
)
def keyboard(pen: Pen, colour: RGB, rng: random.Random) -> None:
    """A flat board with four rows of keys and a space bar, at an angle."""
    w, key = pen.w, contrast(colour)
    pen.poly([(0.05 * w, 6), (0.95 * w, 6), (w, 90), (0, 90)], colour)
    pen.rect(0, 86, w, 100, edge(colour), radius=5)
    count = rng.choice((11, 13))
    for row, y in enumerate((14, 32, 50)):
        left = 0.06 - 0.008 * row
        step = (1 - 2 * left) / count
        for i in range(count):
            x = left + i * step
            pen.rect(x * w, y, (x + step * 0.72) * w, y + 12, key, radius=2)
    for x0, x1 in ((0.05, 0.22), (0.27, 0.7), (0.75, 0.95)):
        pen.rect(x0 * w, 68, x1 * w, 80, key, radius=2)
