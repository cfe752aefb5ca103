"""Results for people: a table, an HTML page and a contact sheet."""

from __future__ import annotations

import base64
import io
from dataclasses import dataclass
from html import escape
from pathlib import Path, PurePosixPath
from statistics import median
from string import Template

from PIL import Image
from rich.table import Table
from rich.text import Text

from for_retrieval.errors import printable
from for_retrieval.files import write_text
from for_retrieval.query.answer import Answer, Result
from for_retrieval.records.images import BrokenImage, open_image
from for_retrieval.records.sheet import Cell, Group, clip, draw_sheet

SIDE = 480  # px of a thumbnail's longer side: sharp on a card of 240 px at double density
QUALITY = 82
COLUMNS = 5  # of the contact sheet
PAGE = Path(__file__).with_name("gallery.html")


def table(answer: Answer) -> Table:
    """Rank, score, image and box; names are shown literally, on one logical line, and folded, not cut."""
    title = Text(f"{len(answer.results)} images for “{printable(answer.query)}”")
    view = Table(title=title, title_justify="left")
    view.add_column("rank", justify="right")
    view.add_column("score", justify="right")
    view.add_column("image", overflow="fold")
    view.add_column("box (x, y, w, h)", justify="right", no_wrap=True)
    for result in answer.results:
        name = Text(printable(result.path))  # Text, since a plain string could contain markup
        box = ", ".join(f"{side:.0f}" for side in result.box)
        view.add_row(str(result.rank), f"{result.score:.3f}", name, box)
    return view


def contact_sheet(answer: Answer, path: Path) -> None:
    """Write a PNG (UsageError: another suffix) with all results, the places that show what was asked for in red."""
    cells = [
        Cell(answer.root / result.path, f"{result.rank}.   {result.score:.3f}", [(box, "") for box in result.boxes])
        for result in answer.results
    ]
    draw_sheet([Group(answer.query, cells)], path, COLUMNS)


@dataclass(frozen=True, eq=False)
class Picture:
    """image: RGB, upright, shrunk. width, height: px of the file, which boxes refer to."""

    image: Image.Image
    width: int
    height: int


def write_gallery(answer: Answer, path: Path) -> None:
    """Write the page atomically. An image that cannot be opened becomes a card with the reason."""
    pictures = [_open(answer.root / result.path) for result in answer.results]
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


def _open(path: Path) -> Picture | BrokenImage:
    try:
        image = open_image(path)
    except BrokenImage as error:
        return error
    width, height = image.size
    image.thumbnail((SIDE, SIDE))
    return Picture(image, width, height)


def _aspect(pictures: list[Picture | BrokenImage]) -> float:
    """Width / height of all cards: the median of the pictures, within limits."""
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
    outside, rectangles = f"M0 0H{picture.width}V{picture.height}H0Z", ""
    for box in result.boxes:
        x, y, w, h = (f"{side:g}" for side in clip(box, picture.width, picture.height))
        outside += f"M{x} {y}v{h}h{w}v-{h}Z"
        place = f'x="{x}" y="{y}" width="{w}" height="{h}" vector-effect="non-scaling-stroke"'
        rectangles += f'<rect class="halo" {place}/><rect class="edge" {place}/>'
    buffer = io.BytesIO()
    picture.image.save(buffer, "JPEG", quality=QUALITY)
    data = base64.b64encode(buffer.getvalue()).decode("ascii")
    return f"""<div class="frame"><img src="data:image/jpeg;base64,{data}" alt="{_text(result.image_id)}">\
<svg viewBox="0 0 {picture.width} {picture.height}" aria-hidden="true"><path d="{outside}"/>\
{rectangles}</svg></div>"""


def _text(text: str) -> str:
    return escape(printable(text), quote=True)
