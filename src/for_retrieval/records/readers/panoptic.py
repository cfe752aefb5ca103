"""COCO panoptic (`data.kind: panoptic`): one annotation per image, with boxes in its ``segments_info``.

Only things (``isthing: 1``) are read. Stuff (sky, road, grass) has one segment per image, whose box encloses all its
pieces, so that it does not locate an object. The PNG masks are not read, so panopticapi is not needed.
"""

from __future__ import annotations

from pathlib import Path

from for_retrieval.records.readers import coco
from for_retrieval.records.readers.format import Format, annotated
from for_retrieval.records.readers.source import Source


def read_panoptic(path: Path) -> Source:
    """Read images, boxes of things, and their categories, as `read_coco` does; one without ``isthing`` is a thing."""
    content = coco.read_lists(path, "a COCO panoptic file")
    found = Source(path)
    coco.add_pictures(found, content["images"])
    names = coco.read_names(found, content["categories"])
    entries = [entry for entry in content["categories"] if isinstance(entry, dict)]
    stuff = {str(entry.get("id")) for entry in entries if entry.get("isthing", 1) in (0, False)}
    segments, dropped = [], 0
    for where, entry in found.complete(content["annotations"], ("image_id", "segments_info"), "annotations"):
        image_id, given = entry["image_id"], entry["segments_info"]
        if not isinstance(given, list):
            found.problem(f"{where} on image {image_id} has the segments_info {repr(given)[:60]}, which must be a list")
            continue
        for _, segment in found.complete(given, ("id", "category_id", "bbox"), f"{where}.segments_info"):
            if str(segment["category_id"]) in stuff:
                dropped += 1
            else:
                segments.append({**segment, "image_id": image_id})
    coco.add_objects(found, segments, names, "segment")
    found.raise_first()
    things = [entry for entry in entries if str(entry["id"]) not in stuff]
    coco.add_words(found, things)
    return found.finished((names[str(entry["id"])] for entry in things), stuff_segments=dropped)


FORMAT = Format(
    about="COCO panoptic: JSON with segments, of which the boxes of things are read",
    missing=coco.MISSING % " with segments_info",
    read=annotated(read_panoptic),
    find=lambda folder, asked: coco.find_lists(folder, ("panoptic",)) if asked else None,
    fits=lambda path: coco.kind_of(path) == "panoptic",
    images=coco.images_of,
)
