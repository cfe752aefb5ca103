"""Trees, flowers and other things that grow."""

from __future__ import annotations

import math
import random

from drawn_scenes.catalog import kind
from drawn_scenes.drawings.fixtures import LEAF, WHITE, WOOD, edge, trim
from drawn_scenes.pen import RGB, Pen, Point, shade


@kind(
    "tree",
    synonyms=("leafy tree", "deciduous tree", "broadleaf tree"),
    hypernyms=("plant",),
    colours=("green", "orange", "yellow", "pink"),
    places=("grass", "sidewalk"),
    size=(1.3, 1.8),
    aspect=(0.7, 0.95),
)
def tree(pen: Pen, colour: RGB, rng: random.Random) -> None:
    """A broadleaf tree with a round, a billowing or a tall crown."""
    w, cx = pen.w, pen.w / 2
    pen.poly([(cx - 6, 50), (cx + 6, 50), (cx + 10, 100), (cx - 10, 100)], WOOD)
    style = rng.choice(("round", "clouds", "tall"))
    if style == "clouds":
        pen.line([(cx, 74), (w * 0.28, 52)], WOOD, 6)
        pen.line([(cx, 78), (w * 0.72, 54)], WOOD, 6)
        blobs = ((0.5, 24.0, 0.32), (0.26, 42.0, 0.26), (0.74, 42.0, 0.26), (0.5, 48.0, 0.26))
        for x, y, r in blobs:
            pen.circle(x * w, max(y, r * w), r * w, shade(colour, 0.8))
        for x, y, r in blobs[:3]:
            pen.circle(x * w - 3, max(y, r * w) - 4, r * w * 0.74, colour)
    else:
        half, tall = (cx, 34.0) if style == "round" else (cx * 0.78, 39.0)
        for size, dx, fill in ((1.0, 0.0, shade(colour, 0.8)), (0.78, -3.0, colour)):
            crown(pen, cx + dx, tall + dx, half * size, tall * size, fill)
    for _ in range(5):
        x, y = cx + rng.uniform(-0.26, 0.24) * w, rng.uniform(16, 52)
        pen.circle(x, y, 3.5, shade(colour, 1.35))


def crown(pen: Pen, cx: float, cy: float, half: float, tall: float, fill: RGB) -> None:
    """A leafy oval with a bumpy outline."""
    bump = half * 0.34
    pen.ellipse(cx - half + 4, cy - tall + 4, cx + half - 4, cy + tall - 4, fill)
    for i in range(9):
        a = 2 * math.pi * i / 9
        pen.circle(cx + (half - bump) * math.sin(a), cy - (tall - bump) * math.cos(a), bump, fill)


@kind(
    "pine tree",
    synonyms=("fir", "conifer", "spruce", "fir tree"),
    hypernyms=("evergreen", "plant"),
    colours=(),
    places=("grass",),
    size=(1.3, 1.8),
    aspect=(0.52, 0.7),
)
def pine_tree(pen: Pen, colour: RGB, rng: random.Random) -> None:
    """Three or four stacked triangles on a short trunk, at times under snow."""
    cx = pen.w / 2
    green = rng.choice(((22, 104, 56), (30, 120, 70), (34, 112, 44)))
    pen.rect(cx - 5, 84, cx + 5, 100, WOOD)
    tiers, snow = rng.choice((3, 4)), rng.random() < 0.3
    for i in reversed(range(tiers)):
        top, foot = i * 60 / tiers, 26 + (i + 1) * 62 / tiers
        half = cx * (0.45 + 0.55 * (i + 1) / tiers) if i < tiers - 1 else cx
        fill = shade(green, 1.0 - 0.1 * i)
        pen.poly([(cx, top), (cx + half, foot), (cx - half, foot)], fill)
        if snow:
            drop = (foot - top) * 0.32
            pen.poly([(cx, top), (cx + half * 0.32, top + drop), (cx - half * 0.32, top + drop)], WHITE)


def frond(pen: Pen, root: Point, peak: Point, tip: Point, fill: RGB) -> None:
    """A leaf that rises from its root past `peak` and droops to a sharp tip."""
    upper, lower = [], []
    for i in range(9):
        t = i / 8
        a, b, c = (1 - t) ** 2, 2 * t * (1 - t), t * t
        x, y = (a * root[k] + b * peak[k] + c * tip[k] for k in (0, 1))
        thick = 6.5 * math.sin(math.pi * (0.15 + 0.85 * t))
        upper.append((x, y - thick * 0.6))
        lower.append((x, y + thick))
    pen.poly(upper + lower[::-1], fill)


