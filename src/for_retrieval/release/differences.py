"""The images on which two generations differ most: found by one only, as a contact sheet."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from for_retrieval.model.text_tower import TextTower
from for_retrieval.project import Project
from for_retrieval.records.records import Records, load_records
from for_retrieval.records.sheet import Cell, Group, draw_sheet
from for_retrieval.release.gate import labels
from for_retrieval.release.pointer import bundle_of
from for_retrieval.release.search import open_generation

TOP = 10  # images that a person looks at
QUERIES = 4  # rows of each kind
ACROSS = 5  # images of each
WIN, LOSS = "#1a7f37", "#cf222e"

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
    groups = [
        Group(title, [Cell(paths[image]) for image in images[:ACROSS]], colour, framed=True)
        for title, images, colour in lines
    ]
    draw_sheet(groups, path, ACROSS)
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
