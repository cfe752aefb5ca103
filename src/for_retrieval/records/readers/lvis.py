"""An LVIS v1 file (`data.kind: lvis`): COCO's lists, plus who was searched for what, and how common categories are.

The lvis package is not used: it logs and asserts where a file is wrong, and needs OpenCV and Matplotlib to read JSON.
"""

from __future__ import annotations

import posixpath
import re
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pandas as pd

from for_retrieval.records.images import shown
from for_retrieval.records.readers.annotations import Problems, is_unicode
from for_retrieval.records.readers.coco import picture_table, read_names, read_objects, read_pictures, read_sections
from for_retrieval.records.records import NEGATIVE_COLUMNS, Source

GROUPS = {"f": "frequent", "c": "common", "r": "rare"}


def read_lvis(path: Path) -> Source:
    """Read images, boxes, categories with their frequency group, and the negatives.

    LVIS searched each image for some categories only. An image is known not to show what it lists in
    ``neg_category_ids``. One in ``not_exhaustive_category_ids`` is there, though not every instance has a box; it is
    never a negative. A listed negative that has a box, or is not exhaustive, is dropped and counted.

    The words are the names with spaces and without what is in brackets (``bow_(weapon)`` -> bow), unless two
    categories would then be one. Where there is no ``file_name``, the last two parts of ``coco_url`` are the path
    (``train2017/000000000139.jpg``).

    Raises:
        ForError: as `coco.read_coco`; also an unknown group, or a listed category that there is none of.
    """
    content = read_sections(path, "an LVIS file")
    problems = Problems()
    entries = [_with_file_name(entry) for entry in content["images"]]
    pictures = read_pictures(entries, problems)
    names = read_names(content["categories"], problems)
    objects = read_objects(content["annotations"], pictures, names, problems)
    listed = _listed(entries, names, problems)
    groups = _groups(content["categories"], names, problems)
    problems.raise_first(path)
    words = _words(names)
    objects["category"] = objects["category"].map(words)
    negatives, contradicting = _negatives(listed, objects, names, words)
    return Source(
        picture_table(pictures),
        objects,
        list(dict.fromkeys(words.values())),
        _synonyms(content["categories"], words),
        dropped={
            "zero_area_boxes": len(content["annotations"]) - len(objects),
            "contradicting_negatives": contradicting,
        },
        groups={group: [words[name] for name in members] for group, members in groups.items()},
        negatives=negatives,
    )


def _with_file_name(entry: Any) -> Any:
    if not isinstance(entry, dict) or entry.get("file_name") is not None or not isinstance(entry.get("coco_url"), str):
        return entry
    try:
        place = urlsplit(entry["coco_url"]).path
    except ValueError:
        return entry
    return {**entry, "file_name": posixpath.join(*place.split("/")[-2:])}


def _listed(entries: list[Any], names: dict[str, str], problems: Problems) -> dict[str, tuple[set[str], set[str]]]:
    """Image id -> ids of the categories that it lists as absent, and as not exhaustive."""
    listed: dict[str, tuple[set[str], set[str]]] = {}
    for position, entry in enumerate(entries):
        found = []
        for key in ("neg_category_ids", "not_exhaustive_category_ids"):
            given = entry.get(key) if isinstance(entry, dict) else None
            if not isinstance(given, list):
                problems.add(f"images[{position}] has no list {key!r}, which LVIS gives for every image")
                given = []
            if unknown := [str(number) for number in given if str(number) not in names]:
                where = f"image {entry.get('id')} has the category {shown(unknown[0])} in {key!r}"
                problems.add(f"{where}, which 'categories' does not list")
            found.append({str(number) for number in given})
        if isinstance(entry, dict):
            listed[str(entry.get("id"))] = (found[0], found[1])
    return listed


def _groups(entries: list[Any], names: dict[str, str], problems: Problems) -> dict[str, list[str]]:
    """Frequency group -> names of its categories."""
    groups: dict[str, list[str]] = {group: [] for group in GROUPS.values()}
    for entry in entries:
        if not isinstance(entry, dict) or str(entry.get("id")) not in names:
            continue  # noted already
        letter = entry.get("frequency")
        if not isinstance(letter, str) or letter not in GROUPS:
            problems.add(f"category {entry['id']} has the frequency {letter!r}, which must be 'f', 'c' or 'r'")
            continue
        groups[GROUPS[letter]].append(names[str(entry["id"])])
    return groups


def _words(names: dict[str, str]) -> dict[str, str]:
    """Category name -> the words to ask for it."""
    spaced = {name: name.replace("_", " ").strip() for name in dict.fromkeys(names.values())}
    short = {name: _short(text) for name, text in spaced.items()}
    taken = list(short.values())
    return {name: short[name] if taken.count(short[name]) == 1 else spaced[name] for name in spaced}


def _short(text: str) -> str:
    return " ".join(re.sub(r"\([^)]*\)", " ", text).split()) or text


def _synonyms(entries: list[dict[str, Any]], words: dict[str, str]) -> dict[str, list[str]]:
    """Word -> other words for it that are no category themselves."""
    known, synonyms = set(words.values()), {}
    for entry in entries:
        given = entry["synonyms"] if isinstance(entry.get("synonyms"), list) else []
        texts = [_short(text.replace("_", " ")) for text in given if isinstance(text, str) and is_unicode(text)]
        if others := [text for text in dict.fromkeys(texts) if text and text not in known]:
            synonyms[words[entry["name"]]] = others
    return synonyms


def _negatives(
    listed: dict[str, tuple[set[str], set[str]]], objects: pd.DataFrame, names: dict[str, str], words: dict[str, str]
) -> tuple[pd.DataFrame, int]:
    """The table `Source.negatives`, and how many listed negatives were contradicted."""
    shown = set(zip(objects["image_id"], objects["category"], strict=True))
    rows, contradicting = [], 0
    for image_id, (absent, partly) in listed.items():
        present = {words[names[number]] for number in partly}
        for word in sorted({words[names[number]] for number in absent}):
            if word in present or (image_id, word) in shown:
                contradicting += 1
            else:
                rows.append((image_id, word))
    return pd.DataFrame(rows, columns=list(NEGATIVE_COLUMNS)).astype(NEGATIVE_COLUMNS), contradicting
