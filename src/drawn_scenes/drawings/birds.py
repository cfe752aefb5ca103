"""Birds that sit, stand or swim, facing left."""

from __future__ import annotations

import random

from drawn_scenes.catalog import kind
from drawn_scenes.drawings.animals import CREAM, DARK, oval, shape, stroke
from drawn_scenes.drawings.wildlife import BILL, bird
from drawn_scenes.pen import RGB, Pen, shade

kind(
    "songbird",
    synonyms=("sparrow", "birdie"),
    hypernyms=("bird", "animal"),
    colours=("black", "white", "brown", "gray", "orange", "red", "blue", "yellow"),
    places=("sky",),
    size=(0.36, 0.5),
    aspect=(1.25, 1.5),
)(bird)


@kind(
    "parrot",
    synonyms=("macaw", "parakeet"),
    hypernyms=("bird", "animal"),
    colours=("red", "green", "blue", "yellow"),
    places=("grass", "sidewalk"),
    size=(0.5, 0.6),
    aspect=(0.5, 0.6),
)
def parrot(pen: Pen, colour: RGB, rng: random.Random) -> None:
    """Upright on a perch: a hooked bill, a white face, bright wings and a long tail."""
    wing: RGB = rng.choice(((40, 110, 220), (250, 206, 40), (40, 160, 80)))
    stroke(pen, [(2, 74), (98, 74)], (122, 84, 46), 7)
    stroke(pen, [(50, 74), (50, 98)], (122, 84, 46), 5)
    shape(pen, [(56, 60), (84, 64), (98, 100), (80, 100)], wing)
    oval(pen, 22, 20, 82, 80, colour)
    shape(pen, [(52, 28), (84, 34), (92, 72), (70, 80), (54, 56)], wing)
    shape(pen, [(54, 44), (78, 50), (84, 62), (60, 62)], shade(wing, 0.7))
    oval(pen, 16, 0, 70, 38, colour)
    oval(pen, 18, 9, 42, 28, (250, 248, 240))
    shape(pen, [(20, 10), (4, 14), (2, 30), (12, 36), (22, 28)], (54, 50, 50))
    pen.circle(0.34 * pen.w, 15, 3.5, DARK)
    for x in (42, 58):
        stroke(pen, [(x, 72), (x, 79)], (90, 86, 84), 4)


@kind(
    "owl",
    synonyms=("barn owl", "tawny owl"),
    hypernyms=("bird", "animal"),
    colours=("brown", "gray", "white"),
    places=("grass", "snow"),
    size=(0.45, 0.55),
    aspect=(0.62, 0.72),
)
def owl(pen: Pen, colour: RGB, rng: random.Random) -> None:
    """From the front: two great eyes, ear tufts, folded wings and a speckled breast."""
    dark, pale = shade(colour, 0.7), shade(colour, 1.5) if sum(colour) < 650 else (226, 220, 208)
    for x in (36, 64):
        stroke(pen, [(x, 90), (x, 97)], BILL, 7)
    oval(pen, 6, 22, 94, 96, dark)
    oval(pen, 20, 34, 80, 96, pale)
    for x, y in ((36, 58), (50, 62), (64, 58), (42, 74), (58, 74), (50, 86)):
        stroke(pen, [(x - 4, y), (x, y + 5), (x + 4, y)], dark, 2.5)
    if rng.random() < 0.75:
        for x, tip in ((14, 6), (86, 94)):
            shape(pen, [(x - 8, 22), (tip, 0), (x + 12, 14)], dark)
    oval(pen, 6, 6, 94, 52, colour)
    for x in (30, 70):
        oval(pen, x - 21, 12, x + 21, 46, pale)
        oval(pen, x - 14, 17, x + 14, 41, (250, 196, 40))
        oval(pen, x - 8, 21, x + 8, 36, DARK)
    shape(pen, [(42, 32), (58, 32), (50, 50)], BILL)


