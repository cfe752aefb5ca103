"""Cars, lorries, vans and buses from the side, all heading left."""

from __future__ import annotations

import random

from drawn_scenes.catalog import kind
from drawn_scenes.pen import RGB, Pen, shade

GLASS: RGB = (176, 214, 232)
TYRE: RGB = (28, 28, 32)
HUB: RGB = (176, 178, 184)
STEEL: RGB = (92, 96, 104)
LAMP: RGB = (255, 244, 190)
TAIL_LAMP: RGB = (190, 20, 30)


def wheel(pen: Pen, cx: float, cy: float, r: float) -> None:
    """A tyre with its hub."""
    pen.circle(cx, cy, r, TYRE)
    pen.circle(cx, cy, r * 0.5, HUB)


@kind(
    "car",
    synonyms=("automobile", "sedan", "hatchback", "motorcar"),
    hypernyms=("vehicle", "motor vehicle"),
    places=("road",),
    size=(0.85, 1.0),
    aspect=(2.0, 2.5),
)
def car(pen: Pen, colour: RGB, rng: random.Random) -> None:
    """A saloon, hatchback, coupe or estate from the side."""
    car_body(pen, colour, rng.choice(("saloon", "hatchback", "coupe", "estate")))


def car_body(pen: Pen, colour: RGB, style: str) -> None:
    """A car of one style: saloon, hatchback, coupe or estate."""
    w = pen.w
    roof0, roof1, base0, base1 = {
        "saloon": (0.32, 0.66, 0.18, 0.84),
        "hatchback": (0.32, 0.8, 0.18, 0.93),
        "coupe": (0.42, 0.62, 0.26, 0.86),
        "estate": (0.3, 0.9, 0.18, 0.97),
    }[style]
    pen.poly([(base0 * w, 46), (roof0 * w, 10), (roof1 * w, 10), (base1 * w, 46)], colour)
    pen.rect(roof0 * w, 8, roof1 * w, 16, colour, radius=4)
    pen.rect(1, 42, w - 1, 80, colour, radius=12)
    pen.rect(1, 64, w - 1, 80, shade(colour, 0.78), radius=6)
    mid = (roof0 + roof1) / 2 * w
    pen.poly([((base0 + 0.06) * w, 42), ((roof0 + 0.02) * w, 17), (mid - 3, 17), (mid - 3, 42)], GLASS)
    pen.poly([(mid + 3, 42), (mid + 3, 17), ((roof1 - 0.01) * w, 17), ((base1 - 0.07) * w, 42)], GLASS)
    pen.rect(mid + 8, 50, mid + 22, 54, shade(colour, 0.6))
    pen.circle(8, 54, 6, LAMP)
    pen.rect(w - 9, 48, w - 2, 60, TAIL_LAMP)
    for x in (0.21, 0.79):
        wheel(pen, x * w, 80, 18)


def _lorry_load(pen: Pen, style: str, colour: RGB) -> None:
    """What a lorry carries behind its cab: a box, a tank or a tipper full of earth."""
    w = pen.w
    left = 0.31 * w
    if style == "box":
        pen.rect(left, 1, w - 1, 76, colour, radius=2)
        pen.rect(left, 66, w - 1, 76, shade(colour, 0.7))
        for x in (0.48, 0.65, 0.82):
            pen.line([(x * w, 7), (x * w, 62)], shade(colour, 0.82), 2)
    elif style == "tanker":
        pen.rect(left, 20, w - 1, 76, colour, radius=26)
        pen.rect(left + 8, 58, w - 9, 70, shade(colour, 0.72), radius=6)
        pen.rect(0.58 * w, 10, 0.72 * w, 22, STEEL, radius=3)
    else:
        pen.poly([(0.4 * w, 38), (0.55 * w, 12), (0.7 * w, 20), (0.8 * w, 10), (0.93 * w, 38)], (134, 100, 66))
        pen.poly([(left, 28), (w - 1, 28), (0.93 * w, 76), (left, 76)], colour)
        pen.rect(left, 28, w - 1, 36, shade(colour, 0.72))
        for x in (0.47, 0.63, 0.79):
            pen.line([(x * w, 34), (x * w, 73)], shade(colour, 0.72), 4)


@kind(
    "truck",
    synonyms=("lorry", "hauler", "heavy goods vehicle"),
    hypernyms=("vehicle", "motor vehicle"),
    places=("road",),
    size=(1.35, 1.55),
    aspect=(1.9, 2.3),
)
def truck(pen: Pen, colour: RGB, rng: random.Random) -> None:
    """A lorry: a cab, a gap, and a big load behind it."""
    lorry(pen, colour, rng.choice(("box", "box", "tanker", "tipper")))


