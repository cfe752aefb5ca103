"""Boards, balls and discs."""

from __future__ import annotations

import math
import random

from drawn_scenes.catalog import kind
from drawn_scenes.drawings.animals import oval
from drawn_scenes.drawings.fixtures import contrast, edge
from drawn_scenes.pen import RGB, Pen, shade

BLACK: RGB = (34, 34, 40)


@kind(
    "frisbee",
    synonyms=("flying disc", "throwing disc"),
    hypernyms=("toy", "sports equipment"),
    places=("sky",),
    size=(0.15, 0.19),
    aspect=(2.0, 2.5),
)
def frisbee(pen: Pen, colour: RGB, rng: random.Random) -> None:
    """A flying disc at an angle, with a rim and a ring."""
    oval(pen, 0, 14, 100, 100, edge(colour))
    oval(pen, 0, 0, 100, 84, colour)
    oval(pen, 14, 12, 86, 68, shade(colour, 1.45))
    oval(pen, 20, 17, 80, 62, colour)
    if rng.random() < 0.5:
        oval(pen, 40, 30, 60, 48, contrast(colour))


@kind(
    "skis",
    synonyms=("pair of skis", "alpine skis"),
    hypernyms=("sports equipment", "winter sports gear"),
    places=("snow",),
    size=(0.85, 1.0),
    aspect=(0.36, 0.5),
)
def skis(pen: Pen, colour: RGB, rng: random.Random) -> None:
    """Two long narrow skis that stand in the snow, tips bent, with bindings; often with poles."""
    w, lean = pen.w, rng.choice((0.0, 0.08))
    if rng.random() < 0.6:
        for x in (0.06, 0.94):
            pen.line([(x * w, 24), (x * w, 96)], (110, 114, 122), 2.6)
            pen.line([(x * w, 24), (x * w, 34)], BLACK, 5)
            pen.circle(x * w, 90, 4.5, BLACK)
    for x, side in ((0.34, -1), (0.66, 1)):
        top = x + side * lean
        half = 0.105 * w
        pen.poly([(top * w - half, 8), (top * w + half, 8), (x * w + half, 100), (x * w - half, 100)], colour)
        pen.poly([(top * w - half, 9), (top * w, 0), (top * w + half, 9)], edge(colour))
        pen.rect(x * w - half, 52, x * w + half, 66, BLACK)
        pen.rect(x * w - half * 0.5, 20, x * w + half * 0.5, 40, contrast(colour))


@kind(
    "snowboard",
    synonyms=("snow board", "freestyle snowboard"),
    hypernyms=("board", "sports equipment", "winter sports gear"),
    places=("snow",),
    size=(0.75, 0.9),
    aspect=(0.26, 0.32),
)
def snowboard(pen: Pen, colour: RGB, rng: random.Random) -> None:
    """A wide board with round ends that stands in the snow, with two bindings."""
    w = pen.w
    pen.rect(0, 0, w, 100, edge(colour), radius=w / 2)
    pen.rect(0.08 * w, 2, 0.92 * w, 98, colour, radius=0.42 * w)
    if rng.random() < 0.6:
        pen.poly([(0.1 * w, 44), (0.9 * w, 58), (0.9 * w, 46), (0.1 * w, 34)], contrast(colour))
    for y in (24, 66):
        pen.rect(0.02 * w, y, 0.98 * w, y + 11, BLACK, radius=4)
        pen.rect(0.3 * w, y - 4, 0.7 * w, y + 15, (90, 92, 100), radius=4)


@kind(
    "surfboard",
    synonyms=("surf board", "longboard surfboard"),
    hypernyms=("board", "sports equipment"),
    places=("sand",),
    size=(1.0, 1.2),
    aspect=(0.27, 0.33),
)
def surfboard(pen: Pen, colour: RGB, rng: random.Random) -> None:
    """A pointed board that stands in the sand, with a stringer, stripes or a flower."""
    w, mark = pen.w, contrast(colour)
    side = [(0.5, 0.0), (0.78, 14.0), (0.96, 36.0), (1.0, 58.0), (0.9, 82.0), (0.68, 100.0)]
    points = [(x * w, y) for x, y in side] + [((1 - x) * w, y) for x, y in side[::-1]]
    pen.poly(points, colour)
    style = rng.choice(("stripes", "band", "spot"))
    if style == "stripes":
        for x in (0.3, 0.7):
            pen.line([(x * w, 24), (x * w, 92)], mark, 2.5)
    elif style == "band":
        pen.rect(0.03 * w, 50, 0.97 * w, 60, mark)
        pen.rect(0.06 * w, 65, 0.94 * w, 69, mark)
    else:
        for i in range(5):
            a = 2 * math.pi * i / 5
            pen.circle(0.5 * w + 5.5 * math.cos(a), 36 + 5.5 * math.sin(a), 4, mark)
    pen.line([(0.5 * w, 3), (0.5 * w, 99)], edge(colour), 2)


@kind(
    "soccer ball",
    synonyms=("football", "leather football"),
    hypernyms=("ball", "sports equipment"),
    colours=(),
    places=("grass", "road", "sand", "floor"),
    size=(0.26, 0.33),
    aspect=(1.0, 1.0),
)
def soccer_ball(pen: Pen, colour: RGB, rng: random.Random) -> None:
    """White with black pentagons."""
    turn = rng.uniform(0, 1.2)
    pen.circle(50, 50, 50, (176, 178, 184))
    pen.circle(49, 49, 48, (250, 250, 250))
    for i in range(5):
        a = turn + 2 * math.pi * i / 5
        x, y = 50 + 40 * math.cos(a), 50 + 40 * math.sin(a)
        pen.line([(50, 50), (x, y)], (70, 72, 80), 3.5)
        patch = [
            (x + 15 * math.cos(a + 2 * math.pi * k / 5), y + 15 * math.sin(a + 2 * math.pi * k / 5)) for k in range(5)
        ]
        pen.poly(
            [(50 + max(-47.0, min(47.0, px - 50)), 50 + max(-47.0, min(47.0, py - 50))) for px, py in patch], BLACK
        )
    pen.poly(
        [
            (50 + 18 * math.cos(turn + 2 * math.pi * k / 5), 50 + 18 * math.sin(turn + 2 * math.pi * k / 5))
            for k in range(5)
        ],
        BLACK,
    )


@kind(
    "basketball",
    synonyms=("basket ball",),
    hypernyms=("ball", "sports equipment"),
    colours=(),
    places=("road", "sidewalk", "floor"),
    size=(0.28, 0.35),
    aspect=(1.0, 1.0),
)
def basketball(pen: Pen, colour: RGB, rng: random.Random) -> None:
    """Orange with black seams."""
    skin: RGB = rng.choice(((228, 112, 40), (206, 96, 36)))
    pen.circle(50, 50, 50, shade(skin, 0.75))
    pen.circle(48, 48, 47, skin)
    pen.line([(50, 3), (50, 97)], BLACK, 4)
    pen.line([(3, 50), (97, 50)], BLACK, 4)
    pen.arc(2, 50, 36, 290, 430, BLACK, 4)
    pen.arc(98, 50, 36, 110, 250, BLACK, 4)
