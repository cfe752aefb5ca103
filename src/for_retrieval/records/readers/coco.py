"""A COCO instances file (`data.kind: coco`); every entry is checked."""

from __future__ import annotations

import json
import posixpath
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pandas as pd

from for_retrieval.errors import ForError
from for_retrieval.files import read_json
from for_retrieval.records.images import shown
from for_retrieval.records.readers.annotations import (
    Problems,
    is_unicode,
    lacks,
    leaves,
    number,
    object_table,
    read_box,
)
from for_retrieval.records.records import Source

_CHECK = "check data.annotations in params.yaml"


@dataclass(frozen=True)
class Picture:
    """An image as the file lists it: its path below the image folder, and px."""

    image_id: str
    path: str
    width: int
    height: int


def read_coco(path: Path) -> Source:
    """Read images, boxes and categories; image ids become text.

    Boxes that stick out by up to `boxes.SLACK` px are clipped, boxes without area are dropped and
    counted, crowds are kept and marked. A supercategory becomes a hypernym unless all share it. An image may have a
    ``caption``.

    Raises:
        ForError: no such file, no JSON, or entries that contradict each other; the sentence gives the
            first problem and how many more there are.
    """
    content = read_sections(path, "a COCO instances file")
    problems = Problems()
    pictures = read_pictures(content["images"], problems)
    names = read_names(content["categories"], problems)
    objects = read_objects(content["annotations"], pictures, names, problems)
    problems.raise_first(path)
    synonyms, hypernyms = other_words(content["categories"])
    flat = len(content["annotations"]) - len(objects)
    categories = list(dict.fromkeys(names.values()))
    dropped = {"zero_area_boxes": flat}
    captions = _captions(content["images"])
    return Source(picture_table(pictures), objects, categories, synonyms, hypernyms, dropped=dropped, captions=captions)


def _captions(entries: list[dict[str, Any]]) -> dict[str, str]:
    """Image id -> what an image's ``caption`` says, where it has one."""
    said = {str(entry["id"]): entry.get("caption") for entry in entries}
    return {key: text for key, text in said.items() if isinstance(text, str) and text.strip() and is_unicode(text)}


def read_sections(path: Path, what: str) -> dict[str, list[Any]]:
    """The content of a JSON file with the lists images, annotations and categories; `what` calls it by its kind.

    Raises:
        ForError: no such file, no JSON, or a list is missing.
    """
    if not path.is_file():
        raise ForError(f"the annotation file {shown(path)} does not exist; {_CHECK}")
    content = read_json(path, _CHECK)
    for key in ("images", "annotations", "categories"):
        if not isinstance(content, dict) or not isinstance(content.get(key), list):
            raise ForError(f"{shown(path)} has no list {key!r}, which {what} needs; {_CHECK}")
    return dict(content)


def picture_table(pictures: dict[str, Picture]) -> pd.DataFrame:
    """The table `Source.images` of these pictures."""
    return pd.DataFrame([vars(p) for p in pictures.values()], columns=list(Picture.__annotations__))


def read_pictures(entries: list[Any], problems: Problems) -> dict[str, Picture]:
    """Image id (as text) -> picture; what is wrong with an entry is noted."""
    pictures: dict[str, Picture] = {}
    owners: dict[str, str] = {}  # file name -> image id
    for position, entry in enumerate(entries):
        if lacks(entry, ("id", "file_name", "width", "height"), f"images[{position}]", problems):
            continue
        image_id, name = str(entry["id"]), posixpath.normpath(str(entry["file_name"]))
        width, height = number(entry["width"]), number(entry["height"])
        if image_id in pictures:
            problems.add(f"the image id {image_id} is given twice")
        elif leaves(name):
            problems.add(f"image {image_id} has the file_name {name!r}, which leaves the image folder")
        elif name in owners:
            problems.add(f"the images {owners[name]} and {image_id} share the file_name {name!r}")
        elif min(width, height) >= 1 and max(width, height) < 2**31 and width % 1 == height % 1 == 0:
            pictures[image_id] = Picture(image_id, name, int(width), int(height))
            owners[name] = image_id
        else:
            size = f"{entry['width']!r} x {entry['height']!r}"
            problems.add(f"image {image_id} has the size {size}, which must be two whole numbers above 0")
    return pictures


def read_names(entries: list[Any], problems: Problems) -> dict[str, str]:
    """Category id -> name. Two ids may share a name: they are then one category."""
    names: dict[str, str] = {}
    for position, entry in enumerate(entries):
        if lacks(entry, ("id", "name"), f"categories[{position}]", problems):
            continue
        if str(entry["id"]) in names:
            problems.add(f"the category id {entry['id']} is given twice")
        elif not isinstance(entry["name"], str) or not entry["name"].strip():
            problems.add(f"category {entry['id']} has the name {entry['name']!r}, which must be a word")
        names[str(entry["id"])] = str(entry["name"])
    return names


def other_words(entries: list[dict[str, Any]]) -> tuple[dict[str, list[str]], dict[str, list[str]]]:
    """Synonyms (LVIS gives them) and hypernyms (the supercategory), by category name."""
    synonyms, hypernyms = {}, {}
    shared = all(entry.get("supercategory") == entries[0].get("supercategory") for entry in entries)
    for entry in entries:
        name, wider, given = entry["name"], entry.get("supercategory"), entry.get("synonyms")
        words = [str(word).replace("_", " ") for word in given] if isinstance(given, list) else []
        if others := [word for word in words if word != name.replace("_", " ") and is_unicode(word)]:
            synonyms[name] = others
        if not shared and isinstance(wider, str) and wider not in ("", "none", name) and is_unicode(wider):
            hypernyms[name] = [wider]
    return synonyms, hypernyms


def read_objects(
    entries: list[Any],
    pictures: dict[str, Picture],
    names: dict[str, str],
    problems: Problems,
    what: str = "annotation",
) -> pd.DataFrame:
    """The table `Source.objects`; boxes without area are not in it, and what is wrong with an entry is noted."""
    rows = []
    for position, entry in enumerate(entries):
        if lacks(entry, ("id", "image_id", "category_id", "bbox"), f"{what}s[{position}]", problems):
            continue
        where = f"{what} {entry['id']}"
        picture, category = pictures.get(str(entry["image_id"])), names.get(str(entry["category_id"]))
        if picture is None:
            problems.add(f"{where} is on the image {entry['image_id']}, which 'images' does not list")
        elif category is None:
            problems.add(f"{where} has the category {entry['category_id']}, which 'categories' does not list")
        else:
            try:
                box = read_box(entry["bbox"], picture.width, picture.height)
                attributes = attribute_text(entry.get("attributes"))
            except ValueError as error:
                problems.add(f"{where} on image {picture.image_id} {error}")
                continue
            if box:
                row = (picture.image_id, *box, category, attributes, bool(entry.get("iscrowd")))
                rows.append((*row, picture.width, picture.height))
    return object_table(rows)


def attribute_text(value: Any) -> str:
    """An annotation's attributes as JSON text with sorted keys; ``color`` is stored as ``colour``.

    Raises:
        ValueError: they are no object, or hold what JSON cannot.
    """
    if value is not None and not isinstance(value, dict):
        raise ValueError(f"has the attributes {value!r}, which must be an object {{name: value}}")
    if not value:
        return "{}"
    spelled = {"colour" if key == "color" else key: entry for key, entry in value.items()}
    try:
        text = json.dumps(spelled, sort_keys=True, ensure_ascii=False, allow_nan=False)
        text.encode()
    except ValueError:
        raise ValueError("has attributes with a NaN or text that is not valid Unicode") from None
    return text