def lorry(pen: Pen, colour: RGB, style: str) -> None:
    """A lorry of one style: box, tanker or tipper."""
    w = pen.w
    pen.rect(0.04 * w, 74, w - 4, 86, STEEL)
    _lorry_load(pen, style, colour)
    pen.poly([(0.02 * w, 56), (0.07 * w, 24), (0.27 * w, 24), (0.27 * w, 86), (0.0, 86), (0.0, 58)], colour)
    pen.poly([(0.04 * w, 54), (0.085 * w, 30), (0.21 * w, 30), (0.21 * w, 54)], GLASS)
    pen.rect(0.12 * w, 30, 0.135 * w, 54, shade(colour, 0.6))
    pen.rect(0, 78, 0.27 * w, 86, shade(colour, 0.6))
    pen.rect(0, 66, 7, 74, LAMP)
    for x in (0.14, 0.68, 0.86):
        wheel(pen, x * w, 85, 15)


def van_body(pen: Pen, colour: RGB, skirt: RGB) -> None:
    """The shell of a van with its windscreen, front side window, lamps and wheels."""
    w = pen.w
    pen.rect(0.3 * w, 2, w - 1, 84, colour, radius=9)
    pen.poly([(1, 56), (0.14 * w, 44), (0.3 * w, 5), (0.36 * w, 2), (0.5 * w, 2), (0.5 * w, 84), (1, 84)], colour)
    pen.rect(1, 74, w - 1, 85, skirt, radius=4)
    pen.poly([(0.17 * w, 44), (0.305 * w, 12), (0.44 * w, 12), (0.44 * w, 44)], GLASS)
    pen.line([(0.3 * w, 13), (0.3 * w, 44)], shade(colour, 0.7), 4)
    pen.rect(1, 58, 10, 68, LAMP, radius=3)
    pen.rect(w - 6, 46, w - 1, 64, TAIL_LAMP)
    for x in (0.2, 0.79):
        wheel(pen, x * w, 83, 17)


@kind(
    "van",
    synonyms=("delivery van", "minivan", "transit van"),
    hypernyms=("vehicle", "motor vehicle"),
    places=("road",),
    size=(1.1, 1.25),
    aspect=(1.75, 2.05),
)
def van(pen: Pen, colour: RGB, rng: random.Random) -> None:
    """A panel van, a van with windows all along, or a camper with a pale top."""
    w = pen.w
    style = rng.choice(("panel", "panel", "windows", "camper"))
    van_body(pen, colour, shade(colour, 0.7))
    if style == "panel":
        pen.line([(0.49 * w, 12), (0.49 * w, 70)], shade(colour, 0.7), 2.5)
        pen.line([(0.72 * w, 12), (0.72 * w, 60)], shade(colour, 0.7), 2.5)
        pen.rect(0.51 * w, 42, 0.58 * w, 46, shade(colour, 0.5))
        return
    for x in (0.49, 0.73):
        pen.rect(x * w, 12, (x + 0.19) * w, 42, GLASS, radius=3)
    if style == "camper":
        pen.rect(0.36 * w, 0, 0.9 * w, 7, (240, 236, 220), radius=3)
        pen.rect(0.05 * w, 52, w - 7, 60, (240, 236, 220))


def _bus_windows(pen: Pen, y0: float, y1: float, glass: RGB, count: int) -> None:
    """A row of side windows behind the windscreen."""
    w = pen.w
    step = 0.8 / count
    for i in range(count):
        x = (0.17 + i * step) * w
        pen.rect(x, y0, x + step * w - 5, y1, glass, radius=2)


@kind(
    "bus",
    synonyms=("coach", "omnibus", "motor coach", "passenger bus"),
    hypernyms=("vehicle", "motor vehicle", "public transport"),
    places=("road",),
    size=(1.4, 1.6),
    aspect=(2.0, 2.5),
)
def bus(pen: Pen, colour: RGB, rng: random.Random) -> None:
    """A city bus, a coach with dark glass, or a double-decker."""
    bus_body(pen, colour, rng.choice(("city", "coach", "double")))


def bus_body(pen: Pen, colour: RGB, style: str) -> None:
    """A bus of one style: city, coach or double."""
    w = pen.w
    pen.rect(1, 1, w - 1, 89, colour, radius=8)
    pen.rect(1, 78, w - 1, 90, shade(colour, 0.68), radius=4)
    if style == "double":
        for y in (10, 46):
            _bus_windows(pen, y, y + 21, GLASS, 5)
            pen.rect(3, y, 0.14 * w, y + 21, GLASS, radius=3)
        pen.rect(1, 35, w - 1, 40, shade(colour, 1.5))
    elif style == "coach":
        pen.rect(3, 16, w - 4, 50, (52, 66, 84), radius=5)
        pen.poly(
            [(0.3 * w, 76), (0.45 * w, 56), (w - 2, 56), (w - 2, 64), (0.5 * w, 64), (0.4 * w, 76)],
            shade(colour, 1.6),
        )
    else:
        _bus_windows(pen, 18, 48, GLASS, 5)
        pen.rect(3, 18, 0.07 * w, 56, GLASS, radius=3)
        pen.rect(0.085 * w, 18, 0.15 * w, 82, shade(GLASS, 0.82))
        pen.rect(0.18 * w, 5, 0.44 * w, 13, (40, 40, 44))
    pen.rect(1, 68, 8, 76, LAMP)
    pen.rect(w - 6, 62, w - 1, 76, TAIL_LAMP)
    for x in (0.22, 0.77):
        wheel(pen, x * w, 86, 14)
