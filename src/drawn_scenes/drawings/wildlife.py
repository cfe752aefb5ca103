"""Wild animals and birds, facing left."""

from __future__ import annotations

import random

from drawn_scenes.catalog import kind
from drawn_scenes.drawings.animals import CREAM, DARK, eye, legs, look, oval, shape, stroke
from drawn_scenes.pen import RGB, Pen, shade

BILL: RGB = (246, 150, 24)


@kind(
    "bird",
    synonyms=("songbird", "birdie"),
    hypernyms=("animal", "flying animal"),
    colours=("black", "white", "brown", "gray", "orange", "red", "blue", "yellow"),
    places=("sky",),
    size=(0.36, 0.5),
    aspect=(1.25, 1.5),
)
def bird(pen: Pen, colour: RGB, rng: random.Random) -> None:
    """A bird in flight, its wings raised, spread or beating down."""
    far, near = shade(colour, 0.55), shade(colour, 0.78)
    pose = rng.choice(("up", "spread", "down"))
    mid = {"up": 78, "spread": 74, "down": 32}[pose]
    far_wing, near_wing = {
        "up": ([(32, 72), (26, 30), (38, 6), (56, 70)], [(34, 76), (40, 40), (68, 0), (76, 30), (68, 76)]),
        "spread": (
            [(32, 68), (20, 34), (6, 10), (42, 26), (56, 68)],
            [(34, 72), (48, 34), (94, 0), (90, 30), (66, 74)],
        ),
        "down": (
            [(30, 36), (16, 64), (16, 90), (46, 62), (50, 36)],
            [(36, 30), (38, 66), (60, 100), (74, 66), (64, 28)],
        ),
    }[pose]
    shape(pen, far_wing, far)
    shape(pen, [(66, mid - 11), (99, mid - 16), (91, mid - 2), (99, mid + 10), (66, mid + 12)], far)
    oval(pen, 18, mid - 19, 80, mid + 20, colour)
    pen.circle(0.22 * pen.w, mid - 10, 20, colour)
    oval(pen, 24, mid + 2, 62, mid + 20, shade(colour, 1.5))
    shape(pen, near_wing, near)
    bill = DARK if colour[0] > 180 and colour[1] <= 140 else BILL
    shape(pen, [(0, mid - 6), (11, mid - 16), (11, mid)], bill)
    eye(pen, 17, mid - 13, 4, look(colour))


@kind(
    "duck",
    synonyms=("duckling", "drake"),
    hypernyms=("animal", "waterfowl"),
    colours=(),
    places=("water", "grass"),
    size=(0.38, 0.5),
    aspect=(1.2, 1.4),
)
def duck(pen: Pen, colour: RGB, rng: random.Random) -> None:
    """A swimming or sitting duck: green-headed mallard, white duck, or yellow duckling."""
    style = rng.choice(("mallard", "mallard", "white", "duckling"))
    body: RGB = {"mallard": (150, 118, 86), "white": (250, 250, 246), "duckling": (252, 214, 50)}[style]
    head: RGB = (20, 120, 66) if style == "mallard" else body
    bill: RGB = (250, 206, 40) if style == "mallard" else BILL
    shape(pen, [(72, 62), (99, 40), (98, 66), (84, 88)], shade(body, 0.7))
    oval(pen, 14, 50, 94, 112, body)
    shape(pen, [(16, 34), (42, 34), (50, 62), (28, 88), (14, 76)], body)
    shape(pen, [(20, 24), (40, 24), (42, 52), (16, 52)], head)
    oval(pen, 12, 2, 46, 44, head)
    if style == "mallard":
        shape(pen, [(16, 50), (42, 50), (44, 56), (15, 56)], CREAM)
        oval(pen, 12, 57, 46, 100, (104, 60, 40))
    shape(pen, [(0, 24), (15, 17), (17, 33), (2, 33)], bill)
    oval(pen, 40, 56, 88, 86, shade(body, 0.8))
    eye(pen, 24, 17, 4, (250, 250, 250) if style == "mallard" else DARK)
    pen.hole(0, 100, pen.w, 120)


@kind(
    "elephant",
    synonyms=("pachyderm", "jumbo"),
    hypernyms=("animal", "wild animal", "mammal"),
    colours=(),
    places=("grass",),
    size=(1.4, 1.6),
    aspect=(1.25, 1.4),
)
def elephant(pen: Pen, colour: RGB, rng: random.Random) -> None:
    """A grey bulk with a big ear, a tusk and a trunk that hangs or is lifted."""
    skin: RGB = rng.choice(((136, 140, 150), (120, 122, 130), (150, 146, 146)))
    stroke(pen, [(95, 34), (98, 62)], shade(skin, 0.7), 4)
    legs(pen, (40, 50, 78, 87), 62, 19, skin, shade(skin, 0.55))
    oval(pen, 32, 10, 98, 78, skin)
    if rng.random() < 0.5:
        stroke(pen, [(16, 40), (9, 60), (8, 82), (3, 92)], skin, 12)
    else:
        stroke(pen, [(18, 42), (8, 50), (5, 30), (9, 10)], skin, 12)
    oval(pen, 8, 8, 44, 58, skin)
    stroke(pen, [(18, 54), (12, 64), (5, 64)], (252, 246, 226), 6)
    oval(pen, 28, 8, 54, 60, shade(skin, 0.72))
    oval(pen, 32, 14, 50, 52, shade(skin, 0.84))
    eye(pen, 18, 30, 3.2)


