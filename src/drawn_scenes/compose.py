"""Compose one scene: choose kinds, place them by depth, draw them with shadow and light, box what is visible."""

from __future__ import annotations

import math
import random
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from PIL import Image, ImageFilter

from drawn_scenes.background import Band, Layout, make_layout, paint
from drawn_scenes.catalog import Kind
from drawn_scenes.pen import COLOURS, Pen

MIN_VISIBLE = 0.35  # of an object's own pixels; less is not annotated
MIN_PIXELS = 12


@dataclass(frozen=True)
class SceneObject:
    """One visible object: its category, colour word (None where the category has none) and box in px."""

    category: str
    colour: str | None
    x: int
    y: int
    w: int
    h: int


@dataclass(frozen=True)
class Style:
    """How large things appear: heights of a person, as shares of the picture, at the horizon and in front."""

    far: float = 0.06
    near: float = 0.2
    sky: tuple[float, float] = (0.08, 0.2)


@dataclass
class _Placed:
    kind: Kind
    colour: str
    left: int
    foot: int
    sprite: Image.Image
    ground: bool


def compose(
    kinds: Sequence[Kind], size: int, rng: random.Random, style: Style = Style()
) -> tuple[Image.Image, list[SceneObject]]:
    """Draw one `size` x `size` RGB scene that shows `kinds`, one object for each entry.

    Returns:
        The picture, and the objects that are visible enough, far to near. Kinds without a place (a boat
        without water) are left out.
    """
    water = any(kind.places == ("water",) for kind in kinds) or rng.random() < 0.06
    layout = make_layout(rng, water)
    return arrange(paint(layout, size, rng), layout, kinds, rng, style)


def arrange(
    image: Image.Image, layout: Layout, kinds: Sequence[Kind], rng: random.Random, style: Style
) -> tuple[Image.Image, list[SceneObject]]:
    """Place `kinds` on an empty square scene and light it; see `compose` for what comes back."""
    size = image.width
    placed = [p for kind in kinds if (p := _place(kind, layout, size, rng, style))]
    placed.sort(key=lambda p: (p.ground, p.foot))
    owner = np.zeros((size, size), np.uint8)
    masks = []
    for number, p in enumerate(placed, start=1):
        masks.append(_draw(image, owner, number, p))
    objects = [o for n, p in enumerate(placed, start=1) if (o := _annotate(owner, n, masks[n - 1], p))]
    return _light(image, rng), objects


def _place(kind: Kind, layout: Layout, size: int, rng: random.Random, style: Style) -> _Placed | None:
    bands = [band for band in layout.bands if band.place in kind.places]
    if "sky" in kind.places and (not bands or rng.random() < 0.6):
        height = rng.uniform(*style.sky) * size * rng.uniform(*kind.size)
        foot = rng.uniform(min(height / size, 0.8 * layout.horizon), 0.95 * layout.horizon) * size
        return _sprite(kind, height, foot, size, rng, ground=False)
    if not bands:
        return None
    band: Band = rng.choice(bands)
    if band.place == "wall":
        height = min(style.far * size * rng.uniform(*kind.size), 0.9 * (band.bottom - band.top) * size)
        foot = rng.uniform(band.top * size + height, band.bottom * size)
        return _sprite(kind, height, foot, size, rng, ground=False)
    y = rng.uniform(band.top + 0.25 * (band.bottom - band.top), band.bottom)
    depth = (y - layout.horizon) / (1 - layout.horizon)
    person = style.far + (style.near - style.far) * depth
    height = person * size * rng.uniform(*kind.size) * rng.uniform(0.9, 1.15)
    return _sprite(kind, height, y * size, size, rng, ground=band.place != "water")


def _sprite(kind: Kind, height: float, foot: float, size: int, rng: random.Random, *, ground: bool) -> _Placed:
    colour = rng.choice(kind.colours or tuple(COLOURS))
    aspect = rng.uniform(*kind.aspect)
    pixels = max(6, min(round(height), size))
    pen = Pen(pixels, aspect)
    jitter = [max(0, min(255, c + rng.randint(-14, 14))) for c in COLOURS[colour]]
    kind.draw(pen, (jitter[0], jitter[1], jitter[2]), rng)
    sprite = pen.image.resize((max(4, round(pixels * aspect)), pixels), Image.Resampling.BOX)
    if kind.mirrored and rng.random() < 0.5:
        sprite = sprite.transpose(Image.Transpose.FLIP_LEFT_RIGHT)
    if rng.random() < 0.4:
        sprite = sprite.rotate(rng.uniform(-5, 5), Image.Resampling.BILINEAR, expand=True)
    # Up to a quarter of the object may leave the picture at the sides.
    margin = 0.25 * sprite.width
    left = round(rng.uniform(-margin, max(-margin, size - sprite.width + margin)))
    return _Placed(kind, colour, left, round(foot), sprite, ground)


def _draw(image: Image.Image, owner: np.ndarray, number: int, p: _Placed) -> int:
    """Paste the sprite and mark its pixels in `owner`; returns how many pixels it has by itself."""
    width, height = p.sprite.size
    top = p.foot - height
    if p.ground:
        shadow = Image.new("L", (width, max(2, height // 7)), 0)
        yy, xx = np.mgrid[0 : shadow.height, 0 : shadow.width]
        cy, cx = (shadow.height - 1) / 2, (shadow.width - 1) / 2
        inside = ((yy - cy) / (cy + 0.5)) ** 2 + ((xx - cx) / (cx + 0.5)) ** 2 <= 1
        shadow = Image.fromarray((inside * 80).astype(np.uint8))
        image.paste((30, 30, 36), (p.left, p.foot - math.ceil(shadow.height * 0.6)), shadow)
    image.paste(p.sprite, (p.left, top), p.sprite)
    solid = np.asarray(p.sprite)[:, :, 3] > 127
    size = owner.shape[0]
    y0, y1, x0, x1 = max(top, 0), min(p.foot, size), max(p.left, 0), min(p.left + width, size)
    if y0 < y1 and x0 < x1:
        owner[y0:y1, x0:x1][solid[y0 - top : y1 - top, x0 - p.left : x1 - p.left]] = number
    return int(solid.sum())


def _annotate(owner: np.ndarray, number: int, own_pixels: int, p: _Placed) -> SceneObject | None:
    ys, xs = np.nonzero(owner == number)
    if len(ys) < max(MIN_PIXELS, MIN_VISIBLE * own_pixels):
        return None
    x, y = int(xs.min()), int(ys.min())
    colour = p.colour if p.kind.colours else None
    return SceneObject(p.kind.name, colour, x, y, int(xs.max()) - x + 1, int(ys.max()) - y + 1)


def _light(image: Image.Image, rng: random.Random) -> Image.Image:
    """Brightness, warmth, noise and now and then a soft lens."""
    if rng.random() < 0.2:
        image = image.filter(ImageFilter.GaussianBlur(rng.uniform(0.3, 0.7)))
    noise = np.random.default_rng(rng.getrandbits(32))
    pixels = np.asarray(image, np.float32) * rng.uniform(0.82, 1.1)
    pixels *= np.asarray([1 + rng.uniform(-0.05, 0.05) for _ in range(3)], np.float32)
    pixels += noise.normal(0, rng.uniform(1, 6), pixels.shape).astype(np.float32)
    return Image.fromarray(pixels.clip(0, 255).astype(np.uint8))
