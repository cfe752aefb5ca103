"""Houses, churches and barns."""

from __future__ import annotations

import random

from drawn_scenes.catalog import kind
from drawn_scenes.drawings.fixtures import DARK, PANE, WHITE, arch, edge, is_light, trim, window
from drawn_scenes.pen import RGB, Pen, shade

ROOFS: tuple[RGB, ...] = ((150, 58, 44), (84, 88, 100), (104, 70, 46))


def roof_for(colour: RGB, rng: random.Random) -> RGB:
    """A roof colour that stands out from the walls: one of the two farthest from theirs."""
    far = sorted(ROOFS, key=lambda r: -sum(abs(a - b) for a, b in zip(r, colour, strict=True)))
    return rng.choice(far[:2])


@kind(
    "house",
    synonyms=("cottage", "home", "dwelling"),
    hypernyms=("building",),
    places=("grass",),
    size=(1.4, 1.8),
    aspect=(0.95, 1.3),
)
def house(pen: Pen, colour: RGB, rng: random.Random) -> None:
    """A gabled or a hip-roofed house, its door in the middle or at the side."""
    w, cx = pen.w, pen.w / 2
    roof, door = roof_for(colour, rng), rng.choice(((120, 70, 36), DARK, (40, 90, 60)))
    x = rng.choice((0.18, 0.72)) * w
    pen.rect(x, 4, x + 0.11 * w, 36, (136, 74, 58))
    pen.rect(0.06 * w, 44, 0.94 * w, 100, colour)
    if rng.random() < 0.55:
        pen.poly([(0.06 * w, 46), (cx, 6), (0.94 * w, 46)], colour)
        pen.line([(0.04 * w, 46), (cx, 6), (0.96 * w, 46)], roof, 10)
        pen.circle(cx, 34, 7, trim(colour))
        pen.circle(cx, 34, 5, PANE)
    else:
        pen.poly([(0, 48), (0.2 * w, 10), (0.8 * w, 10), (w, 48)], roof)
        pen.rect(0, 44, w, 49, shade(roof, 0.7))
    spots = rng.choice(((0.5, 0.23, 0.77), (0.26, 0.55, 0.79), (0.74, 0.45, 0.21)))
    pen.rect(spots[0] * w - 9, 64, spots[0] * w + 9, 100, trim(colour))
    pen.rect(spots[0] * w - 7, 66, spots[0] * w + 7, 100, door)
    for spot in spots[1:]:
        window(pen, spot * w - 9, 60, spot * w + 9, 80, trim(colour))


@kind(
    "church",
    synonyms=("chapel", "kirk"),
    hypernyms=("building", "place of worship"),
    places=("grass",),
    size=(1.6, 1.8),
    aspect=(0.8, 1.0),
)
def church(pen: Pen, colour: RGB, rng: random.Random) -> None:
    """A nave with a pointed steeple and a cross; the steeple in the middle or at one side."""
    w = pen.w
    roof, spot = roof_for(colour, rng), rng.choice((0.2, 0.5, 0.8))
    tower = spot * w
    if spot == 0.5:
        pen.poly([(0, 68), (0.24 * w, 52), (0.76 * w, 52), (w, 68)], roof)
        pen.rect(0.05 * w, 67, 0.95 * w, 100, colour)
        lights = (0.18, 0.82)
    else:
        a, b = (0.1 * w, w) if spot < 0.5 else (0.0, 0.9 * w)
        pen.poly([(a, 66), (a, 46), (b - 8, 46) if spot < 0.5 else (b, 46), (b, 66)], roof)
        pen.rect(0.04 * w, 65, 0.96 * w, 100, colour)
        lights = (0.54, 0.8) if spot < 0.5 else (0.2, 0.46)
    half = 0.17 * w
    pen.rect(tower - half, 38, tower + half, 100, shade(colour, 0.9))
    pen.poly([(tower - half - 3, 40), (tower, 12), (tower + half + 3, 40)], roof)
    cross = (60, 48, 30)
    pen.rect(tower - 1.8, 0, tower + 1.8, 16, cross)
    pen.rect(tower - 6.5, 4, tower + 6.5, 7.6, cross)
    arch(pen, tower - 6, tower + 6, 46, 62, (60, 70, 100))
    arch(pen, tower - 9, tower + 9, 72, 100, (104, 62, 34))
    for x in lights:
        arch(pen, x * w - 5, x * w + 5, 74, 92, (60, 70, 100) if is_light(colour) else PANE)


@kind(
    "barn",
    synonyms=("cowshed", "farm shed"),
    hypernyms=("building",),
    places=("grass",),
    size=(1.4, 1.7),
    aspect=(1.0, 1.25),
)
def barn(pen: Pen, colour: RGB, rng: random.Random) -> None:
    """A gambrel-roofed barn: crossed doors, a hayloft, and sometimes a silo."""
    full, silo = pen.w, rng.random() < 0.35
    w = full * 0.8 if silo else full
    if silo:
        x0 = full * 0.76
        pen.rect(x0, 24, full, 100, (176, 180, 186))
        pen.pie((x0 + full) / 2, 25, (full - x0) / 2, 180, 360, (120, 124, 132))
        for y in (40, 58, 76):
            pen.rect(x0, y, full, y + 3, (120, 124, 132))
    cx, line = w / 2, trim(colour)
    gable = [(0.03 * w, 52), (0.2 * w, 20), (cx, 4), (0.8 * w, 20), (0.97 * w, 52)]
    pen.poly([*gable, (0.95 * w, 100), (0.05 * w, 100)], colour)
    pen.line(gable, rng.choice((line, DARK if max(colour) > 60 else WHITE)), 6)
    pen.rect(cx - 9, 24, cx + 9, 42, line)
    pen.rect(cx - 6, 27, cx + 6, 42, rng.choice((DARK, (232, 190, 70))))
    a, b = cx - 0.27 * w, cx + 0.27 * w
    pen.rect(a, 54, b, 100, edge(colour))
    pen.line([(a + 2, 98), (a + 2, 56), (b - 2, 56), (b - 2, 98)], line, 4)
    pen.line([(cx, 56), (cx, 98)], line, 4)
    for x0, x1 in ((a, cx), (cx, b)):
        pen.line([(x0 + 3, 57), (x1 - 2, 97)], line, 3)
        pen.line([(x1 - 2, 57), (x0 + 3, 97)], line, 3)
