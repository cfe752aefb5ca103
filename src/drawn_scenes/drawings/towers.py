"""Tents, stalls, windmills and lighthouses."""

from __future__ import annotations

import math
import random

from drawn_scenes.catalog import kind
from drawn_scenes.drawings.fixtures import DARK, GLOW, PANE, WOOD, arch, edge, scallops, trim
from drawn_scenes.pen import RGB, Pen, shade


@kind(
    "tent",
    synonyms=("camping tent", "canvas shelter"),
    hypernyms=("shelter", "camping gear"),
    places=("grass",),
    size=(0.75, 0.95),
    aspect=(1.25, 1.6),
)
def tent(pen: Pen, colour: RGB, rng: random.Random) -> None:
    """A ridge tent from the front or from a corner, or a dome, its flap open."""
    w, style = pen.w, rng.choice(("front", "corner", "dome"))
    if style == "dome":
        pen.ellipse(0, 0, w, 200, colour)
        for side in (-1, 1):
            seam = [(w / 2, 2), (w / 2 + side * 0.3 * w, 40), (w / 2 + side * 0.36 * w, 97)]
            pen.line(seam, edge(colour), 4)
        arch(pen, w / 2 - 0.16 * w, w / 2 + 0.16 * w, 46, 100, DARK)
        return
    peak = w / 2 if style == "front" else w * 0.36
    foot = w if style == "front" else w * 0.72
    if style == "corner":
        pen.poly([(peak, 6), (w * 0.84, 12), (w, 98), (foot, 100)], edge(colour))
    pen.poly([(0, 100), (peak, 6), (foot, 100)], colour)
    pen.line([(peak - 5, 0.5), (peak, 8), (peak + 5, 0.5)], WOOD, 4)
    pen.poly([(peak, 30), (peak + 0.17 * w, 100), (peak - 0.17 * w, 100)], DARK)
    pen.poly([(peak, 30), (peak + 0.22 * w, 100), (peak + 0.12 * w, 100)], shade(colour, 1.4))
    pen.poly([(peak, 30), (peak - 0.22 * w, 100), (peak - 0.12 * w, 100)], shade(colour, 1.4))


@kind(
    "windmill",
    synonyms=("flour mill", "grain mill"),
    hypernyms=("mill", "building"),
    places=("grass",),
    size=(1.6, 1.8),
    aspect=(0.76, 0.9),
)
def windmill(pen: Pen, colour: RGB, rng: random.Random) -> None:
    """A tapering tower with a cap and four lattice sails at some angle."""
    w, cx, hub = pen.w, pen.w / 2, pen.w * 0.46
    pen.poly([(cx - 0.17 * w, 34), (cx + 0.17 * w, 34), (cx + 0.3 * w, 100), (cx - 0.3 * w, 100)], colour)
    pen.pie(cx, 36, 0.2 * w, 180, 360, (96, 62, 42))
    arch(pen, cx - 7, cx + 7, 80, 100, DARK)
    pen.rect(cx - 4, 62, cx + 4, 71, PANE)
    turn, length = math.radians(rng.choice((45, 30, 15, 60))), pen.w * 0.45
    cloth = rng.choice(((244, 236, 214), (236, 222, 180)))
    for i in range(4):
        a = turn + i * math.pi / 2
        dx, dy = math.cos(a), math.sin(a)
        near, far, wide = length * 0.22, length * 0.97, 0.12 * w
        corners = [(near, 0.0), (far, 0.0), (far, wide), (near, wide)]
        pts = [(cx + u * dx - v * dy, hub + u * dy + v * dx) for u, v in corners]
        pen.poly(pts, cloth)
        pen.line([*pts, pts[0]], (92, 60, 36), 1.8)
        pen.line([(cx, hub), (cx + far * dx, hub + far * dy)], (92, 60, 36), 3.4)
    pen.circle(cx, hub, 5, DARK)


@kind(
    "lighthouse",
    synonyms=("beacon", "light tower"),
    hypernyms=("tower", "building"),
    places=("grass",),
    size=(1.6, 1.8),
    aspect=(0.42, 0.54),
)
def lighthouse(pen: Pen, colour: RGB, rng: random.Random) -> None:
    """A tapering tower banded in white with a gallery and a lit lantern."""
    w, cx, bands = pen.w, pen.w / 2, rng.choice((3, 5))
    top, foot = 0.22 * w, 0.42 * w
    light = (206, 208, 212) if min(colour) > 200 else trim(colour)
    for i in range(bands):
        y0, y1 = 32 + 64 * i / bands, 32 + 64 * (i + 1) / bands
        a, b = (top + (foot - top) * (y - 32) / 64 for y in (y0, y1))
        pen.poly([(cx - a, y0), (cx + a, y0), (cx + b, y1), (cx - b, y1)], light if i % 2 else colour)
    pen.rect(0, 94, w, 100, (120, 118, 112), radius=3)
    arch(pen, cx - 5, cx + 5, 80, 95, DARK)
    pen.rect(cx - top, 14, cx + top, 29, GLOW)
    for x in (cx - top, cx, cx + top):
        pen.rect(x - 1.2, 14, x + 1.2, 29, DARK)
    pen.rect(cx - top - 5, 28, cx + top + 5, 34, DARK, radius=2)
    cap = edge(colour) if min(colour) < 200 else (190, 40, 40)
    if rng.random() < 0.5:
        pen.poly([(cx - top - 3, 15), (cx, 1), (cx + top + 3, 15)], cap)
    else:
        pen.pie(cx, 15, top + 2, 180, 360, cap)
    pen.rect(cx - 1.2, 0, cx + 1.2, 6, DARK)


@kind(
    "kiosk",
    synonyms=("market stall", "market stand", "food stall"),
    hypernyms=("shop", "building"),
    places=("sidewalk", "grass"),
    size=(1.15, 1.4),
    aspect=(0.95, 1.2),
)
def kiosk(pen: Pen, colour: RGB, rng: random.Random) -> None:
    """A stall with a striped awning: fruit on its counter, or a window with a seller's shelf."""
    w, closed = pen.w, rng.random() < 0.4
    pen.rect(0.08 * w, 24, 0.92 * w, 70, (88, 66, 52) if closed else (226, 206, 170))
    for x in (0.07, 0.93):
        pen.rect(x * w - 2.5, 20, x * w + 2.5, 100, WOOD)
    if closed:
        pen.rect(0.14 * w, 54, 0.3 * w, 64, (240, 196, 60))
        pen.rect(0.7 * w, 52, 0.84 * w, 64, (90, 170, 220))
    else:
        fruits = [(226, 44, 40), (250, 150, 30), (96, 176, 50), (250, 210, 50)]
        rng.shuffle(fruits)
        for i in range(8):
            pen.circle(w * (0.13 + 0.106 * i), 59 - 4 * (i % 2), 6.5, fruits[i // 2])
    pen.rect(0.03 * w, 62, 0.97 * w, 70, WOOD)
    pen.rect(0.06 * w, 70, 0.94 * w, 100, colour)
    pen.rect(0.06 * w, 70, 0.94 * w, 75, edge(colour))
    scallops(pen, 4, 27, 0.09 * w, colour, trim(colour), rng.choice((5, 7)))
    pen.rect(0.07 * w, 0, 0.93 * w, 6, edge(colour), radius=2)