@kind(
    "giraffe",
    synonyms=("camelopard", "long-necked giraffe"),
    hypernyms=("animal", "wild animal", "mammal"),
    colours=(),
    places=("grass",),
    size=(1.7, 2.0),
    aspect=(0.6, 0.72),
)
def giraffe(pen: Pen, colour: RGB, rng: random.Random) -> None:
    """Yellow with brown patches, a neck as long as its legs, two little horns."""
    coat: RGB = rng.choice(((246, 200, 96), (238, 186, 82)))
    spot: RGB = (156, 88, 34)
    stroke(pen, [(95, 52), (98, 72)], spot, 2.5)
    legs(pen, (40, 50, 80, 90), 60, 5.5, coat, (90, 56, 30))
    shape(pen, [(34, 58), (44, 44), (80, 46), (97, 52), (96, 66), (42, 70)], coat)
    shape(pen, [(20, 10), (36, 10), (56, 48), (38, 62), (33, 56)], coat)
    stroke(pen, [(35, 10), (56, 46)], spot, 3)
    for x in (24, 32):
        stroke(pen, [(x, 9), (x + 1, 2)], spot, 3)
    shape(pen, [(36, 9), (48, 6), (40, 13)], coat)
    shape(pen, [(20, 6), (36, 6), (36, 17), (8, 20), (2, 17)], coat)
    oval(pen, 1, 14, 11, 20, shade(coat, 0.75))
    eye(pen, 25, 10.5, 1.8)
    for x, y, r in (
        (31, 23, 2.6),
        (35, 31, 3),
        (40, 38, 3),
        (38, 47, 3.4),
        (47, 46, 3),
        (46, 56, 4),
        (44, 65, 3),
        (59, 52, 4.2),
        (58, 63, 3.8),
        (72, 51, 3.6),
        (72, 62, 4.4),
        (86, 56, 4),
        (86, 64, 3),
    ):
        pen.circle(x * pen.w / 100, y, r, spot)


def _fox_head(pen: Pen, fur: RGB, dx: float, dy: float) -> None:
    """A pointed face with white cheeks, a black nose and black-tipped ears."""
    for x in (16, 26):
        shape(pen, [(x + dx, 20 + dy), (x + 5 + dx, -6 + dy), (x + 10 + dx, 20 + dy)], fur)
        shape(pen, [(x + 2.8 + dx, 6 + dy), (x + 5 + dx, -6 + dy), (x + 7 + dx, 6 + dy)], DARK)
    skull = [(1, 36), (17, 14), (36, 14), (39, 30), (28, 46)]
    shape(pen, [(x + dx, y + dy) for x, y in skull], fur)
    shape(pen, [(1 + dx, 36 + dy), (16 + dx, 32 + dy), (30 + dx, 34 + dy), (27 + dx, 47 + dy)], CREAM)
    pen.circle((2.5 + dx) * pen.w / 100, 36 + dy, 4.5, DARK)
    eye(pen, 18 + dx, 26 + dy, 3)


@kind(
    "fox",
    synonyms=("red fox", "vixen"),
    hypernyms=("animal", "wild animal", "mammal"),
    colours=(),
    places=("grass",),
    size=(0.46, 0.56),
    aspect=(1.5, 1.75),
)
def fox(pen: Pen, colour: RGB, rng: random.Random) -> None:
    """Russet with black stockings, a white chest and a thick tail tipped with white."""
    fur: RGB = rng.choice(((226, 104, 28), (210, 88, 26)))
    if rng.random() < 0.6:
        tail = [(70, 54), (80, 34), (99, 26), (97, 50), (84, 66)]
        tip = [(90, 30), (99, 26), (97, 48), (92, 46)]
    else:
        tail = [(68, 48), (84, 50), (99, 80), (92, 92), (80, 80)]
        tip = [(91, 66), (99, 80), (92, 92), (85, 84)]
    shape(pen, tail, fur)
    shape(pen, tip, CREAM)
    legs(pen, (31, 37, 66, 71), 66, 10, (66, 40, 30), DARK, 2)
    pen.rect(0.24 * pen.w, 42, 0.76 * pen.w, 74, fur, radius=15)
    oval(pen, 22, 46, 36, 76, CREAM)
    _fox_head(pen, fur, 0, 8)
