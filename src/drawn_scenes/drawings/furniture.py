"""Chairs, tables, ladders and the guitar that leans beside them."""

from __future__ import annotations

import random

from drawn_scenes.catalog import kind
from drawn_scenes.pen import RGB, Pen, shade


def dining_chair(pen: Pen, colour: RGB, slats: bool) -> None:
    """A wooden chair half from the side: tall back, seat, four legs."""
    w, dark = pen.w, shade(colour, 0.68)
    pen.rect(w * 0.2, 55, w * 0.32, 90, dark)
    pen.rect(w * 0.82, 55, w * 0.92, 90, dark)
    if slats:
        for x in (0.0, 0.19, 0.38, 0.57):
            pen.rect(w * x + 2, 2, w * x + 10, 58, colour, radius=2)
        pen.rect(0, 0, w * 0.74, 14, colour, radius=4)
        pen.rect(2, 34, w * 0.7, 41, colour)
    else:
        pen.rect(0, 0, w * 0.74, 44, colour, radius=8)
        pen.rect(2, 30, 11, 60, colour)
        pen.rect(w * 0.57 + 2, 30, w * 0.57 + 10, 60, colour)
    pen.poly([(0, 54), (w * 0.72, 54), (w, 66), (w * 0.22, 66)], shade(colour, 1.3))
    pen.poly([(0, 54), (w * 0.22, 66), (w, 66), (w, 73), (w * 0.2, 73), (0, 62)], dark)
    pen.rect(0, 58, 10, 94, colour)
    pen.rect(w * 0.22, 70, w * 0.22 + 10, 100, colour)
    pen.rect(w - 10, 70, w, 100, colour)


def side_chair(pen: Pen, colour: RGB) -> None:
    """A plain chair in pure profile: the letter h."""
    w, dark = pen.w, shade(colour, 0.68)
    pen.line([(w * 0.3, 58), (w * 0.24, 96)], dark, 8)
    pen.line([(w * 0.78, 58), (w * 0.76, 96)], dark, 8)
    pen.line([(5, 5), (w * 0.16, 56), (5, 95)], colour, 10)
    pen.line([(w * 0.9, 58), (w - 5, 95)], colour, 10)
    pen.rect(w * 0.08, 50, w, 63, colour, radius=5)
    pen.rect(w * 0.14, 44, w * 0.96, 52, shade(colour, 1.4), radius=4)


def upholstered_chair(pen: Pen, colour: RGB) -> None:
    """An upholstered chair from the front."""
    w, dark = pen.w, shade(colour, 0.7)
    for x in (w * 0.12, w * 0.8):
        pen.rect(x, 88, x + w * 0.08, 100, (70, 46, 28))
    pen.rect(w * 0.14, 0, w * 0.86, 80, colour, radius=16)
    pen.rect(w * 0.2, 64, w * 0.8, 92, dark, radius=2)
    pen.rect(w * 0.2, 52, w * 0.8, 70, shade(colour, 1.25), radius=7)
    for x0, x1 in ((0, w * 0.23), (w * 0.77, w)):
        pen.rect(x0, 40, x1, 92, shade(colour, 0.85), radius=9)


@kind(
    "chair",
    synonyms=("armchair", "dining chair", "kitchen chair"),
    hypernyms=("furniture",),
    places=("sidewalk", "grass"),
    size=(0.55, 0.65),
    aspect=(0.62, 0.95),
)
def chair(pen: Pen, colour: RGB, rng: random.Random) -> None:
    """A slatted, solid-backed or plain chair; an armchair if the sprite is wide."""
    if pen.w > 84:
        upholstered_chair(pen, colour)
    elif rng.random() < 0.35:
        side_chair(pen, colour)
    else:
        dining_chair(pen, colour, slats=rng.random() < 0.6)


def _round_table(pen: Pen, colour: RGB) -> None:
    """A round top on one foot."""
    cx = pen.w / 2
    pen.rect(cx - 7, 20, cx + 7, 92, shade(colour, 0.7))
    pen.poly([(cx - 8, 84), (cx + 8, 84), (cx + 38, 100), (cx - 38, 100)], shade(colour, 0.7))
    pen.ellipse(0, 8, pen.w, 44, shade(colour, 0.62))
    pen.ellipse(0, 0, pen.w, 34, colour)


