"""YOLO as Ultralytics lays it out (`data.kind: yolo`): data.yaml, images/ and labels/ with a text file an image.

ultralytics is not used: it brings a training framework, is under the AGPL, and skips what it cannot read.
"""

from __future__ import annotations

import math
import posixpath
from pathlib import Path
from typing import Any

import yaml

from for_retrieval.data.boxes import object_table
from for_retrieval.data.coco import Picture, picture_table
from for_retrieval.data.images import shown, upright_size
from for_retrieval.data.problems import Problems, is_unicode, there
from for_retrieval.data.records import Source
from for_retrieval.data.yolo_lists import image_paths
from for_retrieval.errors import ForError

_CHECK = "check data.annotations in params.yaml"
_LARGEST = 10_000_000  # bytes of a text file
_OVER = 0.01  # how far a share may be past 0 or 1: exporters round


def read_yolo(path: Path) -> Source:
    """Read the images that a data.yaml names, and their labels; an image's id is its path below the yaml's folder.

    A label is ``class x y w h`` or ``class x1 y1 x2 y2 ...`` (an outline, of which the enclosing box is taken), as
    shares of the image. Boxes are cut at the image's edge. An image without a label file shows none of the categories,
    as YOLO has it. An image in several parts counts for the first.

    Raises:
        ForError: no such file, no names or images in it, or labels that are wrong.
    """
    content = read_config(path)
    names = _names(content, path)
    parts, broken = image_paths(content, path)
    outlines = content.get("kpt_shape") is None  # with key points, what follows the box is no outline
    problems = Problems()
    pictures: dict[str, Picture] = {}
    rows: list[tuple[Any, ...]] = []
    found = boxes = 0
    for name in parts:
        width, height = upright_size(path.parent / name) or (0, 0)
        pictures[name] = Picture(name, name, width, height)
        labels = path.parent / label_path(name)
        if not there(labels):
            continue
        found += 1
        for number, line in enumerate(_lines(labels, problems), 1):
            if not line.split():
                continue
            boxes += 1
            try:
                category, box = _label(line, names, outlines)
            except ValueError as error:
                problems.add(f"line {number} of {shown(label_path(name))} {error}")
                continue
            x, y, w, h = (share * side for share, side in zip(box, (width, height) * 2, strict=True))
            if w > 0 and h > 0:
                rows.append((name, x, y, w, h, category, "{}", False, width, height))
            elif not width:
                boxes -= 1  # of an image that cannot be read, which is told elsewhere
    problems.raise_first(path, "set")
    if not found:
        first = shown(label_path(next(iter(parts))))
        raise ForError(f"no image of {shown(path)} has a label file ({first} for the first); {_CHECK}")
    objects = object_table(rows)
    dropped = {"zero_area_boxes": boxes - len(objects)}
    categories = list(dict.fromkeys(names.values()))
    return Source(picture_table(pictures), objects, categories, broken=broken, dropped=dropped, parts=parts)


def read_config(path: Path) -> dict[str, Any]:
    """The content of a data.yaml.

    Raises:
        ForError: it does not exist, or is no YAML with keys.
    """
    if not path.is_file():
        raise ForError(f"the annotation file {shown(path)} does not exist; {_CHECK}")
    try:
        if path.stat().st_size > _LARGEST:
            raise ForError(f"{shown(path)} has more than {_LARGEST} bytes, which no data.yaml has; {_CHECK}")
        content = yaml.safe_load(path.read_text(encoding="utf-8"))
    except (yaml.YAMLError, UnicodeDecodeError, RecursionError, ValueError) as error:
        raise ForError(f"{shown(path)} is not valid YAML ({' '.join(str(error).split())}); {_CHECK}") from None
    except OSError as error:
        raise ForError(f"{shown(path)} cannot be read ({error.strerror}); {_CHECK}") from None
    if not isinstance(content, dict):
        raise ForError(f"{shown(path)} has no keys 'names' and 'train', which a YOLO data.yaml needs; {_CHECK}")
    return content


def label_path(name: str) -> str:
    """``images/train/a.jpg`` -> ``labels/train/a.txt``; beside the image where no folder is called images."""
    before, found, after = f"/{name}".rpartition("/images/")
    moved = f"{before}/labels/{after}" if found else f"/{name}"
    return posixpath.splitext(moved)[0].removeprefix("/") + ".txt"


def _names(content: dict[str, Any], path: Path) -> dict[int, str]:
    """Class number -> name."""
    given = content.get("names")
    pairs = dict(enumerate(given)) if isinstance(given, list) else given
    if not isinstance(pairs, dict) or not pairs:
        raise ForError(f"{shown(path)} has no 'names', a list or number: name; {_CHECK}")
    for number, name in pairs.items():
        if not isinstance(number, int) or isinstance(number, bool) or number < 0:
            raise ForError(f"{shown(path)} has the class number {number!r} in 'names'; it must be 0 or more")
        if not isinstance(name, str | int | float) or not str(name).strip() or not is_unicode(str(name)):
            raise ForError(f"{shown(path)} has the name {name!a} for class {number}, which must be a word")
    return {number: str(name).strip() for number, name in pairs.items()}


def _lines(path: Path, problems: Problems) -> list[str]:
    try:
        if path.stat().st_size > _LARGEST:
            problems.add(f"{shown(path.name)} has more than {_LARGEST} bytes")
            return []
        return path.read_text(encoding="utf-8").splitlines()
    except UnicodeDecodeError:
        problems.add(f"{shown(path.name)} is not text in UTF-8")
    except OSError as error:
        problems.add(f"{shown(path.name)} cannot be read ({error.strerror})")
    return []


def _label(line: str, names: dict[int, str], outlines: bool) -> tuple[str, tuple[float, float, float, float]]:
    """Category and box [x, y, w, h] as shares of the image, cut at its edge.

    Raises:
        ValueError: the line is no label.
    """
    words = line.split()
    try:
        number, *values = map(float, words)
    except ValueError:
        raise ValueError(f"is {line[:60]!r}, which must be numbers") from None
    if number not in names:
        raise ValueError(f"has the class {words[0]}, which 'names' does not list")
    if not outlines:
        values = values[:4]
    if len(values) != 4 and (len(values) < 6 or len(values) % 2):
        raise ValueError(f"has {len(words)} columns, where a box has 5 and an outline an odd number from 7 on")
    if not all(math.isfinite(value) and -_OVER <= value <= 1 + _OVER for value in values):
        raise ValueError(f"has the values {line[:60]!r}, which must be shares of the image, from 0 to 1")
    if len(values) == 4:
        x, y, w, h = values
        left, top, right, bottom = x - w / 2, y - h / 2, x + w / 2, y + h / 2
    else:
        left, top, right, bottom = min(values[::2]), min(values[1::2]), max(values[::2]), max(values[1::2])
    left, top, right, bottom = max(left, 0.0), max(top, 0.0), min(right, 1.0), min(bottom, 1.0)
    return names[int(number)], (left, top, right - left, bottom - top)
