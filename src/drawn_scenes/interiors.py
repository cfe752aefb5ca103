"""Surfaces that streets do not have: walls, floors, worktops, table tops, sand and snow."""

from __future__ import annotations

import random

from PIL import ImageDraw

from drawn_scenes.background import Band
from drawn_scenes.pen import RGB, shade

PAINTS: tuple[RGB, ...] = (
    (226, 214, 192),
    (206, 216, 222),
    (214, 222, 202),
    (232, 206, 192),
    (222, 222, 226),
    (196, 204, 198),
)
BOARDS: tuple[RGB, ...] = ((176, 128, 82), (150, 104, 66), (196, 156, 112))
TILES: tuple[RGB, ...] = ((208, 206, 200), (186, 194, 198), (216, 200, 180))
TOPS: tuple[RGB, ...] = ((206, 198, 186), (120, 118, 122), (178, 134, 90))
CLOTHS: tuple[RGB, ...] = ((190, 146, 100), (164, 116, 76), (222, 216, 206), (176, 190, 196))
SANDS: tuple[RGB, ...] = ((232, 212, 160), (222, 198, 150))


def paint_wall(draw: ImageDraw.ImageDraw, s: int, band: Band, rng: random.Random) -> None:
    """A painted, striped or tiled wall down to its skirting board; at times with a window."""
    colour, end = rng.choice(PAINTS), (band.bottom + 0.02) * s
    draw.rectangle([0, 0, s, end], fill=colour)
    style, step = rng.choice(("plain", "stripes", "tiles")), rng.uniform(0.07, 0.11) * s
    line = shade(colour, 0.94)
    if style != "plain":
        for i in range(round(s / step) + 1):
            width = round(step / 2) if style == "stripes" else 2
            draw.line([(i * step, 0), (i * step, end)], fill=line, width=width)
    if style == "tiles":
        for i in range(round(end / step) + 1):
            draw.line([(0, i * step), (s, i * step)], fill=line, width=2)
    if rng.random() < 0.35:
        _window(draw, s, rng.uniform(0.05, 0.7) * s, end, rng)
    draw.rectangle([0, end - 0.022 * s, s, end], fill=shade(colour, 0.82))


def _window(draw: ImageDraw.ImageDraw, s: int, x: float, end: float, rng: random.Random) -> None:
    """A casement in the upper wall, with daylight in it."""
    w, top, foot = rng.uniform(0.18, 0.26) * s, 0.1 * end, 0.7 * end
    draw.rectangle([x, top, x + w, foot], fill=(244, 244, 242))
    light: RGB = rng.choice(((176, 214, 240), (204, 224, 238), (120, 140, 180)))
    edge = 0.012 * s
    for side in (0, 1):
        left = x + edge + side * (w - edge) / 2
        draw.rectangle([left, top + edge, left + (w - 3 * edge) / 2, foot - edge], fill=light)


def paint_floor(draw: ImageDraw.ImageDraw, s: int, band: Band, rng: random.Random) -> None:
    """Boards or tiles in perspective, with or without a rug."""
    y0, y1 = band.top * s, band.bottom * s
    boards = rng.random() < 0.55
    colour = shade(rng.choice(BOARDS if boards else TILES), rng.uniform(0.92, 1.08))
    draw.rectangle([0, y0, s, y1 + 1], fill=colour)
    line = shade(colour, 0.88)
    step = rng.uniform(0.07, 0.12) * s
    for i in range(-12, 24):
        x = i * step
        draw.line([(x, y0), (s / 2 + (x - s / 2) * 1.9, y1)], fill=line, width=1)
    y, row = y0, 0.03 * s
    while y < y1 and not boards:
        draw.line([(0, y), (s, y)], fill=line, width=1)
        y, row = y + row, row * 1.35
    if rng.random() < 0.3:
        rug = shade(rng.choice(((150, 60, 60), (70, 90, 130), (110, 120, 90), (160, 130, 90))), 1.25)
        x, w = rng.uniform(0.05, 0.35) * s, rng.uniform(0.4, 0.6) * s
        top, foot = y0 + 0.35 * (y1 - y0), y0 + 0.85 * (y1 - y0)
        draw.polygon([(x + 0.05 * s, top), (x + w - 0.05 * s, top), (x + w, foot), (x, foot)], fill=rug)


