"""A COCO panoptic file (`data.kind: panoptic`): one annotation an image, with boxes in its ``segments_info``.

Only things (``isthing: 1``) are taken. Stuff (sky, road, grass) is one segment an image, whose box spans
whatever pieces it has; this project looks for objects and learns where they are, and such a box says nothing of that.
The PNG masks are not read, and neither is panopticapi, which needs them.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

from for_retrieval.records.readers.annotations import Problems, lacks
from for_retrieval.records.readers.coco import (
    other_words,
    picture_table,
    read_names,
    read_objects,
    read_pictures,
    read_sections,
)
from for_retrieval.records.records import Source


def read_panoptic(path: Path) -> Source:
    """Read images, the boxes of things, and their categories.

    Boxes are checked and supercategories used as in `coco.read_coco`. Segments of stuff are left out and counted. A
    category without ``isthing`` is a thing.

    Raises:
        ForError: as `coco.read_coco`.
    """
    content = read_sections(path, "a COCO panoptic file")
    problems = Problems()
    pictures = read_pictures(content["images"], problems)
    names = read_names(content["categories"], problems)
    stuff = {
        str(e.get("id")) for e in content["categories"] if isinstance(e, dict) and e.get("isthing", 1) in (0, False)
    }
    segments, left = _segments(content["annotations"], stuff, problems)
    objects = read_objects(segments, pictures, names, problems, "segment")
    problems.raise_first(path)
    things = [entry for entry in content["categories"] if str(entry["id"]) not in stuff]
    synonyms, hypernyms = other_words(things)
    return Source(
        picture_table(pictures),
        objects,
        list(dict.fromkeys(names[str(entry["id"])] for entry in things)),
        synonyms,
        hypernyms,
        dropped={"zero_area_boxes": len(segments) - len(objects), "stuff_segments": left},
    )


def _segments(entries: list[Any], stuff: set[str], problems: Problems) -> tuple[list[Any], int]:
    """The segments of things as annotations of an instances file, and how many of stuff there are."""
    segments: list[Any] = []
    left = 0
    for position, entry in enumerate(entries):
        where = f"annotations[{position}]"
        if lacks(entry, ("image_id", "segments_info"), where, problems):
            continue
        given = entry["segments_info"]
        if not isinstance(given, list):
            said = repr(given)[:60]
            problems.add(f"{where} on image {entry['image_id']} has the segments_info {said}, which must be a list")
            continue
        for number, segment in enumerate(given):
            if lacks(segment, ("id", "category_id", "bbox"), f"{where}.segments_info[{number}]", problems):
                continue
            if str(segment["category_id"]) in stuff:
                left += 1
            else:
                segments.append({**segment, "image_id": entry["image_id"]})
    return segments, left
