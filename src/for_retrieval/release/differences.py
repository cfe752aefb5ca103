"""The images on which two generations differ most: found by one only, as a contact sheet."""

from __future__ import annotations

from pathlib import Path

from for_retrieval.model.text_tower import TextTower
from for_retrieval.project import Project
from for_retrieval.records.records import load_records
from for_retrieval.records.sheet import Cell, Group, draw_sheet
from for_retrieval.release.gate import labels
from for_retrieval.release.generation import bundle_of
from for_retrieval.release.search import open_generation

TOP = 10  # images that a person looks at
QUERIES = 4  # rows of each kind
ACROSS = 5  # images of each
WIN, LOSS = "#1a7f37", "#cf222e"


def draw_differences(project: Project, old: str, new: str, path: Path) -> bool:
    """Write a PNG at `path`: names of categories, with right images that only one generation has among its TOP.

    Returns False, and writes nothing, where the two never differ.
    """
    records, params = load_records(project.prepared), project.params
    known = labels(records, params.index.gallery, params.evaluate.small)
    right = {text: label.right for text, label in known.items() if label.name and label.right}
    before, now = (_answers(project, generation, right) for generation in (old, new))
    paths = dict(zip(records.images["image_id"], records.paths(project.root), strict=True))
    groups = []
    for what, colour, here, there in (("found now", WIN, now, before), ("no longer found", LOSS, before, now)):
        only = {text: [image for image in here[text] if image not in there[text]] for text in right}
        most = sorted((text for text in right if only[text]), key=lambda text: (-len(only[text]), text))
        for text in most[:QUERIES]:
            cells = [Cell(paths[image]) for image in only[text][:ACROSS]]
            groups.append(Group(f"“{text}”: {what}", cells, colour, framed=True))
    if groups:
        draw_sheet(groups, path, ACROSS)
    return bool(groups)


def _answers(project: Project, generation: str, right: dict[str, set[str]]) -> dict[str, list[str]]:
    """The right images among the first TOP for each query, by the generation's own model."""
    tower = TextTower(bundle_of(project.index, generation))
    with open_generation(project.index / generation) as index:
        found = {text: [hit.image_id for hit in index.search(tower.embed(text), TOP)] for text in right}
    return {text: [image for image in images if image in right[text]] for text, images in found.items()}