def paint_counter(draw: ImageDraw.ImageDraw, s: int, band: Band, rng: random.Random) -> None:
    """A worktop with its edge."""
    top, edge = rng.choice(TOPS), band.bottom * s - 0.015 * s
    draw.rectangle([0, band.top * s, s, edge], fill=top)
    draw.rectangle([0, edge, s, band.bottom * s], fill=shade(top, 0.7))


def paint_cupboards(draw: ImageDraw.ImageDraw, s: int, band: Band, rng: random.Random) -> None:
    """The doors below a worktop, where nothing stands."""
    y0, y1, front = band.top * s, band.bottom * s, shade(rng.choice(PAINTS), 0.86)
    draw.rectangle([0, y0, s, y1 + 1], fill=front)
    step = rng.uniform(0.18, 0.26) * s
    x = -rng.uniform(0, step)
    while x < s:
        draw.line([(x, y0), (x, y1)], fill=shade(front, 0.75), width=2)
        draw.rectangle([x + 0.42 * step, y0 + 0.015 * s, x + 0.58 * step, y0 + 0.023 * s], fill=shade(front, 0.6))
        x += step


def paint_table(draw: ImageDraw.ImageDraw, s: int, band: Band, rng: random.Random) -> None:
    """A table top seen from a chair: boards, a plain cloth or a chequered one."""
    y0, y1 = band.top * s, band.bottom * s
    colour = shade(rng.choice(CLOTHS), rng.uniform(0.94, 1.06))
    draw.rectangle([0, y0, s, y1 + 1], fill=colour)
    draw.rectangle([0, y0, s, y0 + 0.01 * s], fill=shade(colour, 0.75))
    style = rng.choice(("boards", "boards", "plain", "chequered"))
    if style == "boards":
        for share in (0.12, 0.3, 0.55, 0.85):
            y = y0 + share * (y1 - y0)
            draw.line([(0, y), (s, y)], fill=shade(colour, 0.88), width=2)
    elif style == "chequered":
        step, light = rng.uniform(0.08, 0.12) * s, shade(colour, 1.25)
        for i in range(-10, 24, 2):
            x = i * step
            left, right = (s / 2 + (v - s / 2) * 0.75 for v in (x, x + step))
            draw.polygon([(left, y0 + 0.01 * s), (right, y0 + 0.01 * s), (x + step, y1), (x, y1)], fill=light)


def paint_sand(draw: ImageDraw.ImageDraw, s: int, band: Band, rng: random.Random) -> None:
    """A beach: wet at the water's edge, with ripples."""
    y0, y1 = band.top * s, band.bottom * s
    colour = rng.choice(SANDS)
    draw.rectangle([0, y0, s, y1 + 1], fill=colour)
    draw.rectangle([0, y0 - 0.008 * s, s, y0], fill=(244, 248, 250))
    draw.rectangle([0, y0, s, y0 + 0.03 * s], fill=shade(colour, 0.84))
    _strokes(draw, s, y0 + 0.04 * s, y1, shade(colour, 0.92), rng)


def paint_snow(draw: ImageDraw.ImageDraw, s: int, band: Band, rng: random.Random) -> None:
    """A white slope with blue-grey tracks."""
    y0, y1 = band.top * s, band.bottom * s
    draw.rectangle([0, y0, s, y1 + 1], fill=rng.choice(((232, 238, 244), (222, 230, 240))))
    for _ in range(rng.randint(1, 3)):
        x, lean = rng.uniform(0, s), rng.uniform(-0.4, 0.4) * s
        for dx in (0, 0.02 * s):
            draw.line([(x + dx, y0), (x + lean + dx * 2, y1)], fill=(202, 214, 230), width=2)
    _strokes(draw, s, y0, y1, (210, 220, 234), rng)


def _strokes(draw: ImageDraw.ImageDraw, s: int, y0: float, y1: float, fill: RGB, rng: random.Random) -> None:
    for _ in range(rng.randint(20, 40)):
        x, y = rng.uniform(0, s), rng.uniform(y0, y1)
        draw.line([(x, y), (x + rng.uniform(0.02, 0.05) * s, y)], fill=fill, width=1)
