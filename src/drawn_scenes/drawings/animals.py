"""Pets and farm animals, all facing left, in a frame 100 wide and 100 high that is stretched to fit."""

from __future__ import annotations

import random
from collections.abc import Sequence

from drawn_scenes.catalog import kind
from drawn_scenes.pen import RGB, Pen, Point, shade

DARK: RGB = (30, 26, 26)
PINK: RGB = (240, 160, 164)
CREAM: RGB = (250, 246, 236)
COATS = ("black", "white", "brown", "gray", "orange")


def at(pen: Pen, points: Sequence[Point]) -> list[Point]:
    """Points with x in hundredths of the sprite's width."""
    return [(x * pen.w / 100, y) for x, y in points]


def oval(pen: Pen, x0: float, y0: float, x1: float, y1: float, fill: RGB) -> None:
    """An ellipse with x in hundredths of the sprite's width."""
    pen.ellipse(x0 * pen.w / 100, y0, x1 * pen.w / 100, y1, fill)


def shape(pen: Pen, points: Sequence[Point], fill: RGB) -> None:
    """A polygon with x in hundredths of the sprite's width."""
    pen.poly(at(pen, points), fill)


def stroke(pen: Pen, points: Sequence[Point], fill: RGB, width: float) -> None:
    """A round polyline with x in hundredths of the sprite's width."""
    pen.line(at(pen, points), fill, width)


def eye(pen: Pen, x: float, y: float, r: float = 3.5, fill: RGB = DARK) -> None:
    """A round eye; pale where the coat is dark."""
    pen.circle(x * pen.w / 100, y, r, fill)


def legs(pen: Pen, xs: Sequence[float], top: float, width: float, coat: RGB, hoof: RGB, step: float = 0) -> None:
    """Legs at `xs`, far and near by turns (the far ones darker), feet apart by `step`, with hooves."""
    for i, x in sorted(enumerate(xs), key=lambda pair: pair[0] % 2):
        near = i % 2 == 1
        foot = x + (step if near else -step)
        tone = coat if near else shade(coat, 0.72)
        stroke(pen, [(x, top), (foot, 97 - width / 2)], tone, width)
        pen.rect(foot * pen.w / 100 - width / 2, 94, foot * pen.w / 100 + width / 2, 100, hoof)


def look(coat: RGB) -> RGB:
    """The colour of eyes that show on `coat`."""
    return (250, 214, 70) if sum(coat) < 200 else DARK


def _dog_head(pen: Pen, coat: RGB, ear: str, dx: float, dy: float) -> None:
    """A muzzle with a black nose, a tongue, and hanging or upright ears."""
    dark = shade(coat, 0.6)
    oval(pen, 14 + dx, 6 + dy, 44 + dx, 42 + dy, coat)
    shape(pen, [(2 + dx, 22 + dy), (24 + dx, 14 + dy), (28 + dx, 42 + dy), (5 + dx, 38 + dy)], coat)
    tongue = [(9 + dx, 38 + dy), (17 + dx, 38 + dy), (14 + dx, 51 + dy), (10 + dx, 50 + dy)]
    shape(pen, tongue, (236, 92, 110))
    pen.circle((4 + dx) * pen.w / 100, 24 + dy, 6, DARK)
    eye(pen, 21 + dx, 20 + dy, 3.5, look(coat))
    if ear == "hanging":
        oval(pen, 31 + dx, 10 + dy, 46 + dx, 48 + dy, dark)
    else:
        shape(pen, [(26 + dx, 14 + dy), (35 + dx, -8 + dy), (43 + dx, 18 + dy)], dark)


@kind(
    "dog",
    synonyms=("puppy", "hound", "doggy", "pooch"),
    hypernyms=("animal", "pet", "mammal"),
    colours=COATS,
    places=("sidewalk", "grass", "road"),
    size=(0.5, 0.62),
    aspect=(1.15, 1.35),
)
def dog(pen: Pen, colour: RGB, rng: random.Random) -> None:
    """A dog that stands with its tail up, or sits."""
    ear = rng.choice(("hanging", "upright"))
    if rng.random() < 0.65:
        stroke(pen, [(88, 48), (95, 32), (93, 14)], colour, 9)
        legs(pen, (30, 38, 78, 86), 62, 11, colour, shade(colour, 0.6), 2)
        pen.rect(0.26 * pen.w, 38, 0.92 * pen.w, 72, colour, radius=16)
        shape(pen, [(24, 30), (46, 26), (54, 48), (30, 66)], colour)
        stroke(pen, [(27, 47), (46, 42)], (214, 40, 46), 6)
        _dog_head(pen, colour, ear, 0, 9)
        return
    stroke(pen, [(78, 92), (92, 86), (97, 68)], colour, 9)
    oval(pen, 38, 46, 84, 100, colour)
    shape(pen, [(28, 38), (50, 34), (78, 64), (64, 94), (34, 94)], colour)
    legs(pen, (42, 34), 58, 12, colour, shade(colour, 0.6))
    oval(pen, 50, 66, 80, 100, shade(colour, 0.8))
    stroke(pen, [(30, 48), (52, 44)], (214, 40, 46), 7)
    _dog_head(pen, colour, ear, 4, 8)