@kind(
    "table",
    synonyms=("desk", "dining table", "kitchen table"),
    hypernyms=("furniture",),
    places=("sidewalk", "grass"),
    size=(0.45, 0.55),
    aspect=(1.5, 1.85),
)
def table(pen: Pen, colour: RGB, rng: random.Random) -> None:
    """A four-legged table seen a little from above, a desk with drawers, or a round one."""
    w, dark = pen.w, shade(colour, 0.66)
    style = rng.choice(("plain", "plain", "round", "cups"))
    if style == "round":
        _round_table(pen, colour)
        return
    for x in (w * 0.14, w * 0.8):
        pen.rect(x, 24, x + w * 0.06, 86, shade(colour, 0.5))
    for x in (w * 0.02, w * 0.9):
        pen.rect(x, 34, x + w * 0.08, 100, colour)
    pen.rect(w * 0.04, 36, w * 0.96, 50, dark)
    top = 10 if style == "cups" else 2
    pen.poly([(w * 0.11, top), (w * 0.89, top), (w, 30), (0, 30)], shade(colour, 1.25))
    pen.rect(0, 29, w, 39, colour, radius=2)
    if style == "cups":
        pen.rect(w * 0.58, 2, w * 0.66, 20, (250, 250, 246), radius=2)
        pen.ellipse(w * 0.26, 12, w * 0.46, 24, (250, 250, 246))


def _rungs(pen: Pen, left: tuple[float, float], right: tuple[float, float], ys: range, colour: RGB) -> None:
    """Rungs between two rails; each rail is given by its x at the top and at the foot."""
    for y in ys:
        x0, x1 = (a + (b - a) * y / 100 for a, b in (left, right))
        pen.line([(x0, y), (x1, y)], colour, 5)


@kind(
    "ladder",
    synonyms=("stepladder", "extension ladder"),
    hypernyms=("equipment", "tool"),
    places=("sidewalk", "grass"),
    size=(1.15, 1.35),
    aspect=(0.3, 0.55),
)
def ladder(pen: Pen, colour: RGB, rng: random.Random) -> None:
    """A straight ladder, or a stepladder if the sprite is wide."""
    w, dark = pen.w, shade(colour, 0.68)
    if w < 40:
        _rungs(pen, (5, 3), (w - 5, w - 3), range(10, 96, 14), shade(colour, 0.85))
        pen.line([(6, 3), (3.5, 97)], colour, 6)
        pen.line([(w - 6, 3), (w - 3.5, 97)], colour, 6)
        return
    pen.line([(w * 0.56, 4), (w - 3, 97)], dark, 5)
    pen.line([(w * 0.42, 4), (w * 0.84, 90)], dark, 4)
    _rungs(pen, (w * 0.3, 3), (w * 0.52, w * 0.64), range(18, 95, 15), shade(colour, 0.85))
    pen.line([(w * 0.3, 4), (3, 97)], colour, 6)
    pen.line([(w * 0.52, 4), (w * 0.64, 97)], colour, 6)
    pen.rect(w * 0.2, 0, w * 0.68, 7, colour, radius=2)


def _neck(pen: Pen, foot: float) -> None:
    """Headstock, pegs and fretboard down to `foot`."""
    cx = pen.w / 2
    for y in (3, 8, 13):
        pen.line([(cx - 8, y), (cx + 8, y)], (216, 216, 220), 2.5)
    pen.rect(cx - 5, 0, cx + 5, 17, (62, 40, 28), radius=2)
    pen.rect(cx - 3.5, 14, cx + 3.5, foot, (92, 60, 38))
    for y in range(22, int(foot), 8):
        pen.rect(cx - 3.5, y, cx + 3.5, y + 1.5, (214, 206, 186))


@kind(
    "guitar",
    synonyms=("acoustic guitar", "electric guitar"),
    hypernyms=("musical instrument", "instrument"),
    places=("sidewalk", "grass"),
    size=(0.6, 0.7),
    aspect=(0.4, 0.46),
)
def guitar(pen: Pen, colour: RGB, rng: random.Random) -> None:
    """A guitar standing upright: acoustic with a sound hole, or electric with horns."""
    w, cx, dark = pen.w, pen.w / 2, shade(colour, 0.6)
    if rng.random() < 0.6:
        pen.circle(cx, 58, w * 0.37, dark)
        pen.ellipse(0, 60, w, 100, dark)
        pen.circle(cx, 58, w * 0.37 - 2, colour)
        pen.ellipse(2, 62, w - 2, 98, colour)
        _neck(pen, 60)
        pen.circle(cx, 66, w * 0.17, (36, 24, 18))
    else:
        pen.ellipse(0, 66, w, 100, colour)
        horns = [(w * 0.04, 46), (w * 0.24, 58), (w * 0.76, 58), (w * 0.96, 50)]
        pen.poly([*horns, (w * 0.86, 84), (w * 0.1, 84)], colour)
        _neck(pen, 66)
        pen.poly([(w * 0.34, 66), (w * 0.84, 64), (w * 0.76, 90), (w * 0.4, 84)], (240, 238, 228))
        for y in (70, 77):
            pen.rect(cx - 8, y, cx + 8, y + 4, (40, 40, 44))
    pen.rect(cx - 9, 85, cx + 9, 90, (40, 28, 20), radius=2)
