"""LVIS v1 (`data.kind: lvis`): COCO's lists, with the categories each image was searched for, and their frequency.

The lvis package is not used: it reports a wrong file by assertions, and needs OpenCV and Matplotlib to read JSON.
"""

from __future__ import annotations

import re
from collections import Counter
from pathlib import Path
from typing import Any

from for_retrieval.errors import printable
from for_retrieval.records.readers import coco
from for_retrieval.records.readers.format import Format, annotated
from for_retrieval.records.readers.source import Source, is_unicode
from for_retrieval.records.splits import LVIS

GROUPS = {"f": "frequent", "c": "common", "r": "rare"}


def read_lvis(path: Path) -> Source:
    """Read images, boxes, categories with their frequency group, and the negatives.

    LVIS searched each image for some categories only: it does not show those in ``neg_category_ids``, and shows those
    in ``not_exhaustive_category_ids``, though not every instance has a box. A negative that has a box, or is not
    exhaustive, is dropped and counted. Categories are asked for by their names with spaces and without what is in
    brackets (``bow_(weapon)`` -> bow), unless two would then be the same. Without ``file_name``, the last two parts of
    ``coco_url`` are the path (``train2017/000000000139.jpg``). Raises ForError: as `read_coco`, or unknown groups.
    """
    content = coco.read_lists(path, "an LVIS file")
    found = Source(path)
    for entry in (entry for entry in content["images"] if isinstance(entry, dict)):
        if entry.get("file_name") is None and isinstance(entry.get("coco_url"), str):
            entry["file_name"] = "/".join(entry["coco_url"].split("/")[-2:])
    coco.add_pictures(found, content["images"])
    names = coco.read_names(found, content["categories"])
    spaced = {name: name.replace("_", " ").strip() for name in names.values()}
    taken = Counter(map(_short, spaced.values()))
    words = {name: _short(text) if taken[_short(text)] == 1 else text for name, text in spaced.items()}
    ids = {category_id: words[name] for category_id, name in names.items()}
    categories = set(words.values())
    coco.add_objects(found, content["annotations"], ids)
    listed = _listed(found, content["images"], ids)
    found.groups = _groups(found, content["categories"], ids)
    found.raise_first()
    for entry in content["categories"]:
        given = entry["synonyms"] if isinstance(entry.get("synonyms"), list) else []
        texts = [_short(text.replace("_", " ")) for text in given if isinstance(text, str) and is_unicode(text)]
        if others := [text for text in dict.fromkeys(texts) if text and text not in categories]:
            found.synonyms[words[entry["name"]]] = others
    shown = set(zip(found.objects["image_id"], found.objects["category"], strict=True))
    shown |= {(image_id, ids[number]) for image_id, (_, partly) in listed.items() for number in partly}
    pairs = [(image_id, word) for image_id, (absent, _) in listed.items() for word in sorted({ids[n] for n in absent})]
    found.absent = [pair for pair in pairs if pair not in shown]
    return found.finished(words.values(), contradicting_negatives=len(pairs) - len(found.absent))


def _listed(found: Source, entries: list[Any], ids: dict[str, str]) -> dict[str, tuple[set[str], set[str]]]:
    """Image id -> ids of the categories listed as absent, and of those listed as not exhaustive."""
    listed: dict[str, tuple[set[str], set[str]]] = {}
    for position, entry in enumerate(entry if isinstance(entry, dict) else {} for entry in entries):
        lists = listed[str(entry.get("id"))] = (set(), set())
        for key, numbers in zip(("neg_category_ids", "not_exhaustive_category_ids"), lists, strict=True):
            if not isinstance(entry.get(key), list):
                found.problem(f"images[{position}] has no list {key!r}, which LVIS has for every image")
                continue
            numbers |= set(map(str, entry[key]))
            if unknown := [number for number in map(str, entry[key]) if number not in ids]:
                where = f"image {entry.get('id')} has the category {printable(unknown[0])} in {key!r}"
                found.problem(f"{where}, which 'categories' does not list")
    return listed


def _groups(found: Source, entries: list[Any], ids: dict[str, str]) -> dict[str, list[str]]:
    groups: dict[str, list[str]] = {group: [] for group in GROUPS.values()}
    for entry in entries:
        if not isinstance(entry, dict) or str(entry.get("id")) not in ids:
            continue  # a problem that was noted before
        if group := GROUPS.get(str(letter := entry.get("frequency"))):
            groups[group].append(ids[str(entry["id"])])
        else:
            found.problem(f"category {entry['id']} has the frequency {letter!r}, which must be 'f', 'c' or 'r'")
    return groups


def _short(text: str) -> str:
    return " ".join(re.sub(r"\([^)]*\)", " ", text).split()) or text


FORMAT = Format(
    about="LVIS v1: COCO's JSON with negatives and frequency groups",
    missing=coco.MISSING % " with neg_category_ids",
    read=annotated(read_lvis),
    find=lambda folder, asked: coco.find_lists(folder, ("lvis",)) if asked else None,
    fits=lambda path: coco.kind_of(path) == "lvis",
    images=lambda folder, _: "images" if (folder / "images").is_dir() else ".",  # coco_url has train2017 and val2017
    categories=LVIS,
)
