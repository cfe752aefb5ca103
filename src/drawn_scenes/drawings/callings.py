"""People whom one knows by what they wear for work."""

from __future__ import annotations

import random

from drawn_scenes.catalog import kind
from drawn_scenes.drawings.people import HAIRS, SKINS, arms, head, legs, person
from drawn_scenes.pen import RGB, Pen, shade

kind(
    "pedestrian",
    synonyms=("passer-by", "man", "woman"),
    hypernyms=("person", "people", "human"),
    places=("sidewalk", "grass", "road", "floor", "sand", "snow"),
    size=(0.9, 1.05),
    aspect=(0.38, 0.42),
)(person)

NAVY: RGB = (28, 40, 84)
WHITE: RGB = (250, 250, 248)


@kind(
    "police officer",
    synonyms=("policeman", "policewoman", "constable"),
    hypernyms=("person", "people", "human", "worker"),
    colours=(),
    places=("road", "sidewalk"),
    size=(0.95, 1.05),
    aspect=(0.44, 0.5),
)
def police_officer(pen: Pen, colour: RGB, rng: random.Random) -> None:
    """A navy uniform with a badge, a belt and a peaked cap; standing or waving traffic on."""
    skin, cx = rng.choice(SKINS), pen.w / 2
    legs(pen, NAVY, 56, walking=False, width=11)
    arms(pen, shade(NAVY, 1.15), skin, rng.choice(("hang", "wave")))
    pen.rect(cx - 13, 20, cx + 13, 60, NAVY, radius=5)
    pen.rect(cx - 13, 53, cx + 13, 58, (20, 20, 24))
    pen.rect(cx - 3, 53, cx + 3, 58, (230, 190, 70))
    pen.poly([(cx - 9, 28), (cx - 2, 28), (cx - 3, 35), (cx - 5.5, 38), (cx - 8, 35)], (240, 200, 70))
    pen.poly([(cx - 4, 20), (cx + 4, 20), (cx, 34)], (150, 190, 230))
    head(pen, cx, 12, 8.5, skin, rng.choice(HAIRS), long_hair=False)
    pen.poly([(cx - 13, 2), (cx + 13, 2), (cx + 9, 9), (cx - 9, 9)], NAVY)
    pen.rect(cx - 10, 8, cx + 10, 11.5, (16, 18, 24), radius=1)
    pen.circle(cx, 5, 2.4, (240, 200, 70))


@kind(
    "chef",
    synonyms=("cook", "kitchen chef"),
    hypernyms=("person", "people", "human", "worker"),
    colours=(),
    places=("floor", "sidewalk"),
    size=(0.95, 1.05),
    aspect=(0.44, 0.5),
)
def chef(pen: Pen, colour: RGB, rng: random.Random) -> None:
    """A white double-breasted jacket, an apron and a tall white hat; often with a ladle."""
    skin, cx = rng.choice(SKINS), pen.w / 2
    legs(pen, (70, 74, 84), 58, walking=False, width=10)
    if rng.random() < 0.6:
        pen.line([(cx + 19, 28), (cx + 19, 54)], (140, 146, 156), 3)
        pen.ellipse(cx + 14, 20, cx + 24, 30, (140, 146, 156))
    arms(pen, (226, 228, 232), skin, "swing")
    pen.rect(cx - 13, 24, cx + 13, 62, WHITE, radius=5)
    pen.poly([(cx - 11, 48), (cx + 11, 48), (cx + 14, 80), (cx - 14, 80)], rng.choice(((232, 234, 238), (200, 40, 46))))
    for y in (32, 39):
        for x in (cx - 4, cx + 4):
            pen.circle(x, y, 1.8, (60, 62, 70))
    pen.poly([(cx - 8, 24), (cx + 8, 24), (cx, 30)], (210, 40, 50))
    head(pen, cx, 18, 7.5, skin, rng.choice(HAIRS), long_hair=False)
    pen.rect(cx - 7.5, 6, cx + 7.5, 14, WHITE)
    for x, y in ((cx - 7, 5), (cx + 7, 5), (cx, 4)):
        pen.circle(x, max(y, 5.5), 5.5, WHITE)
    pen.rect(cx - 7.5, 11.5, cx + 7.5, 14, (206, 210, 216))


@kind(
    "firefighter",
    synonyms=("fireman", "firewoman", "fire fighter"),
    hypernyms=("person", "people", "human", "worker"),
    colours=(),
    places=("road", "sidewalk"),
    size=(0.95, 1.05),
    aspect=(0.48, 0.54),
)
def firefighter(pen: Pen, colour: RGB, rng: random.Random) -> None:
    """A dark or tan coat with yellow bands, a crested helmet and an axe or a hose."""
    skin, cx = rng.choice(SKINS), pen.w / 2
    cloth: RGB = rng.choice(((46, 48, 58), (196, 156, 84)))
    band: RGB = (224, 246, 40)
    legs(pen, cloth, 56, walking=False, width=13)
    for x in (cx - 7, cx + 7):
        pen.rect(x - 7, 80, x + 7, 85, band)
    if rng.random() < 0.5:
        pen.line([(cx + 19, 30), (cx + 19, 86)], (140, 92, 46), 3.5)
        pen.poly([(cx + 12, 26), (cx + 22, 28), (cx + 22, 38), (cx + 12, 42)], (200, 40, 40))
    arms(pen, shade(cloth, 0.85), skin, "swing")
    pen.rect(cx - 14, 20, cx + 14, 68, cloth, radius=4)
    for y in (34, 58):
        pen.rect(cx - 14, y, cx + 14, y + 5, band)
    pen.line([(cx, 22), (cx, 66)], shade(cloth, 0.6), 2)
    head(pen, cx, 13, 8, skin, skin, long_hair=False)
    helmet: RGB = rng.choice(((206, 28, 34), (250, 206, 40)))
    pen.pie(cx, 11, 11, 180, 360, helmet)
    pen.poly([(cx - 11, 9), (cx + 11, 9), (cx + 16, 14), (cx - 16, 14)], shade(helmet, 0.8))
    pen.rect(cx - 3.5, 0, cx + 3.5, 10, shade(helmet, 1.5), radius=2)
