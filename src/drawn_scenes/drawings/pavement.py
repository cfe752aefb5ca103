"""Small street furniture: what one sits on, posts in, throws into or drives around."""

from __future__ import annotations

import random

from drawn_scenes.catalog import kind
from drawn_scenes.drawings.fixtures import DARK, METAL, WHITE, contrast, edge, trim
from drawn_scenes.pen import RGB, Pen, shade


@kind(
    "bench",
    synonyms=("park bench", "garden bench"),
    hypernyms=("street furniture", "seat", "furniture"),
    places=("sidewalk", "grass"),
    size=(0.5, 0.6),
    aspect=(1.8, 2.2),
)
def bench(pen: Pen, colour: RGB, rng: random.Random) -> None:
    """A slatted bench from the front on iron or wooden legs."""
    w = pen.w
    iron = rng.choice((DARK, METAL, edge(colour)))
    legs = (0.08, 0.92) if rng.random() < 0.5 else (0.08, 0.5, 0.92)
    for x in legs:
        pen.rect(x * w - 5, 4, x * w + 5, 100, iron, radius=2)
    if rng.random() < 0.5:
        for y in (0, 20):
            pen.rect(0, y, w, y + 15, colour, radius=3)
    else:
        pen.rect(0, 0, w, 9, colour, radius=3)
        pen.rect(0, 30, w, 37, colour)
        for i in range(9):
            x = 4 + i * (w - 18) / 8
            pen.rect(x, 5, x + 10, 34, colour)
    pen.rect(0, 50, w, 62, shade(colour, 1.12), radius=3)
    pen.rect(0, 61, w, 70, edge(colour), radius=3)
    if rng.random() < 0.6:
        for x in (0.05, 0.95):
            pen.line([(x * w, 38), (x * w, 60)], iron, 9)


@kind(
    "mailbox",
    synonyms=("postbox", "letterbox", "letter box", "post box"),
    hypernyms=("street furniture",),
    places=("sidewalk", "grass"),
    size=(0.75, 0.95),
    aspect=(0.5, 0.62),
)
def mailbox(pen: Pen, colour: RGB, rng: random.Random) -> None:
    """A round-topped box on legs, a pillar box, or a box with a red flag on a wooden post."""
    w = pen.w
    style = rng.choice(("legs", "pillar", "rural"))
    if style == "rural":
        pen.rect(w * 0.4, 40, w * 0.6, 100, (122, 78, 44))
        pen.rect(0, 10, w * 0.9, 46, colour, radius=4)
        pen.rect(0, 0, w * 0.9, 30, colour, radius=14)
        pen.rect(0, 42, w * 0.9, 48, edge(colour))
        flag = (250, 210, 40) if colour[0] > 190 > colour[1] else (224, 30, 36)
        pen.rect(w * 0.8, 6, w * 0.87, 32, flag)
        pen.rect(w * 0.8, 4, w, 15, flag)
        envelope(pen, w * 0.14, 15, w * 0.66, 37, trim(colour))
        return
    if style == "pillar":
        pen.rect(w * 0.08, 6, w * 0.92, 96, colour, radius=4)
        pen.ellipse(0, 0, w, 18, colour)
        pen.rect(0, 9, w, 15, edge(colour))
        pen.rect(0, 92, w, 100, DARK)
    else:
        for x in (0.06, 0.8):
            pen.rect(x * w, 80, (x + 0.14) * w, 100, edge(colour))
        pen.pie(w / 2, w / 2, w / 2, 180, 360, colour)
        pen.rect(0, w / 2 - 1, w, 88, colour)
        pen.rect(0, 82, w, 88, edge(colour))
    pen.rect(w * 0.2, 22, w * 0.8, 29, contrast(colour))
    envelope(pen, w * 0.2, 40, w * 0.8, 64, trim(colour))


def envelope(pen: Pen, x0: float, y0: float, x1: float, y1: float, paper: RGB) -> None:
    """A letter, seen from its back."""
    pen.rect(x0, y0, x1, y1, paper)
    mid = ((x0 + x1) / 2, (y0 + y1) / 2 + 2)
    pen.line([(x0 + 1, y0 + 1), mid, (x1 - 1, y0 + 1)], edge(paper), 2.2)


