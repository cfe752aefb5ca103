"""Farm animals, facing left: horses, cows and sheep."""

from __future__ import annotations

import random

from drawn_scenes.catalog import kind
from drawn_scenes.drawings.animals import CREAM, DARK, PINK, eye, legs, look, oval, shape, stroke
from drawn_scenes.pen import RGB, Pen, shade


def _horse_front(pen: Pen, coat: RGB, mane: RGB, grazing: bool) -> None:
    """The neck, the mane and the long head, raised or down in the grass."""
    if grazing:
        shape(pen, [(20, 40), (38, 36), (40, 62), (18, 82), (8, 74)], coat)
        shape(pen, [(8, 68), (22, 72), (14, 96), (2, 98), (1, 90)], coat)
        stroke(pen, [(34, 38), (20, 50), (10, 66)], mane, 8)
        shape(pen, [(12, 66), (16, 54), (20, 68)], coat)
        eye(pen, 11, 76, 2.5, look(coat))
        oval(pen, 0, 90, 9, 99, shade(coat, 0.65))
        return
    shape(pen, [(20, 10), (34, 14), (48, 44), (26, 62), (20, 40)], coat)
    shape(pen, [(20, 8), (30, 16), (24, 30), (8, 40), (1, 36), (3, 28)], coat)
    stroke(pen, [(25, 7), (35, 18), (44, 38)], mane, 9)
    shape(pen, [(21, 12), (24, 0), (29, 12)], coat)
    eye(pen, 19, 17, 2.8, look(coat))
    oval(pen, 0, 28, 9, 40, shade(coat, 0.65))


@kind(
    "horse",
    synonyms=("pony", "stallion", "mare", "steed"),
    hypernyms=("animal", "farm animal", "mammal"),
    colours=("black", "white", "brown", "gray"),
    places=("grass", "road"),
    size=(1.0, 1.15),
    aspect=(1.1, 1.25),
)
def horse(pen: Pen, colour: RGB, rng: random.Random) -> None:
    """A horse that stands, trots or grazes, with a dark mane and tail; sometimes saddled."""
    pose = rng.choice(("stand", "trot", "graze"))
    mane = shade(colour, 0.45) if sum(colour) > 140 else (92, 84, 80)
    if sum(colour) > 600:
        mane = (176, 168, 156)
    stroke(pen, [(88, 42), (96, 54), (94, 78)], mane, 9)
    legs(pen, (34, 41, 78, 85), 56, 9, colour, DARK, 4 if pose == "trot" else 0)
    oval(pen, 24, 34, 60, 70, colour)
    oval(pen, 56, 33, 94, 68, colour)
    pen.rect(0.36 * pen.w, 37, 0.82 * pen.w, 66, colour, radius=10)
    if pose != "graze" and rng.random() < 0.4:
        pen.rect(0.48 * pen.w, 35, 0.7 * pen.w, 52, (160, 30, 40), radius=4)
        pen.rect(0.5 * pen.w, 32, 0.68 * pen.w, 41, (80, 46, 26), radius=4)
    _horse_front(pen, colour, mane, pose == "graze")


@kind(
    "cow",
    synonyms=("dairy cow", "heifer", "milk cow"),
    hypernyms=("animal", "farm animal", "cattle"),
    colours=(),
    places=("grass",),
    size=(0.85, 1.0),
    aspect=(1.35, 1.55),
)
def cow(pen: Pen, colour: RGB, rng: random.Random) -> None:
    """A boxy body with patches, an udder, horns and a pink muzzle; piebald or brown and white."""
    patch: RGB = rng.choice((DARK, DARK, (140, 78, 40)))
    coat = CREAM
    stroke(pen, [(95, 32), (98, 50), (97, 68)], coat, 4)
    oval(pen, 94, 62, 100, 78, patch)
    legs(pen, (32, 39, 82, 89), 60, 11, coat, DARK)
    oval(pen, 68, 62, 82, 82, PINK)
    pen.rect(0.22 * pen.w, 24, 0.97 * pen.w, 73, coat, radius=12)
    shape(pen, [(16, 26), (30, 24), (34, 56), (20, 46)], coat)
    two = ((36, 24, 58, 52), (70, 32, 94, 60))
    three = ((44, 40, 66, 66), (72, 24, 96, 50), (28, 24, 42, 42))
    spots = rng.choice((two, three))
    for spot in spots:
        oval(pen, *spot, patch)
    for x in (9, 22):
        stroke(pen, [(x + 1, 14), (x - 2 if x < 15 else x + 3, 3)], (224, 210, 170), 5)
    oval(pen, 21, 12, 34, 24, patch)
    pen.rect(0.06 * pen.w, 10, 0.24 * pen.w, 48, patch, radius=8)
    pen.rect(0.12 * pen.w, 10, 0.175 * pen.w, 40, coat, radius=3)
    pen.rect(0.03 * pen.w, 36, 0.22 * pen.w, 54, PINK, radius=8)
    for x in (8, 15):
        eye(pen, x, 44, 2.2, shade(PINK, 0.5))
    eye(pen, 9.5, 22, 2.8, (250, 250, 250))
    eye(pen, 20, 22, 2.8, (250, 250, 250))


@kind(
    "sheep",
    synonyms=("lamb", "ewe"),
    hypernyms=("animal", "farm animal", "mammal"),
    colours=(),
    places=("grass",),
    size=(0.58, 0.7),
    aspect=(1.2, 1.4),
)
def sheep(pen: Pen, colour: RGB, rng: random.Random) -> None:
    """A woolly cloud on four thin legs, with a dark or a pale face."""
    face: RGB = rng.choice(((40, 36, 38), (40, 36, 38), (214, 178, 150)))
    wool = (250, 247, 238)
    legs(pen, (36, 44, 74, 82), 70, 9, face, shade(face, 0.7))
    oval(pen, 22, 20, 94, 84, shade(wool, 0.82))
    for x, y, r in (
        (32, 34, 17),
        (50, 24, 18),
        (68, 24, 18),
        (84, 38, 17),
        (88, 54, 14),
        (80, 66, 15),
        (62, 68, 16),
        (44, 68, 16),
        (30, 54, 16),
        (58, 46, 26),
    ):
        pen.circle(x * pen.w / 100, y, r, wool)
    for x, y in ((48, 44), (64, 36), (72, 54), (54, 60)):
        pen.arc(x * pen.w / 100, y, 8, 20, 160, shade(wool, 0.78), 3)
    head = 6 if rng.random() < 0.6 else 24
    oval(pen, 26, head + 12, 42, head + 24, face)
    oval(pen, 4, head + 6, 30, head + 46, face)
    pen.circle(0.22 * pen.w, head + 10, 12, wool)
    eye(pen, 13, head + 22, 3, (250, 250, 250) if sum(face) < 200 else DARK)
