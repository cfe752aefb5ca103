"""Results as one picture, for a README or a report."""

from __future__ import annotations

from pathlib import Path

from PIL import Image, ImageDraw, ImageFont, ImageOps

from for_retrieval.data.images import BrokenImage
from for_retrieval.files import atomic
from for_retrieval.query.answer import Answer, Result
from for_retrieval.query.pictures import open_picture
from for_retrieval.query.printable import printable

CELL = 280  # px, the side of the square that a picture is fitted into
GAP = 20
CAPTION = 34
TITLE = 64
COLUMNS = 5
PAGE, WELL, INK, SOFT, RED = "#ffffff", "#f0efec", "#1c1b19", "#73706a", "#e8271b"


def contact_sheet(answer: Answer, path: Path) -> None:
    """Write a PNG with all results in rows of COLUMNS, the found regions framed in red; atomically."""
    columns = min(COLUMNS, max(1, len(answer.results)))
    rows = -(-len(answer.results) // columns)
    width, height = GAP + columns * (CELL + GAP), TITLE + rows * (CELL + CAPTION + GAP)
    sheet = Image.new("RGB", (width, height), PAGE)
    draw = ImageDraw.Draw(sheet)
    _write(draw, (GAP, 18), answer.query, size=28, room=width - 2 * GAP, ink=INK)
    for position, result in enumerate(answer.results):
        row, column = divmod(position, columns)
        left, top = GAP + column * (CELL + GAP), TITLE + row * (CELL + CAPTION + GAP)
        sheet.paste(_cell(answer, result), (left, top))
        caption = f"{result.rank}.   {result.score:.3f}"
        _write(draw, (left, top + CELL + 6), caption, size=18, room=CELL, ink=SOFT)
    with atomic(path) as temporary:
        sheet.save(temporary, "PNG")


def _cell(answer: Answer, result: Result) -> Image.Image:
    cell = Image.new("RGB", (CELL, CELL), WELL)
    draw = ImageDraw.Draw(cell)
    try:
        picture = open_picture(answer, result, 2 * CELL)
    except BrokenImage as error:
        _write(draw, (12, CELL // 2 - 8), error.reason, size=16, room=CELL - 24, ink=SOFT)
        return cell
    fitted = ImageOps.contain(picture.image, (CELL, CELL), Image.Resampling.LANCZOS)
    left, top = (CELL - fitted.width) // 2, (CELL - fitted.height) // 2
    cell.paste(fitted, (left, top))
    x, y, w, h = picture.clip(result.box)
    across, down = fitted.width / picture.width, fitted.height / picture.height
    corners = (left + x * across, top + y * down, left + (x + w) * across, top + (y + h) * down)
    draw.rectangle(corners, outline=RED, width=3)
    return cell


def _write(draw: ImageDraw.ImageDraw, at: tuple[int, int], text: str, *, size: int, room: int, ink: str) -> None:
    """One line of text, cut with an ellipsis where it is wider than `room` px."""
    font = ImageFont.load_default(size)
    line = printable(text)
    while draw.textlength(line, font) > room:
        line = line.removesuffix("…")[:-1].rstrip() + "…"
    draw.text(at, line, ink, font)
