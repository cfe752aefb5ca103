"""Lights, signs and tall things of the street."""

from __future__ import annotations

import math
import random

from drawn_scenes.catalog import kind
from drawn_scenes.drawings.fixtures import (
    DARK,
    GLOW,
    METAL,
    PANE,
    WHITE,
    contrast,
    edge,
    post,
    trim,
)
from drawn_scenes.pen import RGB, Pen, shade

SIGN_RED: RGB = (206, 24, 34)
WATER: RGB = (84, 176, 240)


@kind(
    "traffic light",
    synonyms=("stoplight", "traffic signal", "stop light"),
    hypernyms=("street furniture", "signal"),
    colours=("black", "yellow", "green", "gray", "blue", "white"),
    places=("sidewalk",),
    size=(1.5, 1.8),
    aspect=(0.34, 0.42),
)
def traffic_light(pen: Pen, colour: RGB, rng: random.Random) -> None:
    """Three lamps in a housing on a post, with or without visors and a backboard."""
    w, cx = pen.w, pen.w / 2
    post(pen, cx, 60, edge(colour), width=9, base=22)
    side = rng.choice((0.0, 4.0))
    pen.rect(side, 0, w - side, 68, colour, radius=rng.choice((2, 9)))
    pen.rect(side + 4, 4, w - side - 4, 64, DARK, radius=4)
    visors = rng.random() < 0.4
    for i, lamp in enumerate(((240, 40, 44), (255, 200, 30), (40, 214, 90))):
        cy = 14 + 20 * i
        if visors:
            pen.poly([(0, cy - 8), (side + 6, cy - 8), (side + 6, cy + 2)], edge(colour))
            pen.poly([(w, cy - 8), (w - side - 6, cy - 8), (w - side - 6, cy + 2)], edge(colour))
        pen.circle(cx, cy, 9, lamp)


def letters(pen: Pen, x0: float, y0: float, x1: float, y1: float, fill: RGB) -> None:
    """The word STOP in the given box."""
    cell, gap = (x1 - x0) / 4.6, (x1 - x0) / 4.6 * 0.2
    t, mid = cell * 0.26, (y0 + y1) / 2
    a, b = x0, x0 + cell
    pen.line([(b, y0), (a, y0), (a, mid), (b, mid), (b, y1), (a, y1)], fill, t)
    a, b = b + gap, b + gap + cell
    pen.line([(a, y0), (b, y0)], fill, t)
    pen.line([((a + b) / 2, y0), ((a + b) / 2, y1)], fill, t)
    a, b = b + gap, b + gap + cell
    pen.line([(a, y0), (b, y0), (b, y1), (a, y1), (a, y0)], fill, t)
    a, b = b + gap, b + gap + cell
    pen.line([(a, y1), (a, y0), (b, y0), (b, mid), (a, mid)], fill, t)


@kind(
    "stop sign",
    synonyms=("halt sign", "red octagon sign"),
    hypernyms=("sign", "road sign", "traffic sign"),
    colours=(),
    places=("sidewalk", "grass"),
    size=(1.15, 1.4),
    aspect=(0.46, 0.54),
    mirrored=False,
)
def stop_sign(pen: Pen, colour: RGB, rng: random.Random) -> None:
    """A red octagon on a metal or wooden post, sometimes over a small plate."""
    r = pen.w / 2
    post(pen, r, r, rng.choice((METAL, (170, 174, 180), (122, 78, 44))), width=7, base=7)
    if rng.random() < 0.4:
        pen.rect(r * 0.4, pen.w + 3, r * 1.6, pen.w + 15, WHITE)
        pen.rect(r * 0.4 + 2, pen.w + 5, r * 1.6 - 2, pen.w + 13, SIGN_RED)
    for size, fill in ((1.08, WHITE), (0.97, SIGN_RED)):
        angles = [math.radians(22.5 + 45 * i) for i in range(8)]
        pen.poly([(r + size * r * math.cos(a), r + size * r * math.sin(a)) for a in angles], fill)
    letters(pen, r * 0.3, r * 0.72, r * 1.7, r * 1.28, WHITE)


