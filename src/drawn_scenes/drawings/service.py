"""Cars with a calling and open lorries, heading left."""

from __future__ import annotations

import random

from drawn_scenes.catalog import kind
from drawn_scenes.drawings.vehicles import GLASS, LAMP, STEEL, TAIL_LAMP, TYRE, wheel
from drawn_scenes.pen import RGB, Pen, shade

WHITE: RGB = (248, 248, 246)
BLUE: RGB = (30, 84, 230)


def _saloon(pen: Pen, upper: RGB, lower: RGB, top: float) -> None:
    """A four-door body whose roof is at `top`; `lower` is the colour below the windows."""
    w = pen.w
    pen.poly([(0.18 * w, 50), (0.32 * w, top), (0.68 * w, top), (0.84 * w, 50)], upper)
    pen.rect(1, 46, w - 1, 80, lower, radius=11)
    pen.rect(1, 68, w - 1, 80, shade(lower, 0.78), radius=6)
    pen.poly([(0.24 * w, 46), (0.34 * w, top + 7), (0.48 * w, top + 7), (0.48 * w, 46)], GLASS)
    pen.poly([(0.52 * w, 46), (0.52 * w, top + 7), (0.66 * w, top + 7), (0.77 * w, 46)], GLASS)
    pen.circle(8, 57, 6, LAMP)
    pen.rect(w - 9, 51, w - 2, 62, TAIL_LAMP)
    for x in (0.21, 0.79):
        wheel(pen, x * w, 81, 17)


@kind(
    "taxi",
    synonyms=("cab", "taxicab"),
    hypernyms=("car", "vehicle", "motor vehicle"),
    colours=(),
    places=("road",),
    size=(0.95, 1.1),
    aspect=(1.9, 2.2),
)
def taxi(pen: Pen, colour: RGB, rng: random.Random) -> None:
    """A yellow saloon with a lit sign on its roof and a chequered belt."""
    w, yellow = pen.w, rng.choice(((250, 200, 30), (246, 186, 24)))
    pen.rect(0.42 * w, 2, 0.6 * w, 16, TYRE, radius=3)
    pen.rect(0.44 * w, 4, 0.58 * w, 13, (255, 246, 200), radius=2)
    _saloon(pen, yellow, yellow, 15)
    count = 12
    for row in range(2):
        for i in range(row, count, 2):
            x = 0.12 * w + i * 0.76 * w / count
            pen.rect(x, 55 + row * 5, x + 0.76 * w / count, 60 + row * 5, TYRE)


@kind(
    "police car",
    synonyms=("patrol car", "squad car", "cruiser"),
    hypernyms=("car", "vehicle", "emergency vehicle", "motor vehicle"),
    colours=(),
    places=("road",),
    size=(0.95, 1.1),
    aspect=(1.9, 2.2),
)
def police_car(pen: Pen, colour: RGB, rng: random.Random) -> None:
    """Black and white, or white and blue, with a light bar in red and blue."""
    w, style = pen.w, rng.choice(("black", "blue"))
    pen.rect(0.38 * w, 4, 0.5 * w, 15, (226, 28, 40), radius=3)
    pen.rect(0.5 * w, 4, 0.62 * w, 15, BLUE, radius=3)
    lower = (32, 34, 42) if style == "black" else WHITE
    _saloon(pen, WHITE, lower, 14)
    if style == "black":
        pen.rect(0.32 * w, 47, 0.7 * w, 76, WHITE)
        pen.circle(0.51 * w, 61, 8, (236, 190, 60))
    else:
        pen.rect(0.02 * w, 55, 0.98 * w, 65, BLUE)
        pen.rect(0.4 * w, 56, 0.62 * w, 64, WHITE)


@kind(
    "sports car",
    synonyms=("coupe", "roadster"),
    hypernyms=("car", "vehicle", "motor vehicle"),
    places=("road",),
    size=(0.7, 0.8),
    aspect=(2.7, 3.1),
)
def sports_car(pen: Pen, colour: RGB, rng: random.Random) -> None:
    """A low wedge with a long bonnet, a spoiler and bright rims; open, or with a short roof."""
    w = pen.w
    pen.rect(0.86 * w, 22, w, 31, shade(colour, 0.6) if max(colour) > 60 else shade(colour, 1.3), radius=3)
    pen.rect(0.9 * w, 28, 0.94 * w, 50, TYRE)
    if rng.random() < 0.5:
        pen.poly([(0.36 * w, 50), (0.5 * w, 6), (0.66 * w, 6), (0.86 * w, 48)], colour)
        pen.poly([(0.42 * w, 48), (0.52 * w, 14), (0.58 * w, 14), (0.58 * w, 48)], GLASS)
        pen.poly([(0.61 * w, 48), (0.61 * w, 14), (0.65 * w, 14), (0.76 * w, 48)], GLASS)
    else:
        pen.poly([(0.38 * w, 50), (0.5 * w, 16), (0.53 * w, 16), (0.46 * w, 50)], GLASS)
        for x in (0.58, 0.7):
            pen.rect(x * w, 28, (x + 0.06) * w, 52, TYRE, radius=4)
    pen.poly([(0, 72), (0.08 * w, 58), (0.36 * w, 46), (0.97 * w, 44), (w, 60), (0.99 * w, 84), (0.01 * w, 86)], colour)
    pen.poly([(0.08 * w, 62), (0.16 * w, 56), (0.18 * w, 63)], LAMP)
    pen.rect(0.36 * w, 60, 0.94 * w, 66, WHITE if sum(colour) < 620 else (40, 80, 190))
    pen.rect(w - 9, 52, w - 2, 62, TAIL_LAMP)
    for x in (0.21, 0.8):
        wheel(pen, x * w, 79, 21)
        pen.circle(x * w, 79, 12, (222, 226, 232))
        pen.circle(x * w, 79, 4, TYRE)


