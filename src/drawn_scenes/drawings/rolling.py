"""Small things on wheels that people sit in, push or stand on."""

from __future__ import annotations

import random

from drawn_scenes.catalog import kind
from drawn_scenes.drawings.people import HAIRS, SHOE, SKINS, TROUSERS
from drawn_scenes.pen import COLOURS, RGB, Pen, shade

RUBBER: RGB = (30, 30, 34)
METAL: RGB = (196, 200, 206)


def spoked_wheel(pen: Pen, cx: float, cy: float, r: float, rim: RGB) -> None:
    """A tyre round a coloured rim, four spokes and a hub."""
    for dx, dy in ((1, 0), (0, 1), (0.7, 0.7), (0.7, -0.7)):
        d = r * 0.85
        pen.line([(cx - d * dx, cy - d * dy), (cx + d * dx, cy + d * dy)], METAL, r * 0.07)
    pen.ring(cx, cy, r * 0.88, rim, r * 0.2)
    pen.ring(cx, cy, r, RUBBER, r * 0.18)
    pen.circle(cx, cy, r * 0.2, RUBBER)


def _sitter(pen: Pen, x: float, rng: random.Random) -> None:
    """A person seated in profile, facing right, the hips at `x`."""
    skin, hair, trousers = rng.choice(SKINS), rng.choice(HAIRS), rng.choice(TROUSERS)
    shirt = rng.choice((COLOURS["white"], (178, 192, 214), (226, 208, 172)))
    pen.line([(x + 2, 55), (x + 34, 55), (x + 38, 88)], trousers, 12)
    pen.rect(x + 33, 88, x + 48, 94, SHOE, radius=3)
    pen.line([(x, 30), (x + 2, 52)], shirt, 18)
    pen.line([(x + 2, 30), (x + 7, 43), (x + 22, 45)], shade(shirt, 0.82), 7)
    pen.circle(x + 23, 45, 4.5, skin)
    pen.circle(x + 2, 11, 10.5, hair)
    pen.ellipse(x - 2, 4, x + 13, 22, skin)


@kind(
    "wheelchair",
    synonyms=("wheel chair", "wheelchair user", "invalid chair"),
    hypernyms=("mobility aid",),
    places=("sidewalk", "road"),
    size=(0.72, 0.8),
    aspect=(0.86, 0.94),
)
def wheelchair(pen: Pen, colour: RGB, rng: random.Random) -> None:
    """A person sitting in a wheelchair, from the side; the chair has the colour."""
    x = pen.w * 0.34
    pen.line([(3, 30), (x - 12, 30), (x - 10, 64)], RUBBER, 4)
    pen.rect(x - 16, 32, x - 8, 64, colour, radius=2)
    pen.rect(x - 14, 59, x + 34, 69, colour, radius=3)
    _sitter(pen, x, rng)
    pen.line([(x - 10, 47), (x + 20, 50), (x + 24, 64)], colour, 5)
    pen.line([(x + 30, 64), (x + 36, 94), (pen.w - 3, 96)], shade(colour, 0.75), 5)
    pen.circle(x + 30, 92, 8, RUBBER)
    spoked_wheel(pen, x - 2, 71, 29, colour)
    if rng.random() < 0.5:
        pen.circle(x - 2, 71, 12, shade(colour, 0.8))


def _pram(pen: Pen, colour: RGB, hood: RGB) -> None:
    """The old pram: a round tub under a fan-shaped hood, on big spoked wheels."""
    w, cx = pen.w, pen.w * 0.42
    r = w * 0.4
    pen.line([(cx + r * 0.7, 48), (w - 12, 20), (w - 3, 20)], RUBBER, 5)
    pen.line([(cx - 20, 88), (cx + 18, 66)], METAL, 4)
    pen.line([(cx + 22, 88), (cx - 16, 66)], METAL, 4)
    pen.pie(cx, 42, r, 0, 180, colour)
    pen.pie(cx, 42, r, 180, 290, hood)
    for end in (217, 253):
        pen.pie(cx, 42, r, end - 1.5, end + 1.5, shade(hood, 0.7))
    pen.rect(cx - r, 40, cx + r, 46, shade(colour, 1.5), radius=2)
    for x in (cx - 23, cx + 24):
        spoked_wheel(pen, x, 85, 15, METAL)


def _pushchair(pen: Pen, colour: RGB, hood: RGB, rng: random.Random) -> None:
    """The light kind: a reclined seat with a child in it on a slanted frame."""
    w = pen.w
    pen.line([(w - 4, 12), (w - 16, 16), (16, 90)], (70, 72, 80), 5)
    pen.line([(w * 0.5, 50), (w - 18, 90)], (70, 72, 80), 5)
    back = [(w * 0.62, 26), (w * 0.82, 34), (w * 0.62, 74)]
    base = [(w * 0.18, 74), (w * 0.16, 62), (w * 0.5, 60)]
    pen.poly([*back, *base], colour)
    pen.line([(w * 0.2, 68), (w * 0.1, 86)], shade(colour, 0.75), 7)
    pen.circle(w * 0.5, 40, 10, rng.choice(SKINS))
    pen.line([(w * 0.48, 53), (w * 0.3, 60)], (250, 240, 214), 11)
    pen.pie(w * 0.66, 34, w * 0.33, 195, 330, hood)
    for x in (14, w - 18):
        pen.circle(x, 88, 12, RUBBER)
        pen.circle(x, 88, 5, METAL)


@kind(
    "stroller",
    synonyms=("pram", "baby carriage", "pushchair", "baby buggy"),
    hypernyms=("baby gear",),
    places=("sidewalk", "grass"),
    size=(0.6, 0.7),
    aspect=(0.95, 1.1),
)
def stroller(pen: Pen, colour: RGB, rng: random.Random) -> None:
    """A pram or a pushchair from the side."""
    hood = shade(colour, 0.75)
    if rng.random() < 0.6:
        _pram(pen, colour, hood)
    else:
        _pushchair(pen, colour, hood, rng)


@kind(
    "skateboard",
    synonyms=("longboard", "skate deck"),
    hypernyms=("toy", "sports equipment"),
    places=("road", "sidewalk"),
    size=(0.22, 0.27),
    aspect=(2.6, 3.1),
)
def skateboard(pen: Pen, colour: RGB, rng: random.Random) -> None:
    """A board from the side: turned-up nose and tail, two trucks, wheels."""
    w, lift = pen.w, rng.choice((2, 10))
    wheel = rng.choice(((250, 240, 205), (40, 40, 44), (250, 240, 205)))
    for x in (w * 0.25, w * 0.75):
        pen.poly([(x - 20, 45), (x + 20, 45), (x + 6, 76), (x - 6, 76)], (150, 154, 160))
    deck = [(14, lift + 12), (w * 0.17, 42), (w * 0.83, 42), (w - 14, lift + 12)]
    pen.line(deck, colour, 28)
    pen.line([(x, y - 9) for x, y in deck], shade(colour, 0.5), 6)
    for x in (w * 0.25, w * 0.75):
        pen.circle(x, 77, 23, wheel)
        pen.circle(x, 77, 8, (120, 60, 50))
