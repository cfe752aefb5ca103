"""People on foot."""

from __future__ import annotations

import random

from drawn_scenes.catalog import kind
from drawn_scenes.pen import COLOURS, RGB, Pen, shade

SKINS: tuple[RGB, ...] = ((250, 214, 186), (228, 178, 138), (176, 118, 78), (112, 70, 46))
HAIRS: tuple[RGB, ...] = ((36, 28, 26), (92, 56, 30), (206, 164, 84), (168, 78, 36), (186, 186, 190))
TROUSERS: tuple[RGB, ...] = ((48, 58, 92), (74, 74, 82), (110, 96, 78), (40, 40, 48))
SHOE: RGB = (30, 28, 32)


def head(pen: Pen, cx: float, cy: float, r: float, skin: RGB, hair: RGB, long_hair: bool) -> None:
    """A head from the front: hair, face, and hair down to the shoulders if it is long."""
    if long_hair:
        pen.rect(cx - r * 1.1, cy - r * 0.5, cx + r * 1.1, cy + r * 1.7, hair, radius=r * 0.6)
    pen.circle(cx, cy, r, hair)
    pen.ellipse(cx - r * 0.8, cy - r * 0.45, cx + r * 0.8, cy + r, skin)


def legs(pen: Pen, colour: RGB, top: float, walking: bool, width: float = 10) -> None:
    """Two legs with shoes under the middle of the sprite, together or in mid-stride."""
    cx = pen.w / 2
    spread = pen.w * 0.36 if walking else 6
    for side, tone in ((-1, shade(colour, 0.8)), (1, colour)):
        foot = cx + side * spread
        pen.line([(cx + side * 4, top), (cx + side * (spread * 0.5 + 2), 76), (foot, 95)], tone, width)
        pen.rect(foot - 4, 94, foot + 8, 100, SHOE, radius=3)


def arms(pen: Pen, colour: RGB, skin: RGB, pose: str) -> None:
    """Two arms from the shoulders: hanging, swinging or one of them waving."""
    cx = pen.w / 2
    left = {"hang": (cx - 14, 54), "swing": (cx - 16, 50), "wave": (cx - 14, 54)}[pose]
    right = {"hang": (cx + 14, 54), "swing": (cx + 17, 46), "wave": (cx + 17, 10)}[pose]
    for side, hand in ((-1, left), (1, right)):
        pen.line([(cx + side * 9, 27), (cx + side * 14, 38 if hand[1] > 30 else 24), hand], colour, 7)
        pen.circle(*hand, 4, skin)


def _torso(pen: Pen, colour: RGB, bottom: float) -> None:
    """Shoulders, chest and waist."""
    cx = pen.w / 2
    pen.rect(cx - 12, 20, cx + 12, bottom, colour, radius=6)


def _skirt(pen: Pen, colour: RGB, hem: float, half: float) -> None:
    """What hangs from the waist: the lower part of a dress or a coat."""
    cx = pen.w / 2
    pen.poly([(cx - 9, 40), (cx + 9, 40), (cx + half, hem), (cx - half, hem)], colour)


@kind(
    "person",
    synonyms=("pedestrian", "man", "woman"),
    hypernyms=("people", "human"),
    places=("sidewalk", "grass", "road"),
    size=(0.9, 1.05),
    aspect=(0.38, 0.42),
)
def person(pen: Pen, colour: RGB, rng: random.Random) -> None:
    """A grown-up in trousers, a coat or a dress, standing, walking or waving."""
    skin, hair = rng.choice(SKINS), rng.choice(HAIRS)
    style = rng.choice(("trousers", "trousers", "coat", "dress"))
    pose = rng.choice(("hang", "swing", "wave"))
    walking = pose == "swing"
    legs(pen, skin if style == "dress" else rng.choice(TROUSERS), 54, walking, 7 if style == "dress" else 10)
    arms(pen, skin if style == "dress" else shade(colour, 0.82), skin, pose)
    _torso(pen, colour, 58)
    cx = pen.w / 2
    if style == "dress":
        _skirt(pen, colour, 74, 17)
        pen.rect(cx - 10, 41, cx + 10, 45, shade(colour, 0.65))
    elif style == "coat":
        _skirt(pen, colour, 78, 14)
        pen.line([(cx, 24), (cx, 77)], shade(colour, 0.6), 2.5)
    pen.rect(cx - 3.5, 15, cx + 3.5, 23, shade(skin, 0.85))
    head(pen, cx, 10, 9.5, skin, hair, style == "dress" or rng.random() < 0.3)
    if style != "dress" and rng.random() < 0.25:
        pen.rect(cx + 10, 46, cx + 20, 62, shade(COLOURS["brown"], 0.8), radius=2)


def _helmet(pen: Pen, colour: RGB) -> None:
    """A hard hat with its brim."""
    cx = pen.w / 2
    pen.pie(cx, 11, 11.5, 180, 360, colour)
    pen.rect(cx - 14, 9.5, cx + 14, 13.5, shade(colour, 0.85), radius=2)
    pen.rect(cx - 2, 0, cx + 2, 9, shade(colour, 1.4))


def _shovel(pen: Pen, x: float) -> None:
    """A shovel held upright."""
    pen.line([(x, 26), (x, 84)], (132, 88, 44), 3.5)
    pen.rect(x - 5, 24, x + 5, 28, (90, 58, 30), radius=2)
    pen.poly([(x - 6, 80), (x + 6, 80), (x + 5, 93), (x, 100), (x - 5, 93)], (120, 124, 132))


@kind(
    "construction worker",
    synonyms=("builder", "workman", "road worker", "labourer"),
    hypernyms=("people", "human", "worker"),
    colours=(),
    places=("road", "sidewalk", "grass"),
    size=(0.95, 1.05),
    aspect=(0.46, 0.5),
)
def construction_worker(pen: Pen, colour: RGB, rng: random.Random) -> None:
    """A worker in a high-visibility vest and a hard hat, perhaps with a shovel."""
    skin, cx = rng.choice(SKINS), pen.w / 2
    vest = rng.choice(((255, 112, 20), (212, 240, 30)))
    hat = rng.choice((COLOURS["yellow"], COLOURS["white"], COLOURS["orange"]))
    cloth = rng.choice(((34, 48, 92), (60, 60, 68)))
    legs(pen, cloth, 56, walking=False, width=11)
    for x in (cx - 6, cx + 6):
        pen.rect(x - 5.5, 80, x + 5.5, 84, (236, 238, 226))
    if rng.random() < 0.6:
        _shovel(pen, cx + 19)
    arms(pen, cloth, skin, "swing")
    pen.rect(cx - 13, 20, cx + 13, 60, vest, radius=4)
    pen.rect(cx - 13, 46, cx + 13, 50, (244, 246, 236))
    for x in (cx - 8, cx + 8):
        pen.rect(x - 1.5, 20, x + 1.5, 46, (244, 246, 236))
    pen.poly([(cx - 5, 20), (cx + 5, 20), (cx, 30)], cloth)
    head(pen, cx, 11.5, 9, skin, skin, long_hair=False)
    _helmet(pen, hat)