def _cat_face(pen: Pen, coat: RGB, x: float, y: float) -> None:
    """A round face seen from the front: triangle ears, bright eyes, pink nose, whiskers."""
    for side in (-1, 1):
        shape(pen, [(x + side * 21, y - 34), (x + side * 22, y - 2), (x + side * 2, y - 16)], coat)
        shape(pen, [(x + side * 18, y - 26), (x + side * 18, y - 10), (x + side * 9, y - 15)], PINK)
    oval(pen, x - 23, y - 20, x + 23, y + 19, coat)
    for side in (-1, 1):
        pen.circle((x + side * 10) * pen.w / 100, y - 3, 5.5, (150, 214, 70))
        pen.circle((x + side * 10) * pen.w / 100, y - 3, 2.5, DARK)
        for dy in (4, 10):
            whisker = (225, 225, 225) if sum(coat) < 300 else (90, 80, 80)
            stroke(pen, [(x + side * 8, y + 7), (x + side * 28, y + dy)], whisker, 1.2)
    oval(pen, x - 4, y + 4, x + 4, y + 9, PINK)


@kind(
    "cat",
    synonyms=("kitten", "kitty", "tomcat", "house cat"),
    hypernyms=("animal", "pet", "mammal"),
    colours=COATS,
    places=("sidewalk", "grass"),
    size=(0.42, 0.52),
    aspect=(0.9, 1.1),
)
def cat(pen: Pen, colour: RGB, rng: random.Random) -> None:
    """A cat that sits or walks with its tail up, its face towards us; sometimes striped."""
    dark = shade(colour, 0.62) if sum(colour) > 200 else shade(colour, 1.2)
    tabby = rng.random() < 0.5
    if rng.random() < 0.5:
        stroke(pen, [(66, 93), (88, 90), (93, 68), (84, 52)], colour, 11)
        oval(pen, 20, 42, 80, 106, colour)
        pen.rect(0.2 * pen.w, 78, 0.8 * pen.w, 100, colour, radius=9)
        if tabby:
            for y in (62, 72, 82):
                stroke(pen, [(66, y), (76, y + 1)], dark, 4)
        for x in (41, 57):
            stroke(pen, [(x, 72), (x, 94)], shade(colour, 0.85), 3)
        _cat_face(pen, colour, 49, 36)
        return
    stroke(pen, [(88, 56), (94, 36), (88, 12), (94, 5)], colour, 9)
    legs(pen, (34, 42, 80, 88), 68, 9, colour, shade(colour, 0.8), 3)
    pen.rect(0.26 * pen.w, 44, 0.95 * pen.w, 76, colour, radius=15)
    if tabby:
        for x in (58, 68, 78):
            stroke(pen, [(x, 46), (x, 60)], dark, 4)
    _cat_face(pen, colour, 28, 38)


@kind(
    "rabbit",
    synonyms=("bunny", "bunny rabbit"),
    hypernyms=("animal", "pet", "mammal"),
    colours=("white", "brown", "gray", "black"),
    places=("grass",),
    size=(0.4, 0.5),
    aspect=(0.8, 0.95),
)
def rabbit(pen: Pen, colour: RGB, rng: random.Random) -> None:
    """Two long ears, a round back and a white scut; ears upright or laid back."""
    back = rng.choice((0, 14))
    dark = shade(colour, 0.8)
    pen.circle(0.9 * pen.w, 84, 9, CREAM if sum(colour) < 600 else (226, 224, 220))
    for x, tone in ((36, dark), (24, colour)):
        stroke(pen, [(x, 38), (x + back + 2, 8)], tone, 13)
    stroke(pen, [(24 + back / 3, 32), (26 + back, 10)], PINK, 5)
    oval(pen, 26, 46, 94, 100, colour)
    oval(pen, 22, 56, 54, 100, colour)
    oval(pen, 50, 62, 84, 100, dark)
    pen.rect(0.48 * pen.w, 91, 0.86 * pen.w, 100, colour, radius=4)
    pen.rect(0.2 * pen.w, 91, 0.42 * pen.w, 100, dark, radius=4)
    oval(pen, 3, 30, 46, 68, colour)
    eye(pen, 19, 45, 4, look(colour))
    pen.circle(0.05 * pen.w, 50, 4, PINK)
