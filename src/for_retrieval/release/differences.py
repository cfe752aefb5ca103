"""The images on which two generations differ most: found by one only, as a contact sheet."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from PIL import Image, ImageDraw, ImageFont, ImageOps

from for_retrieval.files import atomic
from for_retrieval.project import Project
from for_retrieval.query.text import TextTower
from for_retrieval.records.images import BrokenImage, open_image
from for_retrieval.records.records import Records, load_records
from for_retrieval.release.gate import labels
from for_retrieval.release.pointer import bundle_of
from for_retrieval.release.search import open_generation

TOP = 10  # images that a person looks at
QUERIES = 4  # rows of each kind
ACROSS = 5
CELL, GAP, LINE = 150, 10, 24  # px
PAGE, INK, WIN, LOSS = "#ffffff", "#1c1b19", "#1a7f37", "#cf222e"

Answers = Callable[[str], list[str]]


@dataclass(frozen=True)
class Difference:
    """Right images of one query that only the new version has among its TOP, and only the old one."""

    query: str
    won: list[str]
    lost: list[str]


def draw_differences(project: Project, old: str, new: str, path: Path) -> bool:
    """Write a PNG at `path`, names of categories as queries; False where the two generations never differ."""
    records = load_records(project.prepared)
    found = differences(project, records, old, new)
    won = sorted((d for d in found if d.won), key=lambda d: (-len(d.won), d.query))[:QUERIES]
    lost = sorted((d for d in found if d.lost), key=lambda d: (-len(d.lost), d.query))[:QUERIES]
    lines = [(f"“{d.query}”: found now", d.won, WIN) for d in won]
    lines += [(f"“{d.query}”: no longer found", d.lost, LOSS) for d in lost]
    if not lines:
        return False
    paths = dict(zip(records.images["image_id"], records.paths(project.root), strict=True))
    sheet = _sheet([(title, [paths[image] for image in images[:ACROSS]], ink) for title, images, ink in lines])
    path.parent.mkdir(parents=True, exist_ok=True)
    with atomic(path) as temporary:
        sheet.save(temporary, "PNG")
    return True


def differences(project: Project, records: Records, old: str, new: str) -> list[Difference]:
    """What either generation finds of what the labels call right, for every category that has some."""
    known = {
        text: label.right
        for text, label in labels(records, list(project.params.index.gallery), project.params.evaluate.small).items()
        if label.name and label.right
    }
    before, after = (_answers(project, generation, list(known)) for generation in (old, new))
    found = []
    for text, right in known.items():
        was, now = ([image for image in answers[text] if image in right] for answers in (before, after))
        found.append(Difference(text, [i for i in now if i not in was], [i for i in was if i not in now]))
    return found


def _answers(project: Project, generation: str, queries: list[str]) -> dict[str, list[str]]:
    """The ids of the first TOP images for each query, by the generation's own model."""
    tower = TextTower(bundle_of(project.index, generation))
    with open_generation(project.index / generation) as index:
        return {text: [hit.image_id for hit in index.search(tower.embed(text), TOP)] for text in queries}


def _sheet(lines: list[tuple[str, list[Path], str]]) -> Image.Image:
    """A line of pictures below each title, framed in the line's colour."""
    height = len(lines) * (LINE + CELL + 2 * GAP) + GAP
    sheet = Image.new("RGB", (GAP + ACROSS * (CELL + GAP), height), PAGE)
    pen = ImageDraw.Draw(sheet)
    for number, (title, paths, ink) in enumerate(lines):
        top = GAP + number * (LINE + CELL + 2 * GAP)
        pen.text((GAP, top), title, INK, ImageFont.load_default(16))
        for column, path in enumerate(paths):
            left = GAP + column * (CELL + GAP)
            try:
                image = ImageOps.fit(open_image(path, 100_000_000, min_side=1), (CELL, CELL))
            except BrokenImage:
                image = Image.new("RGB", (CELL, CELL), "#dddddd")
            sheet.paste(image, (left, top + LINE))
            pen.rectangle((left, top + LINE, left + CELL - 1, top + LINE + CELL - 1), outline=ink, width=3)
    return sheet