@kind(
    "palm tree",
    synonyms=("palm", "coconut tree", "coconut palm"),
    hypernyms=("tropical plant", "plant"),
    colours=(),
    places=("grass", "sidewalk"),
    size=(1.4, 1.8),
    aspect=(0.7, 0.9),
)
def palm_tree(pen: Pen, colour: RGB, rng: random.Random) -> None:
    """A bent or straight ringed trunk under arching fronds, with or without coconuts."""
    w, bend = pen.w, rng.choice((-0.14, 0, 0.14))
    cx, foot = w * 0.5, w * (0.5 - bend)
    spine = [(foot + (cx - foot) * math.sin(t * math.pi / 20), 97 - t * 6.6) for t in range(11)]
    pen.line(spine, (150, 104, 58), 8)
    for x, y in spine[1:-1:2]:
        pen.line([(x - 3, y), (x + 3, y)], (110, 72, 38), 2.4)
    fronds = ((-0.34, 4, 56), (0.34, 4, 56), (-0.5, 0, 36), (0.5, 0, 36), (-0.42, -12, 10), (0.42, -12, 10))
    for i, (dx, lift, tip) in enumerate(fronds):
        frond(pen, (cx, 28), (cx + dx * w * 0.7, lift), (cx + dx * w, tip), (36 + i * 4, 112 + i * 9, 52))
    pen.poly([(cx - 6, 28), (cx + 2, 0), (cx + 6, 28)], (60, 166, 52))
    if rng.random() < 0.6:
        for dx in (-5, 5):
            pen.circle(cx + dx, 33, 5, (92, 56, 28))


@kind(
    "flower",
    synonyms=("blossom", "bloom"),
    hypernyms=("plant",),
    colours=("red", "orange", "yellow", "blue", "purple", "pink", "white"),
    places=("grass",),
    size=(0.42, 0.65),
    aspect=(0.55, 0.7),
)
def flower(pen: Pen, colour: RGB, rng: random.Random) -> None:
    """A daisy with round or long petals, or a tulip, on a stem with two leaves."""
    leafy_stem(pen)
    if rng.random() < 0.3:
        tulip_head(pen, colour)
    else:
        daisy_head(pen, colour, *rng.choice(((5, 0.44), (6, 0.4), (8, 0.3))))


def leafy_stem(pen: Pen) -> None:
    """A stem with two leaves."""
    cx = pen.w / 2
    pen.line([(cx, 40), (cx, 98)], LEAF, 6)
    for side in (-1, 1):
        pen.poly([(cx, 96), (cx + side * 10, 72), (cx + side * cx * 0.9, 62), (cx + side * 16, 86)], LEAF)


def tulip_head(pen: Pen, colour: RGB) -> None:
    """A cup of three points."""
    w, cx = pen.w, pen.w / 2
    cup = [(-0.42, 31), (-0.42, 4), (-0.2, 17), (0, 0), (0.2, 17), (0.42, 4), (0.42, 31)]
    pen.poly([(cx + x * w, y) for x, y in cup], colour)
    pen.pie(cx, 30, 0.42 * w, 0, 180, colour)
    pen.line([(cx - 5, 50), (cx - 7, 24)], edge(colour), 2.5)
    pen.line([(cx + 5, 50), (cx + 7, 24)], edge(colour), 2.5)


def daisy_head(pen: Pen, colour: RGB, petals: int, size: float) -> None:
    """Petals, each `size` of the head's radius, around a yellow or brown heart."""
    cx = pen.w / 2
    for i in range(petals):
        a = 2 * math.pi * i / petals - math.pi / 2
        reach, r = cx * (1 - size), cx * size
        pen.circle(cx + reach * math.cos(a), cx + reach * math.sin(a), r, colour)
    pen.circle(cx, cx, cx * 0.55, colour)
    heart = (120, 70, 30) if colour[0] > 230 and 180 < colour[1] < 230 else (250, 206, 40)
    pen.circle(cx, cx, cx * 0.36, heart)


@kind(
    "potted plant",
    synonyms=("houseplant", "pot plant", "plant pot"),
    hypernyms=("plant", "decoration"),
    places=("sidewalk", "grass"),
    size=(0.55, 0.8),
    aspect=(0.62, 0.8),
)
def potted_plant(pen: Pen, colour: RGB, rng: random.Random) -> None:
    """Sword leaves, a round bush or broad leaves in a coloured pot."""
    w, cx = pen.w, pen.w / 2
    style = rng.choice(("swords", "bush", "broad"))
    if style == "bush":
        for x, y in ((0.5, 20), (0.26, 34), (0.74, 34), (0.5, 42)):
            pen.circle(x * w, y, min(20, 0.27 * w), shade(LEAF, 0.8 + 0.5 * (y < 30)))
    elif style == "swords":
        for i, x in enumerate((0.0, 1.0, 0.2, 0.8, 0.5)):
            tip = (x * w, 22 - 22 * (1 - abs(2 * x - 1)))
            root = cx + (x - 0.5) * 16
            pen.poly([(root - 6, 62), tip, (root + 6, 62)], shade(LEAF, 0.75 + 0.1 * i))
    else:
        for x, y in ((0.2, 30), (0.8, 30), (0.5, 15)):
            pen.line([(cx, 62), (x * w, y)], shade(LEAF, 0.7), 4)
            pen.ellipse(x * w - 0.2 * w, y - 15, x * w + 0.2 * w, y + 15, LEAF)
            pen.line([(x * w, y - 8), (x * w, y + 10)], shade(LEAF, 1.4), 2)
    pen.poly([(w * 0.14, 64), (w * 0.86, 64), (w * 0.76, 100), (w * 0.24, 100)], colour)
    rim = edge(colour) if rng.random() < 0.5 else shade(colour, 1.15)
    pen.rect(w * 0.08, 57, w * 0.92, 69, rim, radius=2)
    if rng.random() < 0.4:
        pen.rect(w * 0.2, 79, w * 0.8, 86, trim(colour))
