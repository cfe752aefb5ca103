"""Table, gallery and contact sheet."""

from __future__ import annotations

import base64
import io
import re
from dataclasses import replace
from html.parser import HTMLParser

import pytest
from PIL import Image
from rich.console import Console

from for_retrieval.query.answer import Answer, Result, answer
from for_retrieval.query.render import contact_sheet, table, write_gallery


def shown(found: Answer, width: int = 100) -> str:
    console = Console(width=width, file=io.StringIO(), color_system=None)
    console.print(table(found))
    return console.file.getvalue()


class Page(HTMLParser):
    """Every tag with its attributes, and all text."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.text = ""
        self.feed(html)

    def handle_starttag(self, tag, attrs):
        self.tags.append((tag, dict(attrs)))

    def handle_data(self, data):
        self.text += data

    def all(self, name):
        return [attributes for tag, attributes in self.tags if tag == name]


@pytest.fixture
def gallery(tmp_path):
    def write(found: Answer) -> str:
        write_gallery(found, tmp_path / "gallery.html")
        return (tmp_path / "gallery.html").read_text(encoding="utf-8")

    return write


def test_table(project):
    text = shown(answer(project, "blue", 2))
    assert "2 images for “blue”" in text
    assert re.search(r"1 │ +0\.9\d\d │ data/pictures/day/street-2\.png +│ +10, 20, 30, 40", text)


def test_table_escapes_names_and_folds_long_ones(project):
    found = answer(project, "green", 1)
    hostile = replace(found.results[0], path="[red]a\n\x1b[31m.png")
    assert r"[red]a\n\x1b[31m.png" in shown(replace(found, results=[hostile]))
    long = replace(found.results[0], path="x" * 300)
    assert shown(replace(found, results=[long]), width=80).count("x") == 300 + 2  # two in the headings


def test_gallery_shows_pictures_and_regions(project, gallery):
    page = Page(gallery(answer(project, "blue", 3)))
    pictures = page.all("img")
    assert len(pictures) == 3
    kind, data = pictures[0]["src"].split(",")
    assert kind == "data:image/jpeg;base64"
    assert Image.open(io.BytesIO(base64.b64decode(data))).size == (160, 120)
    box = next(tag for tag in page.all("rect") if tag["class"] == "edge")
    assert [float(box[key]) for key in ("x", "y", "width", "height")] == [10, 20.3, 30, 40]
    assert page.all("svg")[0]["viewbox"] == "0 0 160 120"
    for part in ("blue", "3 images", "tiny-1", "street-2.png", "0.9"):
        assert part in page.text


def test_gallery_needs_nothing_else(project, gallery):
    html = gallery(answer(project, "red", 4))
    pictures = re.compile(r'src="data:image/jpeg;base64,[\w+/=]+"')
    assert len(pictures.findall(html)) == 4
    assert not re.search(r"src=|href=|//|@import|url\(|<script|<link|<iframe", pictures.sub("", html))
    assert "default-src 'none'" in html


def test_gallery_escapes_names_and_queries(project, gallery):
    query = "<script>alert('q')</script> \"red\" & $count"
    page = Page(gallery(answer(project, query, 4)))
    assert not page.all("script")
    assert query in page.text
    assert r"3<script>\n\x1b[31m.png" in page.text
    assert any(tag["alt"] == r"<script>alert(1)</script>\n\x1b[31m" for tag in page.all("img"))


def test_gallery_shows_warnings(project, gallery):
    assert "the text tower knows English" in Page(gallery(answer(project, "汽车", 1))).text


def test_gallery_names_missing_and_broken_images(project, tmp_path, gallery):
    found = answer(project, "blue", 2)
    (tmp_path / "data/pictures/day").mkdir(parents=True)
    (tmp_path / found.results[1].path).write_bytes(b"no image")
    page = Page(gallery(replace(found, root=tmp_path)))
    assert not page.all("img")
    assert "missing file" in page.text
    assert "not an image" in page.text
    assert "street-2.png" in page.text


def test_thumbnails_are_small_and_boxes_stay_inside(tmp_path, gallery):
    Image.effect_noise((2000, 1000), 50).save(tmp_path / "large.png")
    result = Result(1, 0.0, "large", "large.png", (-50, 900, 500, 400), [(-50, 900, 500, 400)])
    page = Page(gallery(Answer("q", "m", "g", None, [result], [], tmp_path)))
    data = page.all("img")[0]["src"].split(",")[1]
    assert Image.open(io.BytesIO(base64.b64decode(data))).size == (480, 240)
    box = page.all("rect")[0]
    assert [box[key] for key in ("x", "y", "width", "height")] == ["0", "900", "450", "100"]


def test_an_image_above_the_default_of_max_pixels_is_shown(tmp_path, gallery):
    """`data.max_pixels` may be raised; what is in the index was within it, so that results are shown whatever it is."""
    Image.new("1", (10_000, 6_001)).save(tmp_path / "large.png")
    result = Result(1, 0.0, "large", "large.png", (0, 0, 500, 400), [(0, 0, 500, 400)])
    assert len(Page(gallery(Answer("q", "m", "g", None, [result], [], tmp_path))).all("img")) == 1


def test_contact_sheet(project, tmp_path):
    found = answer(project, "blue", 4)
    contact_sheet(replace(found, query="blue " * 100), tmp_path / "out/sheet.png")
    sheet = Image.open(tmp_path / "out/sheet.png").convert("RGB")
    assert sheet.size == (20 + 4 * 300, 64 + 334)
    colours = {colour for _, colour in sheet.getcolors(1 << 20)}
    assert (232, 39, 27) in colours  # the frame
    assert (0, 0, 255) in colours  # the object
    assert [path.name for path in (tmp_path / "out").iterdir()] == ["sheet.png"]


def test_contact_sheet_without_pictures(project, tmp_path):
    found = replace(answer(project, "blue", 4), root=tmp_path)
    contact_sheet(found, tmp_path / "sheet.png")
    assert Image.open(tmp_path / "sheet.png").width == 20 + 4 * 300
