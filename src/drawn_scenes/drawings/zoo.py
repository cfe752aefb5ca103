"""Wild and farm animals that streets do not show, facing left."""

from __future__ import annotations

import math
import random

from drawn_scenes.catalog import kind
from drawn_scenes.drawings.animals import DARK, PINK, eye, legs, look, oval, shape, stroke
from drawn_scenes.pen import RGB, Pen, shade


@kind(
    "bear",
    synonyms=("brown bear", "grizzly"),
    hypernyms=("animal", "wild animal", "mammal"),
    colours=("brown", "black", "white"),
    places=("grass", "snow"),
    size=(0.8, 0.95),
    aspect=(1.3, 1.5),
)
def bear(pen: Pen, colour: RGB, rng: random.Random) -> None:
    """A heavy body with a shoulder hump, thick legs, a low head, round ears and a pale snout."""
    dark = shade(colour, 0.75) if max(colour) > 60 else shade(colour, 1.25)
    for x, tone in ((34, dark), (80, dark), (26, colour), (88, colour)):
        pen.rect((x - 8) * pen.w / 100, 56, (x + 8) * pen.w / 100, 100, tone, radius=7)
    oval(pen, 18, 12, 64, 78, colour)
    oval(pen, 42, 18, 98, 82, colour)
    oval(pen, 24, 4, 36, 22, dark)
    oval(pen, 5, 8, 37, 54, colour)
    oval(pen, 8, 4, 20, 22, dark)
    oval(pen, 10, 8, 17, 17, shade(colour, 1.4))
    oval(pen, 0, 30, 20, 52, shade(colour, 1.5) if sum(colour) < 650 else (222, 216, 206))
    oval(pen, 0, 32, 8, 42, DARK)
    eye(pen, 15, 26, 3, look(colour))
    if rng.random() < 0.4:
        stroke(pen, [(4, 47), (12, 48)], DARK, 2)


@kind(
    "zebra",
    synonyms=("zebras", "striped horse"),
    hypernyms=("animal", "wild animal", "mammal"),
    colours=(),
    places=("grass",),
    size=(0.95, 1.1),
    aspect=(1.15, 1.3),
)
def zebra(pen: Pen, colour: RGB, rng: random.Random) -> None:
    """A white horse with black stripes all over and an upright mane."""
    coat: RGB = (246, 244, 238)
    legs(pen, (34, 41, 78, 85), 56, 9, coat, DARK, rng.choice((0, 3)))
    for x in (34, 41, 78, 85):
        for y in (70, 79, 88):
            stroke(pen, [(x - 3, y), (x + 3, y)], DARK, 3)
    stroke(pen, [(91, 42), (97, 56), (95, 74)], DARK, 4)
    pen.rect(0.28 * pen.w, 35, 0.93 * pen.w, 68, coat, radius=15)
    shape(pen, [(14, 12), (30, 8), (52, 40), (34, 62)], coat)
    stroke(pen, [(26, 5), (50, 36)], DARK, 8)
    shape(pen, [(14, 10), (28, 8), (26, 30), (8, 42), (1, 36)], coat)
    shape(pen, [(1, 36), (9, 28), (14, 36), (8, 43)], DARK)
    shape(pen, [(24, 10), (26, -2), (32, 8)], coat)
    for x in (40, 49, 58, 67, 76, 85):
        stroke(pen, [(x, 37), (x - 3, 50), (x, 64)], DARK, 4.5)
    for x, y in ((24, 22), (30, 30), (36, 38)):
        stroke(pen, [(x - 2, y + 12), (x + 9, y)], DARK, 4)
    stroke(pen, [(12, 20), (15, 33)], DARK, 2.5)
    eye(pen, 19, 18, 2.6)


