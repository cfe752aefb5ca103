"""Two-wheelers from the side, all heading left: motorcycles, bicycles and motor scooters."""

from __future__ import annotations

import random

from drawn_scenes.catalog import kind
from drawn_scenes.drawings.vehicles import LAMP, STEEL, TYRE, wheel
from drawn_scenes.pen import RGB, Pen, shade


def _motorcycle_frame(pen: Pen, fork_top: float) -> None:
    """Wheels, engine, fork, exhaust."""
    w = pen.w
    for x in (24.0, w - 24):
        wheel(pen, x, 76, 24)
        pen.circle(x, 76, 15, (150, 154, 160))
        pen.circle(x, 76, 6, TYRE)
    pen.line([(24, 76), (fork_top, 20)], (196, 200, 206), 7)
    pen.line([(w - 24, 76), (0.56 * w, 62)], STEEL, 8)
    pen.rect(0.37 * w, 52, 0.62 * w, 82, STEEL, radius=6)
    pen.circle(0.46 * w, 68, 9, (170, 174, 180))
    pen.line([(0.5 * w, 82), (w - 8, 80)], (206, 210, 214), 8)


@kind(
    "motorcycle",
    synonyms=("motorbike", "motor bike"),
    hypernyms=("vehicle", "motor vehicle", "two-wheeler"),
    places=("road",),
    size=(0.68, 0.78),
    aspect=(1.55, 1.75),
)
def motorcycle(pen: Pen, colour: RGB, rng: random.Random) -> None:
    """A racer with a fairing, a plain road bike, or a chopper with high handlebars."""
    w = pen.w
    style = rng.choice(("racer", "road", "chopper"))
    fork_top = 0.34 * w if style != "chopper" else 0.36 * w
    _motorcycle_frame(pen, fork_top)
    pen.poly([(0.5 * w, 40), (w - 6, 22 if style == "racer" else 38), (w - 20, 46), (0.6 * w, 58)], colour)
    pen.rect(0.56 * w, 33, 0.86 * w, 42, TYRE, radius=4)
    pen.ellipse(0.3 * w, 26, 0.62 * w, 56, colour)
    pen.ellipse(0.36 * w, 44, 0.6 * w, 58, shade(colour, 0.7))
    if style == "racer":
        pen.poly([(0.14 * w, 40), (0.3 * w, 14), (0.42 * w, 34), (0.5 * w, 76), (0.34 * w, 74)], colour)
        pen.poly([(0.22 * w, 24), (0.3 * w, 4), (0.38 * w, 22)], (120, 150, 170))
        pen.line([(0.3 * w, 60), (0.46 * w, 56)], shade(colour, 1.7), 5)
    else:
        top = 4 if style == "chopper" else 10
        pen.line([(fork_top, 24), (fork_top - 2, top + 6), (fork_top + 14, top)], TYRE, 6)
        pen.arc(24, 76, 29, 200, 300, colour, 7)
        pen.circle(0.27 * w, 28, 9, STEEL)
        pen.circle(0.255 * w, 28, 7, LAMP)
    if style == "chopper":
        pen.line([(w - 16, 38), (w - 6, 12)], TYRE, 7)
    pen.arc(w - 24, 76, 29, 230, 330, colour, 7)


def _bicycle_bars(pen: Pen, style: str, head: tuple[float, float]) -> None:
    """The handlebars, with a basket on a city bicycle."""
    x, y = head
    if style == "racing":
        pen.line([(x, y), (x - 12, y), (x - 16, y + 9), (x - 8, y + 15)], TYRE, 5)
    elif style == "city":
        pen.rect(x - 28, y + 6, x - 5, y + 26, (176, 128, 74), radius=3)
        pen.line([(x - 4, y), (x + 14, y + 1)], TYRE, 6)
    else:
        pen.line([(x - 9, y), (x + 8, y + 2)], TYRE, 6)


