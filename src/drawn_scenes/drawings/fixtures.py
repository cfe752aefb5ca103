"""Small parts that the things of street, garden and village share."""

from __future__ import annotations

from drawn_scenes.pen import RGB, Pen, Point, shade

DARK: RGB = (40, 42, 48)
METAL: RGB = (112, 116, 124)
WHITE: RGB = (250, 250, 248)
WOOD: RGB = (122, 76, 40)
LEAF: RGB = (44, 146, 58)
GLOW: RGB = (255, 238, 140)
PANE: RGB = (170, 214, 238)


def is_light(colour: RGB) -> bool:
    """Whether dark details show better on this colour than light ones."""
    r, g, b = colour
    return 0.3 * r + 0.59 * g + 0.11 * b > 150


def contrast(colour: RGB) -> RGB:
    """A detail colour that shows on `colour`."""
    return DARK if is_light(colour) else WHITE


def trim(colour: RGB) -> RGB:
    """White, or gray on a body that is itself white."""
    return (120, 124, 132) if min(colour) > 200 else WHITE


def edge(colour: RGB) -> RGB:
    """A shadow tone that still shows on black."""
    return shade(colour, 1.3) if max(colour) < 60 else shade(colour, 0.68)


def post(pen: Pen, cx: float, top: float, fill: RGB, width: float = 8, base: float = 20) -> None:
    """An upright post down to the ground with a foot."""
    pen.rect(cx - width / 2, top, cx + width / 2, 99, fill)
    pen.rect(cx - base / 2, 93, cx + base / 2, 100, fill, radius=2)


def arch(pen: Pen, x0: float, x1: float, top: float, foot: float, fill: RGB) -> None:
    """A door or window with a round head."""
    r = (x1 - x0) / 2
    pen.pie(x0 + r, top + r, r, 180, 360, fill)
    pen.rect(x0, top + r - 0.5, x1, foot, fill)


def window(pen: Pen, x0: float, y0: float, x1: float, y1: float, frame: RGB) -> None:
    """A framed window of four panes."""
    pen.rect(x0, y0, x1, y1, frame)
    pen.rect(x0 + 2, y0 + 2, x1 - 2, y1 - 2, PANE)
    cx, cy = (x0 + x1) / 2, (y0 + y1) / 2
    pen.rect(cx - 0.9, y0, cx + 0.9, y1, frame)
    pen.rect(x0, cy - 0.9, x1, cy + 0.9, frame)


def slanted(x0: float, x1: float, y0: float, y1: float, start: float, width: float, lean: float) -> list[Point]:
    """The corners of a leaning stripe, held between x0 and x1."""
    xs = (start, start + lean, start + lean + width, start + width)
    ys = (y1, y0, y0, y1)
    return [(min(max(x, x0), x1), y) for x, y in zip(xs, ys, strict=True)]


def scallops(pen: Pen, y0: float, y1: float, inset: float, colour: RGB, other: RGB, count: int) -> None:
    """A striped awning over the whole width with a scalloped hem; its top is `inset` narrower."""
    w, step = pen.w, pen.w / count
    for i in range(count):
        fill = colour if i % 2 == 0 else other
        a, b = i * step, (i + 1) * step
        top = [inset + (w - 2 * inset) * x / w for x in (a, b)]
        pen.poly([(top[0], y0), (top[1], y0), (b, y1), (a, y1)], fill)
        pen.pie((a + b) / 2, y1, step / 2, 0, 180, fill)