@kind(
    "penguin",
    synonyms=("penguins", "king penguin"),
    hypernyms=("bird", "animal"),
    colours=(),
    places=("snow", "grass"),
    size=(0.55, 0.65),
    aspect=(0.52, 0.62),
)
def penguin(pen: Pen, colour: RGB, rng: random.Random) -> None:
    """Upright in black and white, with flippers, orange bill and feet; sometimes a yellow collar."""
    black: RGB = (34, 38, 48)
    for x in (30, 68):
        oval(pen, x - 20, 92, x + 14, 100, BILL)
    shape(pen, [(20, 34), (0, 64), (8, 72), (30, 56)], black)
    shape(pen, [(80, 34), (100, 64), (92, 72), (70, 56)], black)
    oval(pen, 12, 22, 88, 98, black)
    oval(pen, 20, 34, 74, 96, (250, 250, 248))
    if rng.random() < 0.5:
        oval(pen, 24, 28, 70, 44, (250, 206, 60))
    oval(pen, 20, 0, 78, 36, black)
    oval(pen, 24, 12, 44, 30, (250, 250, 248))
    shape(pen, [(24, 14), (0, 20), (24, 25)], BILL)
    pen.circle(0.38 * pen.w, 15, 3, (250, 250, 250) if rng.random() < 0.5 else (250, 214, 70))


@kind(
    "flamingo",
    synonyms=("flamingos", "pink wader"),
    hypernyms=("bird", "animal"),
    colours=(),
    places=("grass", "sand"),
    size=(0.85, 1.0),
    aspect=(0.5, 0.6),
)
def flamingo(pen: Pen, colour: RGB, rng: random.Random) -> None:
    """Pink on long thin legs, often on one, with an S of a neck and a black-tipped bent bill."""
    pink: RGB = rng.choice(((246, 128, 150), (250, 150, 160), (240, 106, 120)))
    leg = shade(pink, 0.85)
    stroke(pen, [(60, 56), (58, 98)], leg, 3.5)
    if rng.random() < 0.5:
        stroke(pen, [(66, 56), (84, 72), (58, 74)], leg, 3.5)
    else:
        stroke(pen, [(70, 56), (72, 98)], leg, 3.5)
    oval(pen, 36, 36, 98, 64, pink)
    shape(pen, [(60, 40), (100, 44), (94, 60), (70, 60)], shade(pink, 0.8))
    stroke(pen, [(44, 48), (30, 40), (46, 24), (38, 10), (26, 9)], pink, 7)
    oval(pen, 14, 3, 42, 16, pink)
    shape(pen, [(18, 7), (2, 14), (6, 24), (14, 18), (22, 15)], CREAM)
    shape(pen, [(4, 15), (6, 25), (14, 18)], DARK)
    pen.circle(0.28 * pen.w, 8, 1.6, DARK)


@kind(
    "swan",
    synonyms=("swans", "mute swan"),
    hypernyms=("bird", "waterfowl", "animal"),
    colours=("white", "black"),
    places=("water",),
    size=(0.55, 0.68),
    aspect=(1.15, 1.3),
)
def swan(pen: Pen, colour: RGB, rng: random.Random) -> None:
    """A swimming swan with raised wings and a tall curved neck."""
    tone = shade(colour, 0.86) if max(colour) > 60 else shade(colour, 1.25)
    shape(pen, [(84, 60), (100, 42), (98, 74)], tone)
    oval(pen, 20, 50, 94, 112, colour)
    shape(pen, [(36, 66), (50, 40 if rng.random() < 0.5 else 50), (92, 42), (96, 70), (60, 88)], tone)
    stroke(pen, [(34, 72), (22, 60), (28, 38), (30, 20), (20, 12)], colour, 12)
    oval(pen, 8, 2, 36, 24, colour)
    shape(pen, [(14, 8), (0, 16), (2, 21), (16, 18)], (240, 110, 40))
    shape(pen, [(13, 6), (18, 12), (13, 15)], DARK)
    pen.circle(0.2 * pen.w, 9, 2.2, DARK if max(colour) > 60 else (250, 250, 250))
    pen.hole(0, 100, pen.w, 120)
