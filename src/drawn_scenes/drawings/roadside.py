"""Barriers, flags, meters, clocks and carts beside the road."""

from __future__ import annotations

import math
import random

from drawn_scenes.catalog import kind
from drawn_scenes.drawings.fixtures import DARK, METAL, WHITE, contrast, edge, post, slanted
from drawn_scenes.pen import RGB, Pen, shade


@kind(
    "road barrier",
    synonyms=("barricade", "roadblock", "traffic barrier"),
    hypernyms=("barrier", "safety equipment"),
    colours=("red", "orange", "yellow", "blue", "green", "black"),
    places=("road", "sidewalk"),
    size=(0.6, 0.75),
    aspect=(1.4, 1.9),
)
def road_barrier(pen: Pen, colour: RGB, rng: random.Random) -> None:
    """One or two boards striped in white on trestle legs, with or without warning lamps."""
    w = pen.w
    lamps, boards = rng.random() < 0.4, rng.choice((1, 2))
    for x in (0.14, 0.86):
        pen.line([(x * w, 12), (x * w - 9, 97)], METAL, 7)
        pen.line([(x * w, 12), (x * w + 9, 97)], METAL, 7)
    top = 14 if lamps else 0
    rows = ((top, top + 42),) if boards == 1 else ((top, top + 29), (top + 40, top + 69))
    lean = rng.choice((-1, 1)) * 18
    for y0, y1 in rows:
        pen.rect(0, y0, w, y1, WHITE)
        step = w / 4
        for i in range(-1, 6):
            pen.poly(slanted(0, w, y0, y1, i * step - lean / 2, step / 2, lean), colour)
    if lamps:
        for x in (0.14, 0.86):
            pen.circle(x * w, 8, 8, (255, 176, 30))


@kind(
    "flag",
    synonyms=("banner", "ensign"),
    hypernyms=("symbol",),
    places=("grass", "sidewalk"),
    size=(1.4, 1.8),
    aspect=(0.62, 0.8),
)
def flag(pen: Pen, colour: RGB, rng: random.Random) -> None:
    """A waving flag on its pole, plain or with a disc or a cross; square, forked or pointed."""
    w = pen.w
    pole = (110, 84, 56) if rng.random() < 0.4 else METAL
    pen.rect(1, 2, 8, 100, pole)
    pen.circle(4.5, 4.5, 4.5, (240, 196, 50))
    style = rng.choice(("square", "square", "forked", "pointed"))
    height, wave = rng.uniform(42, 50), rng.choice((-5, 5))
    top, bottom = [], []
    for i in range(13):
        x, y = 8 + (w - 8) * i / 12, 11 + wave * math.sin(i / 12 * 2 * math.pi)
        narrow = height / 2 * i / 12 if style == "pointed" else 0.0
        top.append((x, y + narrow))
        bottom.append((x, y + height - narrow))
    notch = [(w * 0.72, 11 + height / 2)] if style == "forked" else []
    pen.poly(top + notch + bottom[::-1], colour)
    mid, cx, mark = 11 + height / 2, 8 + (w - 8) * 0.38, rng.choice(("plain", "disc", "cross"))
    if style == "pointed" or mark == "plain":
        return
    ink = contrast(colour)
    if mark == "disc":
        pen.circle(cx, mid, height * 0.22, ink)
    else:
        pen.rect(cx - 4, mid - 15, cx + 4, mid + 15, ink)
        pen.rect(cx - 15, mid - 4, cx + 15, mid + 4, ink)


def meter_head(pen: Pen, cx: float, top: float, half: float, colour: RGB) -> None:
    """The head of a parking meter: a round window with a needle and a coin slot."""
    pen.circle(cx, top + half, half, colour)
    y, foot = top + half, half * 0.7
    pen.poly([(cx - half, y), (cx + half, y), (cx + foot, 52), (cx - foot, 52)], colour)
    pen.pie(cx, top + half * 1.1, half * 0.74, 180, 360, WHITE)
    pen.rect(cx - half * 0.74, top + half * 1.05, cx + half * 0.74, top + half * 1.25, DARK)
    pen.line([(cx, top + half * 1.05), (cx + half * 0.35, top + half * 0.6)], (214, 30, 36), 2.4)
    pen.rect(cx - 2, 36, cx + 2, 46, contrast(colour))