@kind(
    "bicycle",
    synonyms=("bike", "cycle", "pushbike", "pedal bike"),
    hypernyms=("vehicle", "two-wheeler"),
    places=("road", "sidewalk", "grass"),
    size=(0.65, 0.75),
    aspect=(1.5, 1.7),
)
def bicycle(pen: Pen, colour: RGB, rng: random.Random) -> None:
    """Two thin wheels and a coloured frame: racing, mountain or city with a basket."""
    w = pen.w
    style = rng.choice(("racing", "mountain", "city"))
    r, tyre = (29.0, 7.0) if style == "mountain" else (30.0, 5.0)
    front, back = (r + 1, 100 - r), (w - r - 1, 100 - r)
    for x, y in (front, back):
        pen.ring(x, y, r, TYRE, tyre)
        for dx, dy in ((0.0, 1.0), (1.0, 0.0)):
            reach = r - tyre
            pen.line([(x - dx * reach, y - dy * reach), (x + dx * reach, y + dy * reach)], (190, 192, 196), 1)
    crank = (0.5 * w, 74.0)
    seat, head = (0.6 * w, 30.0), (0.345 * w, 28.0)
    bars = (head[0] - 2, 8.0 if style != "racing" else 14.0)
    top = [(0.4 * w, 48.0), (0.5 * w, 66.0), (0.58 * w, 42.0)] if style == "city" else [head, (0.585 * w, 34.0)]
    for path in (
        [front, head],
        [back, crank, seat],
        [back, (0.585 * w, 36.0)],
        [(0.335 * w, 36.0), crank],
        top,
    ):
        pen.line(path, colour, 7)
    pen.line([head, bars], colour, 6)
    pen.line([seat, (0.612 * w, 18)], STEEL, 5)
    pen.line([(0.56 * w, 15), (0.68 * w, 14)], TYRE, 8)
    pen.circle(*crank, 8, STEEL)
    pen.line([crank, (crank[0] - 7, 90)], TYRE, 4)
    pen.line([(crank[0] - 13, 90), (crank[0] - 1, 90)], TYRE, 4)
    _bicycle_bars(pen, style, bars)


@kind(
    "scooter",
    synonyms=("motor scooter", "vespa", "moped"),
    hypernyms=("vehicle", "two-wheeler"),
    places=("road", "sidewalk"),
    size=(0.6, 0.7),
    aspect=(1.15, 1.35),
)
def scooter(pen: Pen, colour: RGB, rng: random.Random) -> None:
    """A motor scooter: leg shield, flat floor, round tail over small wheels; a windscreen or a top box."""
    w = pen.w
    for x in (0.17 * w, 0.79 * w):
        wheel(pen, x, 85, 15)
    pen.poly([(0.2 * w, 24), (0.3 * w, 22), (0.38 * w, 78), (0.3 * w, 84), (0.1 * w, 76), (0.14 * w, 62)], colour)
    pen.pie(0.17 * w, 84, 20, 180, 330, colour)
    pen.rect(0.3 * w, 74, 0.66 * w, 86, shade(colour, 0.7), radius=4)
    pen.ellipse(0.5 * w, 42, w - 1, 92, colour)
    pen.poly([(0.54 * w, 50), (0.72 * w, 42), (0.7 * w, 82), (0.56 * w, 82)], colour)
    pen.ellipse(0.64 * w, 56, 0.92 * w, 78, shade(colour, 0.8))
    pen.pie(0.79 * w, 85, 15, 0, 180, TYRE)
    pen.rect(0.52 * w, 36, 0.96 * w, 47, (70, 46, 34), radius=5)
    pen.line([(0.25 * w, 28), (0.26 * w, 12)], STEEL, 6)
    pen.circle(0.21 * w, 16, 10, colour)
    pen.circle(0.16 * w, 16, 7, LAMP)
    pen.line([(0.24 * w, 9), (0.37 * w, 6)], TYRE, 6)
    extra = rng.choice(("none", "windscreen", "box"))
    if extra == "windscreen":
        pen.poly([(0.06 * w, 0), (0.14 * w, 0), (0.27 * w, 14), (0.2 * w, 14)], (206, 228, 238))
    elif extra == "box":
        pen.rect(0.74 * w, 12, w - 1, 38, shade(colour, 0.6), radius=5)
