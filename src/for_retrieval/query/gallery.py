"""Results as one HTML page that needs nothing but itself: pictures, style and all are inside."""

from __future__ import annotations

import base64
import io
from html import escape
from pathlib import Path, PurePosixPath
from statistics import median
from string import Template

from for_retrieval.data.images import BrokenImage
from for_retrieval.files import write_text
from for_retrieval.query.answer import Answer, Result
from for_retrieval.query.pictures import Picture, open_picture
from for_retrieval.query.printable import printable

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