@kind(
    "street lamp",
    synonyms=("streetlight", "lamppost", "street light"),
    hypernyms=("street furniture", "light"),
    places=("sidewalk", "grass"),
    size=(1.6, 1.9),
    aspect=(0.34, 0.42),
)
def street_lamp(pen: Pen, colour: RGB, rng: random.Random) -> None:
    """An old lantern, a lamp on a curved arm, a globe, or a pair of globes."""
    w, cx = pen.w, pen.w / 2
    style = rng.choice(("lantern", "arm", "globes"))
    if style == "arm":
        flip = rng.random() < 0.5
        side, far = (w - 7, 3) if flip else (7, w - 3)
        post(pen, side, 14, colour, width=7.5, base=14)
        pen.line([(side, 18), (side + (far - side) * 0.25, 5), (far, 4)], colour, 7)
        near = side + (far - side) * 0.42
        pen.pie((near + far) / 2, 11, abs(far - near) / 2, 0, 180, GLOW)
        pen.rect(near, 1, far, 12, colour, radius=3)
        return
    post(pen, cx, 20, colour, width=6.5, base=20)
    pen.rect(cx - 6, 80, cx + 6, 100, colour)
    if style == "globes":
        pen.line([(9, 22), (9, 30), (w - 9, 30), (w - 9, 22)], colour, 5)
        pen.circle(9, 12, 9, GLOW)
        pen.circle(w - 9, 12, 9, GLOW)
        pen.rect(cx - 3, 12, cx + 3, 30, colour)
        return
    pen.poly([(cx - 13, 10), (cx + 13, 10), (cx + 8, 32), (cx - 8, 32)], colour)
    pen.poly([(cx - 10, 11), (cx + 10, 11), (cx + 6, 29), (cx - 6, 29)], GLOW)
    pen.poly([(0.04 * w, 12), (cx, 0), (0.96 * w, 12)], colour)
    pen.line([(cx - 10, 42), (cx + 10, 42)], colour, 4)


@kind(
    "phone booth",
    synonyms=("telephone booth", "phone box", "telephone box", "call box"),
    hypernyms=("street furniture",),
    places=("sidewalk",),
    size=(1.25, 1.45),
    aspect=(0.42, 0.5),
)
def phone_booth(pen: Pen, colour: RGB, rng: random.Random) -> None:
    """A glazed booth: the British box with its many panes, or an open one showing the telephone."""
    w, cx = pen.w, pen.w / 2
    pen.rect(2, 8, w - 2, 96, colour)
    pen.rect(0, 94, w, 100, edge(colour))
    if rng.random() < 0.6:
        pen.ellipse(2, 0, w - 2, 20, colour)
    else:
        pen.rect(0, 0, w, 12, colour, radius=3)
    pen.rect(5, 9, w - 5, 17, trim(colour))
    pen.rect(9, 11.5, w - 9, 14.5, DARK)
    pen.rect(7, 22, w - 7, 90, PANE)
    if rng.random() < 0.5:
        for x in (0.36, 0.64):
            pen.rect(x * w - 1.2, 22, x * w + 1.2, 90, colour)
        for i in range(1, 5):
            pen.rect(7, 21 + 13.8 * i, w - 7, 23.5 + 13.8 * i, colour)
        return
    pen.rect(7, 72, w - 7, 90, edge(colour))
    pen.rect(cx - 8, 34, cx + 8, 60, DARK, radius=2)
    pen.rect(cx + 1, 38, cx + 5, 50, shade(PANE, 1.5))
    pen.line([(cx - 5, 37), (cx - 3, 43), (cx - 5, 50)], contrast(DARK), 2.5)


@kind(
    "fountain",
    synonyms=("water fountain", "water feature"),
    hypernyms=("monument", "street furniture"),
    colours=("gray", "white", "brown", "pink", "yellow", "turquoise"),
    places=("grass", "sidewalk"),
    size=(1.0, 1.25),
    aspect=(1.0, 1.25),
)
def fountain(pen: Pen, colour: RGB, rng: random.Random) -> None:
    """Water that rises from a stone column with one or two bowls and falls into a basin."""
    w, cx = pen.w, pen.w / 2
    spread, bowls = rng.uniform(0.27, 0.36) * w, rng.choice((1, 2, 2))
    for side in (-1, 1):
        bow = [(0.0, 16), (0.35, 4), (0.75, 12), (0.95, 34), (1.0, 78)]
        pen.line([(cx + side * spread * x, y) for x, y in bow], WATER, 6)
    pen.rect(cx - 5, 34, cx + 5, 84, edge(colour))
    pen.rect(cx - 3.5, 0, cx + 3.5, 40, shade(WATER, 1.6), radius=2)
    for y, half in ((54, 0.24), (34, 0.14))[:bowls]:
        rim, stem = half * w, half * w * 0.4
        pen.poly([(cx - rim, y), (cx + rim, y), (cx + stem, y + 12), (cx - stem, y + 12)], colour)
        pen.rect(cx - rim, y - 2, cx + rim, y + 2, shade(WATER, 1.5))
    pen.ellipse(3, 70, w - 3, 86, WATER)
    pen.rect(0, 77, w, 84, shade(colour, 1.25), radius=3)
    pen.poly([(3, 83), (w - 3, 83), (w - 10, 97), (10, 97)], colour)
    pen.rect(6, 94, w - 6, 100, edge(colour), radius=2)
