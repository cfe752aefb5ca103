"""The street behind the objects: sky, skyline or hills, water, grass, pavement and road."""

from __future__ import annotations

import random
from dataclasses import dataclass

from PIL import Image, ImageDraw

from drawn_scenes.pen import RGB, shade

SUPERSAMPLE = 2
SKIES: tuple[tuple[RGB, RGB], ...] = (
    ((96, 160, 228), (204, 228, 246)),
    ((120, 184, 236), (232, 240, 248)),
    ((150, 164, 180), (206, 212, 218)),  # overcast
    ((88, 110, 176), (246, 190, 150)),  # dusk
)
WALLS: tuple[RGB, ...] = (
    (196, 150, 124),
    (214, 200, 176),
    (170, 128, 112),
    (186, 190, 192),
    (158, 166, 150),
    (206, 182, 150),
    (150, 140, 150),
)
GRASSES: tuple[RGB, ...] = ((122, 168, 88), (140, 178, 96), (106, 150, 84), (166, 172, 96))
PAVEMENTS: tuple[RGB, ...] = ((186, 180, 170), (198, 194, 190), (170, 160, 150))
ROADS: tuple[RGB, ...] = ((92, 94, 100), (108, 108, 112), (78, 80, 88))
WATERS: tuple[RGB, ...] = ((70, 130, 176), (84, 150, 186))


@dataclass(frozen=True)
class Band:
    """A horizontal zone of the ground, from `top` to `bottom` (shares of the height)."""

    place: str
    top: float
    bottom: float


@dataclass(frozen=True)
class Layout:
    """Where the horizon lies and which bands follow below it."""

    horizon: float
    bands: tuple[Band, ...]


def make_layout(rng: random.Random, water: bool) -> Layout:
    """Choose a street, a country road, a square or (with `water`) a waterfront."""
    horizon = rng.uniform(0.3, 0.44)
    order = (
        ["water", *rng.choice((["grass", "road", "sidewalk"], ["sidewalk", "road", "grass"]))]
        if water
        else list(
            rng.choice(
                (
                    ("sidewalk", "road", "sidewalk"),
                    ("sidewalk", "road", "grass"),
                    ("grass", "road", "sidewalk"),
                    ("grass", "road", "grass"),
                    ("grass", "sidewalk", "road"),
                )
            )
        )
    )
    weights = [{"road": 1.5, "water": 1.0}.get(place, 0.8) * rng.uniform(0.8, 1.3) for place in order]
    # Perspective: what is nearer takes more of the picture.
    weights = [weight * (0.7 + 0.5 * i) for i, weight in enumerate(weights)]
    step = (1 - horizon) / sum(weights)
    bands, y = [], horizon
    for place, weight in zip(order, weights, strict=True):
        bands.append(Band(place, y, min(1.0, y + weight * step)))
        y += weight * step
    return Layout(horizon, tuple(bands))


def paint(layout: Layout, size: int, rng: random.Random) -> Image.Image:
    """Paint the empty scene: RGB, `size` x `size` pixels."""
    s = size * SUPERSAMPLE
    image = Image.new("RGB", (s, s))
    draw = ImageDraw.Draw(image)
    horizon = round(layout.horizon * s)
    _sky(image, draw, s, horizon, rng)
    if layout.bands[0].place == "water" or rng.random() < 0.35:
        _hills(draw, s, horizon, rng)
    else:
        _skyline(draw, s, horizon, rng)
    for band in layout.bands:
        _ground(draw, s, band, rng)
    return image.resize((size, size), Image.Resampling.BOX)


def _sky(image: Image.Image, draw: ImageDraw.ImageDraw, s: int, horizon: int, rng: random.Random) -> None:
    top, bottom = rng.choice(SKIES)
    gradient = Image.linear_gradient("L").resize((s, horizon + 1))
    image.paste(
        Image.composite(Image.new("RGB", gradient.size, bottom), Image.new("RGB", gradient.size, top), gradient)
    )
    if rng.random() < 0.3:
        x, r = rng.uniform(0.1, 0.9) * s, s * rng.uniform(0.025, 0.04)
        y = rng.uniform(0.15, 0.6) * horizon
        draw.ellipse([x - r, y - r, x + r, y + r], fill=(255, 240, 190))
    for _ in range(rng.randint(0, 3)):
        x, y = rng.uniform(0, s), rng.uniform(0.1, 0.6) * horizon
        r = s * rng.uniform(0.015, 0.035)
        for dx in (-1.6, -0.5, 0.7, 1.7):
            k = r * rng.uniform(0.7, 1.2)
            draw.ellipse([x + dx * r - k, y - k * 0.7, x + dx * r + k, y + k * 0.7], fill=shade(bottom, 1.5))