@kind(
    "parking meter",
    synonyms=("parking machine", "coin meter"),
    hypernyms=("street furniture", "machine"),
    places=("sidewalk",),
    size=(0.85, 1.0),
    aspect=(0.32, 0.42),
)
def parking_meter(pen: Pen, colour: RGB, rng: random.Random) -> None:
    """A round-headed meter on a thin post, alone or with a collar."""
    cx = pen.w / 2
    post(pen, cx, 48, METAL, width=8, base=rng.choice((8, 20)))
    meter_head(pen, cx, 0, cx, colour)
    if rng.random() < 0.5:
        pen.rect(cx - 9, 50, cx + 9, 58, edge(colour), radius=2)


@kind(
    "clock",
    synonyms=("street clock", "post clock"),
    hypernyms=("street furniture", "timepiece"),
    places=("sidewalk", "grass"),
    size=(1.25, 1.5),
    aspect=(0.44, 0.54),
)
def clock(pen: Pen, colour: RGB, rng: random.Random) -> None:
    """A large white dial, round or square, on an ornate post."""
    r = pen.w / 2
    post(pen, r, r, colour, width=9, base=28)
    pen.rect(r - 9, 80, r + 9, 96, edge(colour), radius=2)
    pen.rect(r - 10, 2 * r - 1, r + 10, 2 * r + 6, edge(colour), radius=2)
    if rng.random() < 0.7:
        pen.circle(r, r, r, colour)
        pen.circle(r, r, r * 0.8, WHITE)
    else:
        pen.rect(0, 0, 2 * r, 2 * r, colour, radius=4)
        pen.rect(r * 0.2, r * 0.2, r * 1.8, r * 1.8, WHITE, radius=2)
    for i in range(0, 12, 3):
        a = math.radians(30 * i)
        pen.circle(r + r * 0.64 * math.sin(a), r - r * 0.64 * math.cos(a), 1.9, DARK)
    hour = math.radians(30 * rng.choice((1, 2, 4, 8, 10, 11)))
    minute = math.radians(rng.choice((0, 0, 180, 90)))
    for angle, reach, width in ((hour, 0.42, 4.0), (minute, 0.62, 3.0)):
        pen.line([(r, r), (r + r * reach * math.sin(angle), r - r * reach * math.cos(angle))], DARK, width)


@kind(
    "shopping cart",
    synonyms=("shopping trolley", "grocery cart", "supermarket trolley"),
    hypernyms=("cart",),
    places=("sidewalk", "road"),
    size=(0.62, 0.75),
    aspect=(0.98, 1.15),
)
def shopping_cart(pen: Pen, colour: RGB, rng: random.Random) -> None:
    """A wire basket on castors from the side, empty or full, pushed from either side."""
    w, flip = pen.w, rng.random() < 0.5

    def at(x: float, y: float) -> tuple[float, float]:
        """A point of the cart, x as a part of its width from the handle."""
        return (w - x * w if flip else x * w, y)

    if rng.random() < 0.5:
        pen.rect(*at(0.3, 4), *at(0.46, 30), (226, 180, 60))
        pen.circle(*at(0.6, 20), 12, (214, 40, 40))
        pen.circle(*at(0.78, 22), 11, (70, 170, 60))
    corners = [at(0.18, 20), at(1, 24), at(0.88, 64), at(0.28, 64)]
    pen.poly(corners, shade(colour, 1.45))
    for i in range(1, 5):
        t = i / 5
        pen.line([at(0.18 + 0.82 * t, 21), at(0.28 + 0.6 * t, 64)], colour, 3)
    pen.line([at(0.22, 42), at(0.94, 43)], colour, 3)
    pen.line([*corners, corners[0]], colour, 5.5)
    pen.line([at(0.05, 8), at(0.16, 12), at(0.34, 80), at(0.86, 80)], edge(colour), 5.5)
    pen.line([at(0.04, 6), at(0.14, 8)], DARK, 9)
    for x in (0.36, 0.84):
        pen.circle(*at(x, 91), 9, DARK)
        pen.circle(*at(x, 91), 3.5, (190, 192, 198))