@kind(
    "lion",
    synonyms=("lions", "male lion"),
    hypernyms=("animal", "wild animal", "big cat"),
    colours=(),
    places=("grass",),
    size=(0.75, 0.9),
    aspect=(1.35, 1.5),
)
def lion(pen: Pen, colour: RGB, rng: random.Random) -> None:
    """A tawny cat with a great brown mane around its face and a tufted tail."""
    coat: RGB = rng.choice(((226, 172, 92), (214, 160, 84)))
    mane: RGB = rng.choice(((140, 76, 30), (116, 66, 34)))
    stroke(pen, [(90, 46), (97, 28), (92, 10)], coat, 6)
    pen.circle(0.92 * pen.w, 8, 8, mane)
    legs(pen, (34, 42, 80, 88), 62, 12, coat, shade(coat, 0.75), 2)
    pen.rect(0.3 * pen.w, 36, 0.93 * pen.w, 74, coat, radius=18)
    for i in range(12):
        a = 2 * math.pi * i / 12
        oval(
            pen,
            24 + 16 * math.cos(a) - 10,
            36 + 24 * math.sin(a) - 13,
            24 + 16 * math.cos(a) + 10,
            36 + 24 * math.sin(a) + 13,
            mane,
        )
    oval(pen, 8, 14, 40, 62, mane)
    for x in (13, 35):
        oval(pen, x - 5, 12, x + 5, 26, coat)
    oval(pen, 10, 16, 38, 58, coat)
    oval(pen, 17, 38, 31, 56, (250, 236, 206))
    shape(pen, [(20, 36), (28, 36), (24, 43)], DARK)
    for x in (18, 30):
        eye(pen, x, 30, 3.2)


@kind(
    "pig",
    synonyms=("piglet", "hog", "swine"),
    hypernyms=("animal", "farm animal", "mammal"),
    colours=("pink", "black", "brown"),
    places=("grass",),
    size=(0.55, 0.66),
    aspect=(1.4, 1.6),
)
def pig(pen: Pen, colour: RGB, rng: random.Random) -> None:
    """A barrel on short legs with a flat snout, flap ears and a curly tail."""
    dark = shade(colour, 0.75) if max(colour) > 60 else shade(colour, 1.3)
    pen.arc(0.95 * pen.w, 36, 7, 90, 400, dark, 4)
    for x, tone in ((32, dark), (78, dark), (26, colour), (86, colour)):
        pen.rect((x - 5) * pen.w / 100, 66, (x + 5) * pen.w / 100, 98, tone, radius=3)
        pen.rect((x - 5) * pen.w / 100, 93, (x + 5) * pen.w / 100, 100, shade(dark, 0.6))
    oval(pen, 16, 12, 96, 88, colour)
    oval(pen, 5, 16, 42, 70, colour)
    shape(pen, [(24, 22), (34, 2), (42, 24)], dark)
    shape(pen, [(12, 24), (14, 4), (25, 20)], dark)
    pen.rect(0, 38, 0.12 * pen.w, 62, PINK if sum(colour) < 480 else shade(colour, 0.82), radius=8)
    for y in (45, 55):
        pen.circle(0.045 * pen.w, y, 3, shade(dark, 0.45))
    eye(pen, 18, 34, 3.4, look(colour))
    if rng.random() < 0.3:
        oval(pen, 54, 22, 74, 50, dark)


@kind(
    "butterfly",
    synonyms=("butterflies", "monarch butterfly"),
    hypernyms=("insect", "animal"),
    colours=("orange", "yellow", "blue", "purple", "white", "pink", "red"),
    places=("sky",),
    size=(0.26, 0.34),
    aspect=(1.1, 1.3),
)
def butterfly(pen: Pen, colour: RGB, rng: random.Random) -> None:
    """Four open wings with dark rims and spots around a thin body with feelers."""
    for side in (-1, 1):
        upper = [(50, 46), (50 + side * 16, 8), (50 + side * 44, 0), (50 + side * 49, 30), (50 + side * 34, 54)]
        lower = [(50, 50), (50 + side * 38, 54), (50 + side * 42, 82), (50 + side * 22, 98), (50 + side * 6, 76)]
        for wing in (upper, lower):
            shape(pen, wing, DARK)
            cx, cy = (sum(v) / len(wing) for v in zip(*wing, strict=True))
            shape(pen, [(cx + (x - cx) * 0.78, cy + (y - cy) * 0.78) for x, y in wing], colour)
        oval(pen, 50 + side * 34 - 5, 18, 50 + side * 34 + 5, 30, (250, 250, 246) if sum(colour) < 640 else DARK)
        if rng.random() < 0.7:
            oval(pen, 50 + side * 26 - 5, 66, 50 + side * 26 + 5, 78, DARK)
        stroke(pen, [(50, 24), (50 + side * 10, 4)], DARK, 2.4)
    oval(pen, 46, 20, 54, 86, DARK)