def _hills(draw: ImageDraw.ImageDraw, s: int, horizon: int, rng: random.Random) -> None:
    for factor in (1.35, 1.1):
        colour = shade(rng.choice(GRASSES), factor * rng.uniform(0.85, 1.0))
        x = -0.2 * s
        while x < s:
            w, h = rng.uniform(0.35, 0.8) * s, rng.uniform(0.06, 0.14) * s
            draw.ellipse([x, horizon - h, x + w, horizon + h], fill=colour)
            x += w * 0.6


def _skyline(draw: ImageDraw.ImageDraw, s: int, horizon: int, rng: random.Random) -> None:
    x = -rng.uniform(0, 0.1) * s
    while x < s:
        w = rng.uniform(0.12, 0.26) * s
        h = rng.uniform(0.35, 0.85) * horizon
        wall = shade(rng.choice(WALLS), rng.uniform(0.9, 1.2))
        draw.rectangle([x, horizon - h, x + w, horizon], fill=wall)
        draw.rectangle([x, horizon - h, x + w, horizon - h + 0.012 * s], fill=shade(wall, 0.8))
        _windows(draw, (x, horizon - h, x + w, float(horizon)), s, shade(wall, 0.72), rng)
        x += w + (rng.uniform(0.0, 0.08) * s if rng.random() < 0.3 else 0)


def _windows(
    draw: ImageDraw.ImageDraw, box: tuple[float, float, float, float], s: int, glass: RGB, rng: random.Random
) -> None:
    x0, y0, x1, y1 = box
    step_x, step_y = rng.uniform(0.04, 0.06) * s, rng.uniform(0.05, 0.075) * s
    y = y0 + 0.03 * s
    while y + 0.6 * step_y < y1 - 0.01 * s:
        x = x0 + 0.02 * s
        while x + 0.55 * step_x < x1 - 0.01 * s:
            draw.rectangle([x, y, x + 0.5 * step_x, y + 0.55 * step_y], fill=glass)
            x += step_x
        y += step_y


def _ground(draw: ImageDraw.ImageDraw, s: int, band: Band, rng: random.Random) -> None:
    y0, y1 = band.top * s, band.bottom * s
    palette = {"grass": GRASSES, "sidewalk": PAVEMENTS, "road": ROADS, "water": WATERS}[band.place]
    colour = shade(rng.choice(palette), rng.uniform(0.92, 1.08))
    draw.rectangle([0, y0, s, y1 + 1], fill=colour)
    if band.place == "road":
        draw.rectangle([0, y0, s, y0 + 0.006 * s], fill=shade(colour, 1.5))
        middle, dash = (y0 + y1) / 2, rng.uniform(0.06, 0.1) * s
        x = -rng.uniform(0, dash)
        while x < s:
            draw.rectangle([x, middle - 0.006 * s, x + dash, middle + 0.006 * s], fill=(226, 222, 206))
            x += 2 * dash
    elif band.place == "sidewalk":
        draw.rectangle([0, y0, s, y0 + 0.005 * s], fill=shade(colour, 0.8))
        step = rng.uniform(0.08, 0.13) * s
        x = rng.uniform(0, step)
        while x < s:
            draw.line([(x, y0), (x + (x - s / 2) * 0.15, y1)], fill=shade(colour, 0.9), width=1)
            x += step
    else:
        light = shade(colour, 1.15 if band.place == "grass" else 1.35)
        for _ in range(rng.randint(25, 45)):
            x, y = rng.uniform(0, s), rng.uniform(y0, y1)
            length = (0.006 if band.place == "grass" else 0.03) * s
            draw.line([(x, y), (x + length, y - (length if band.place == "grass" else 0))], fill=light, width=1)