@kind(
    "race car",
    synonyms=("racing car", "formula one car"),
    hypernyms=("car", "vehicle", "motor vehicle"),
    places=("road",),
    size=(0.6, 0.7),
    aspect=(2.9, 3.3),
)
def race_car(pen: Pen, colour: RGB, rng: random.Random) -> None:
    """A low open-wheeled car with wings at both ends and a helmet in the cockpit."""
    w = pen.w
    pen.rect(0.86 * w, 8, w, 22, shade(colour, 0.6), radius=2)
    pen.poly([(0.9 * w, 20), (0.96 * w, 20), (0.98 * w, 62), (0.9 * w, 62)], TYRE)
    pen.poly(
        [
            (0.02 * w, 72),
            (0.34 * w, 48),
            (0.42 * w, 50),
            (0.52 * w, 34),
            (0.62 * w, 24),
            (0.94 * w, 52),
            (0.94 * w, 80),
            (0.02 * w, 82),
        ],
        colour,
    )
    pen.rect(0, 78, 0.14 * w, 90, shade(colour, 0.6), radius=2)
    pen.circle(0.47 * w, 40, 14, rng.choice(((250, 250, 250), (250, 210, 40), (40, 90, 210))))
    pen.rect(0.42 * w, 36, 0.47 * w, 44, TYRE)
    pen.circle(0.62 * w, 63, 13, WHITE)
    pen.rect(0.61 * w, 56, 0.63 * w, 71, TYRE)
    for x in (0.24, 0.82):
        wheel(pen, x * w, 77, 23)


@kind(
    "pickup truck",
    synonyms=("pickup", "flatbed pickup"),
    hypernyms=("truck", "vehicle", "motor vehicle"),
    places=("road",),
    size=(1.0, 1.15),
    aspect=(2.0, 2.4),
)
def pickup_truck(pen: Pen, colour: RGB, rng: random.Random) -> None:
    """A bonnet, a cab for two, and an open bed behind; sometimes loaded."""
    w = pen.w
    if rng.random() < 0.5:
        for x, tone in ((0.6, (166, 116, 66)), (0.76, (190, 140, 84))):
            pen.rect(x * w, 24, (x + 0.14) * w, 46, tone)
    pen.poly([(0.24 * w, 44), (0.32 * w, 8), (0.54 * w, 8), (0.56 * w, 44)], colour)
    pen.poly([(0.28 * w, 42), (0.345 * w, 14), (0.43 * w, 14), (0.43 * w, 42)], GLASS)
    pen.rect(0.45 * w, 14, 0.525 * w, 42, GLASS)
    pen.rect(1, 42, 0.58 * w, 78, colour, radius=8)
    pen.rect(0.54 * w, 42, w - 1, 78, shade(colour, 0.84) if max(colour) > 60 else shade(colour, 1.25), radius=3)
    pen.rect(0.56 * w, 40, w - 1, 46, shade(colour, 0.55))
    pen.rect(1, 70, w - 1, 80, STEEL, radius=3)
    pen.circle(9, 54, 6, LAMP)
    pen.rect(w - 8, 50, w - 1, 62, TAIL_LAMP)
    for x in (0.19, 0.8):
        wheel(pen, x * w, 81, 18)


@kind(
    "fire truck",
    synonyms=("fire engine", "fire lorry"),
    hypernyms=("truck", "vehicle", "emergency vehicle", "motor vehicle"),
    colours=(),
    places=("road",),
    size=(1.35, 1.55),
    aspect=(2.0, 2.4),
)
def fire_truck(pen: Pen, colour: RGB, rng: random.Random) -> None:
    """A red lorry with a ladder on top, blue lights, shutters and a white stripe."""
    w, red = pen.w, rng.choice(((214, 28, 30), (196, 22, 28)))
    lift = rng.choice((0, 10))
    for y in (12, 22):
        pen.line([(0.3 * w, y), (0.98 * w, y - lift + 2)], (206, 210, 216), 4)
    for i in range(9):
        x = 0.34 + i * 0.075
        pen.line([(x * w, 22 - lift * (x - 0.3)), (x * w, 11 - lift * (x - 0.3))], (206, 210, 216), 3)
    pen.rect(0.3 * w, 26, w - 1, 84, red, radius=3)
    pen.rect(0, 18, 0.27 * w, 84, red, radius=6)
    pen.rect(0.07 * w, 10, 0.19 * w, 19, BLUE, radius=3)
    pen.rect(0.02 * w, 26, 0.11 * w, 50, GLASS, radius=2)
    pen.rect(0.14 * w, 26, 0.25 * w, 50, GLASS, radius=2)
    for x in (0.34, 0.5, 0.66, 0.82):
        pen.rect(x * w, 32, (x + 0.13) * w, 56, (190, 194, 202))
        for y in (38, 44, 50):
            pen.line([(x * w + 2, y), ((x + 0.13) * w - 2, y)], (140, 146, 156), 1.5)
    pen.rect(0, 60, w - 1, 68, WHITE)
    pen.rect(0, 78, w - 1, 86, STEEL)
    pen.rect(0, 70, 7, 77, LAMP)
    for x in (0.15, 0.8):
        wheel(pen, x * w, 85, 15)