@kind(
    "fire hydrant",
    synonyms=("hydrant", "fireplug"),
    hypernyms=("street furniture",),
    places=("sidewalk", "grass"),
    size=(0.45, 0.6),
    aspect=(0.62, 0.74),
)
def fire_hydrant(pen: Pen, colour: RGB, rng: random.Random) -> None:
    """A domed post with side nozzles and flanges; the caps in its colour or in metal."""
    w, cx = pen.w, pen.w / 2
    cap = rng.choice((edge(colour), (190, 194, 200), WHITE))
    body = rng.uniform(0.25, 0.3) * w
    pen.rect(cx - body, 26, cx + body, 92, colour)
    pen.rect(cx - body, 26, cx - body * 0.55, 92, shade(colour, 1.3))
    pen.pie(cx, 28, body * 1.05, 180, 360, colour)
    pen.rect(cx - 5, 0, cx + 5, 14, cap, radius=2)
    pen.rect(cx - body * 1.35, 25, cx + body * 1.35, 33, edge(colour), radius=2)
    pen.rect(4, 46, w - 4, 60, colour)
    for x in (0, w - 8):
        pen.rect(x, 42, x + 8, 64, cap, radius=2)
    pen.circle(cx, 54, body * 0.72, edge(colour))
    pen.circle(cx, 54, body * 0.45, cap)
    pen.rect(cx - body * 1.3, 76, cx + body * 1.3, 82, edge(colour))
    pen.rect(w * 0.08, 90, w * 0.92, 100, edge(colour), radius=3)


@kind(
    "trash can",
    synonyms=("garbage bin", "dustbin", "rubbish bin", "garbage can"),
    hypernyms=("street furniture", "container"),
    places=("sidewalk", "grass"),
    size=(0.55, 0.75),
    aspect=(0.66, 0.78),
)
def trash_can(pen: Pen, colour: RGB, rng: random.Random) -> None:
    """A ribbed can with its lid on or off and full of rubbish, or a bin on wheels."""
    w, cx = pen.w, pen.w / 2
    style = rng.choice(("lid", "full", "wheels"))
    if style == "wheels":
        pen.poly([(4, 14), (w - 4, 14), (w - 12, 94), (12, 94)], colour)
        pen.rect(w * 0.12, 22, w * 0.88, 27, edge(colour))
        pen.rect(0, 2, w, 16, edge(colour), radius=5)
        pen.rect(cx - 8, 0, cx + 8, 6, DARK, radius=2)
        for x in (17, w - 17):
            pen.circle(x, 90, 10, DARK)
        return
    if style == "full":
        pen.circle(cx - 14, 14, 13, (232, 232, 226))
        pen.circle(cx + 12, 16, 12, (70, 72, 84))
        pen.poly([(cx - 4, 20), (cx + 2, 0), (cx + 12, 4), (cx + 8, 20)], (250, 214, 60))
        pen.rect(0, 18, w, 27, edge(colour), radius=3)
    else:
        pen.rect(cx - 9, 0, cx + 9, 12, edge(colour), radius=3)
        pen.rect(cx - 5, 4, cx + 5, 10, shade(colour, 1.4))
        pen.ellipse(1, 7, w - 1, 34, colour)
    pen.poly([(3, 27), (w - 3, 27), (w - 9, 100), (9, 100)], colour)
    pen.rect(0, 20, w, 28, edge(colour), radius=3)
    for x in (0.26, 0.42, 0.58, 0.74):
        lean = (0.5 - x) * 14
        pen.line([(x * w, 36), (x * w + lean, 92)], edge(colour), 3.4)


@kind(
    "traffic cone",
    synonyms=("road cone", "safety cone", "construction cone"),
    hypernyms=("road marker", "safety equipment"),
    colours=("orange", "red", "yellow", "green", "blue", "pink", "purple"),
    places=("road", "sidewalk"),
    size=(0.42, 0.58),
    aspect=(0.74, 0.9),
)
def traffic_cone(pen: Pen, colour: RGB, rng: random.Random) -> None:
    """A cone with one or two white bands on a square foot."""
    cx, half = pen.w / 2, pen.w * 0.36

    def band(y0: float, y1: float, fill: RGB) -> None:
        """The part of the cone between two heights."""
        a, b = (4 + (half - 4) * y / 90 for y in (y0, y1))
        pen.poly([(cx - a, y0), (cx + a, y0), (cx + b, y1), (cx - b, y1)], fill)

    band(0, 92, colour)
    if rng.random() < 0.5:
        band(34, 58, WHITE)
    else:
        band(22, 38, WHITE)
        band(54, 70, WHITE)
    foot = rng.choice((colour, edge(colour), DARK))
    pen.rect(0, 88, pen.w, 100, foot, radius=3)
