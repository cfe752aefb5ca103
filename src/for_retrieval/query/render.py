"""Results for people: a table, an HTML page and a contact sheet."""

from __future__ import annotations

import base64
import io
from dataclasses import dataclass
from html import escape
from pathlib import Path, PurePosixPath
from statistics import median
from string import Template

from PIL import Image, ImageDraw, ImageFont, ImageOps
from rich.table import Table
from rich.text import Text

from for_retrieval.files import atomic, write_text
from for_retrieval.query.answer import Answer, Result
from for_retrieval.records.images import BrokenImage, open_image


def printable(text: str) -> str:
    """`text` with newlines, control characters, direction overrides and the like as backslash escapes."""
    return "".join(c if c.isprintable() else c.encode("unicode_escape").decode("ascii") for c in text)


MAX_PIXELS = 60_000_000  # as data.max_pixels; params.yaml is not read here, it would double the start time


@dataclass(frozen=True, eq=False)
class Picture:
    """image: RGB, upright, shrunk. width, height: px of the file, which boxes refer to."""

    image: Image.Image
    width: int
    height: int

    def clip(self, box: tuple[float, float, float, float]) -> tuple[float, float, float, float]:
        """The part of a box (x, y, w, h in px of the file) inside the picture, in the same form."""
        x, y, w, h = box
        left, top = min(max(x, 0.0), self.width), min(max(y, 0.0), self.height)
        right, bottom = min(max(x + w, left), self.width), min(max(y + h, top), self.height)
        return left, top, right - left, bottom - top


def open_picture(answer: Answer, result: Result, side: int) -> Picture:
    """The image of a result with its longer side at most `side` px.

    Raises:
        BrokenImage: it is missing, cannot be decoded, or is too large.
    """
    image = open_image(answer.root / result.path, MAX_PIXELS, min_side=1)
    width, height = image.size
    image.thumbnail((side, side))
    return Picture(image, width, height)


def table(answer: Answer) -> Table:
    """Rank, score, image and box; names are shown literally, on one logical line, and folded, not cut."""
    title = Text(f"{len(answer.results)} images for “{printable(answer.query)}”")
    view = Table(title=title, title_justify="left")
    view.add_column("rank", justify="right")
    view.add_column("score", justify="right")
    view.add_column("image", overflow="fold")
    view.add_column("box (x, y, w, h)", justify="right", no_wrap=True)
    for result in answer.results:
        name = Text(printable(result.path))  # Text, since a plain string could hold markup
        view.add_row(str(result.rank), f"{result.score:.3f}", name, _box(result))
    return view


def _box(result: Result) -> str:
    return ", ".join(f"{side:.0f}" for side in result.box)


SIDE = 480  # px of a thumbnail's longer side: sharp on a card of 240 px at double density
QUALITY = 82
PAGE = Path(__file__).with_name("gallery.html")


def write_gallery(answer: Answer, path: Path) -> None:
    """Write the page atomically. An image that cannot be opened becomes a card that says why."""
    pictures = [_open(answer, result) for result in answer.results]
    best = max((result.score for result in answer.results), default=0.0)
    cards = [_card(result, picture, best) for result, picture in zip(answer.results, pictures, strict=True)]
    page = Template(PAGE.read_text(encoding="utf-8")).substitute(
        query=_text(answer.query),
        model=_text(answer.model),
        count=f"{len(cards)} image{'' if len(cards) == 1 else 's'}",
        warnings="".join(f'<p class="warning">{_text(warning)}</p>' for warning in answer.warnings),
        aspect=f"{_aspect(pictures):.4f}",
        cards="\n".join(cards),
    )
    write_text(path, page)


def _open(answer: Answer, result: Result) -> Picture | BrokenImage:
    try:
        return open_picture(answer, result, SIDE)
    except BrokenImage as error:
        return error


def _aspect(pictures: list[Picture | BrokenImage]) -> float:
    """Width / height of all cards: the usual shape of the pictures, within reason."""
    shapes = [picture.width / picture.height for picture in pictures if isinstance(picture, Picture)]
    return min(max(median(shapes or [1.0]), 3 / 4), 16 / 9)


def _card(result: Result, picture: Picture | BrokenImage, best: float) -> str:
    path = PurePosixPath(result.path)
    folder = "" if str(path.parent) == "." else f"{path.parent}/"
    share = max(0.0, result.score / best) if best > 0 else 0.0
    return f"""<li class="card">
{_frame(result, picture)}
<div class="row"><span class="rank">{result.rank}</span><span class="bar" style="--share:{share:.3f}"></span>\
<span class="score" title="cosine of the region and the query">{result.score:.3f}</span></div>
<div class="name" title="{_text(result.path)}"><b>{_text(path.name)}</b><span>{_text(folder)}</span></div>
</li>"""


def _frame(result: Result, picture: Picture | BrokenImage) -> str:
    if isinstance(picture, BrokenImage):
        return f'<div class="frame missing"><p>no picture<br><span>{_text(picture.reason)}</span></p></div>'
    x, y, w, h = (f"{side:g}" for side in picture.clip(result.box))
    outside = f"M0 0H{picture.width}V{picture.height}H0ZM{x} {y}v{h}h{w}v-{h}Z"
    rectangle = f'x="{x}" y="{y}" width="{w}" height="{h}" vector-effect="non-scaling-stroke"'
    return f"""<div class="frame"><img src="{_data_uri(picture)}" alt="{_text(result.image_id)}">\
<svg viewBox="0 0 {picture.width} {picture.height}" aria-hidden="true"><path d="{outside}"/>\
<rect class="halo" {rectangle}/><rect class="edge" {rectangle}/></svg></div>"""


def _data_uri(picture: Picture) -> str:
    buffer = io.BytesIO()
    picture.image.save(buffer, "JPEG", quality=QUALITY)
    return "data:image/jpeg;base64," + base64.b64encode(buffer.getvalue()).decode("ascii")


def _text(text: str) -> str:
    return escape(printable(text), quote=True)


CELL = 280  # px, the side of the square that a picture is fitted into
GAP = 20
CAPTION = 34
TITLE = 64
COLUMNS = 5
PAPER, WELL, INK, SOFT, RED = "#ffffff", "#f0efec", "#1c1b19", "#73706a", "#e8271b"


def contact_sheet(answer: Answer, path: Path) -> None:
    """Write a PNG with all results in rows of COLUMNS, the found regions framed in red; atomically."""
    columns = min(COLUMNS, max(1, len(answer.results)))
    rows = -(-len(answer.results) // columns)
    width, height = GAP + columns * (CELL + GAP), TITLE + rows * (CELL + CAPTION + GAP)
    sheet = Image.new("RGB", (width, height), PAPER)
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
