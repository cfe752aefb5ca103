"""Contact sheets: many images in one picture, with boxes, captions and titles. Light, since queries draw them too."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import accumulate
from pathlib import Path
from typing import TYPE_CHECKING

from PIL import Image, ImageDraw, ImageFont, ImageOps

from for_retrieval.errors import UsageError, printable
from for_retrieval.files import atomic
from for_retrieval.records.images import BrokenImage, open_image

if TYPE_CHECKING:
    from for_retrieval.records.records import Records

CELL = 280  # px, the side of the square that an image is fitted into
GAP = 20
CAPTION = 34
TITLE = 64
PAPER, WELL, INK, SOFT, RED = "#ffffff", "#f0efec", "#1c1b19", "#73706a", "#e8271b"

Box = tuple[float, float, float, float]  # x, y, w, h in px of the image file, if nothing else is said


@dataclass(frozen=True)
class Cell:
    """One image of a sheet, with labelled boxes on it and a caption below it. An empty label is not written."""

    path: Path
    caption: str = ""
    boxes: Sequence[tuple[Box, str]] = ()


@dataclass(frozen=True)
class Group:
    """Cells below a title. colour: of the boxes; if framed, also of a frame around each image, and of the title."""

    title: str
    cells: Sequence[Cell]
    colour: str = RED
    framed: bool = False


def draw_sheet(groups: Sequence[Group], path: Path, columns: int) -> None:
    """Write all groups, in rows of at most `columns` cells, atomically; UsageError if `path` does not end in .png."""
    if path.suffix.lower() != ".png":
        raise UsageError(f"the sheet {printable(path)} must be a PNG file; give it a name that ends in .png")
    columns = max(1, min(columns, max((len(group.cells) for group in groups), default=1)))
    titles = [TITLE if group.title else GAP for group in groups]
    steps = [CELL + GAP + CAPTION * any(cell.caption for cell in group.cells) for group in groups]
    rows = [math.ceil(len(group.cells) / columns) for group in groups]
    tops = [0, *accumulate(t + s * n for t, s, n in zip(titles, steps, rows, strict=True))]
    sheet = Image.new("RGB", (GAP + columns * (CELL + GAP), max(tops[-1], TITLE)), PAPER)
    pen = ImageDraw.Draw(sheet)
    for group, top, title, step in zip(groups, tops, titles, steps, strict=False):
        ink = group.colour if group.framed else INK
        _write(pen, (GAP, top + 18), group.title, size=28, room=sheet.width - 2 * GAP, ink=ink)
        for position, cell in enumerate(group.cells):
            row, column = divmod(position, columns)
            x, y = GAP + column * (CELL + GAP), top + title + row * step
            sheet.paste(_cell(cell, group), (x, y))
            _write(pen, (x, y + CELL + 6), cell.caption, size=18, room=CELL, ink=SOFT)
    with atomic(path) as temporary:
        sheet.save(temporary, "PNG")


def _cell(cell: Cell, group: Group) -> Image.Image:
    drawn = Image.new("RGB", (CELL, CELL), WELL)
    pen = ImageDraw.Draw(drawn)
    try:
        image = open_image(cell.path)
    except BrokenImage as error:
        _write(pen, (12, CELL // 2 - 8), error.reason, size=14, room=CELL - 24, ink=SOFT)
        return drawn
    width, height = image.size
    image.thumbnail((2 * CELL, 2 * CELL))
    fitted = ImageOps.contain(image, (CELL, CELL), Image.Resampling.LANCZOS)
    left, top = (CELL - fitted.width) // 2, (CELL - fitted.height) // 2
    drawn.paste(fitted, (left, top))
    across, down = fitted.width / width, fitted.height / height
    for box, label in cell.boxes:
        x, y, w, h = clip(box, width, height)
        corners = (left + x * across, top + y * down, left + (x + w) * across, top + (y + h) * down)
        pen.rectangle(corners, outline=group.colour, width=2 if label else 3)
        if label:
            _tag(pen, corners, label, group.colour)
    if group.framed:
        pen.rectangle((left, top, left + fitted.width - 1, top + fitted.height - 1), outline=group.colour, width=3)
    return drawn


def clip(box: Box, width: int, height: int) -> Box:
    """The part of a box that lies inside an image of `width` x `height` px."""
    x, y, w, h = box
    left, top = min(max(x, 0.0), width), min(max(y, 0.0), height)
    right, bottom = min(max(x + w, left), width), min(max(y + h, top), height)
    return left, top, right - left, bottom - top


def _tag(pen: ImageDraw.ImageDraw, box: Box, label: str, colour: str) -> None:
    """A label in white on `colour`, above a box (its corners, in px of the cell), or below if there is no room."""
    line, font = _fitted_line(pen, label, 12, CELL - 4), ImageFont.load_default(12)
    x, y = min(box[0], CELL - pen.textlength(line, font) - 4), box[1] - 15 if box[1] >= 15 else box[3] + 1
    pen.rectangle((x, y, x + pen.textlength(line, font) + 3, y + 14), fill=colour)
    pen.text((x + 2, y), line, PAPER, font)


def _write(pen: ImageDraw.ImageDraw, at: tuple[int, int], text: str, *, size: int, room: int, ink: str) -> None:
    pen.text(at, _fitted_line(pen, text, size, room), ink, ImageFont.load_default(size))


def _fitted_line(pen: ImageDraw.ImageDraw, text: str, size: int, room: int) -> str:
    """`text` as one printable line, cut with an ellipsis if it is wider than `room` px."""
    font, line = ImageFont.load_default(size), printable(text)
    while pen.textlength(line, font) > room:
        line = line.removesuffix("…")[:-1].rstrip() + "…"
    return line


def draw_sample(records: Records, root: Path, out: Path, count: int, boxes: bool) -> None:
    """Draw a sheet of `count` evenly spaced images of a prepared set, with their annotated boxes if asked."""
    last, paths = len(records.images) - 1, records.paths(root)
    cells = []
    for row in sorted({number * last // max(count - 1, 1) for number in range(count)}):
        found = records.objects[records.objects["image_id"] == records.images["image_id"].iloc[row]]
        labelled = [((o.x, o.y, o.w, o.h), o.category) for o in found.itertuples(index=False)] if boxes else []
        cells.append(Cell(paths[row], boxes=labelled))
    draw_sheet([Group("", cells)], out, columns=math.ceil(math.sqrt(2 * len(cells))))
