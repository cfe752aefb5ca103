"""What the readers share: the list of problems, boxes, and sets that come in parts."""

from __future__ import annotations

import dataclasses
import math
import posixpath
from collections import Counter
from collections.abc import Mapping
from pathlib import Path, PurePosixPath
from typing import Any

import numpy as np
import pandas as pd

from for_retrieval.errors import ForError
from for_retrieval.records.images import shown
from for_retrieval.records.records import OBJECT_COLUMNS, Source


class Problems:
    """Keeps the first problem and counts the others, so that one run tells how bad it is."""

    def __init__(self) -> None:
        self.first = ""
        self.count = 0

    def add(self, sentence: str) -> None:
        """Note a problem; `sentence` names the entry and has no full stop."""
        self.first = self.first or sentence
        self.count += 1

    def raise_first(self, path: Path, what: str = "file") -> None:
        """End the reading of `path` (a file, or a folder of files) if there was a problem.

        Raises:
            ForError: there was.
        """
        if self.count:
            others = f" ({self.count - 1} more problems in this {what})" if self.count > 1 else ""
            raise ForError(f"{shown(path)}: {self.first}; correct the file{others}")


def lacks(entry: Any, keys: tuple[str, ...], where: str, problems: Problems) -> bool:
    """Whether `entry` lacks a key, or holds text there that no file could hold; both are noted."""
    for key in keys:
        if not isinstance(entry, dict) or entry.get(key) is None:
            problems.add(f"{where} lacks the key {key!r}")
            return True
        if isinstance(entry[key], str) and not is_unicode(entry[key]):
            problems.add(f"{where} holds {entry[key]!a} as {key!r}, which is not valid Unicode")
            return True
    return False


def is_unicode(text: str) -> bool:
    """Whether `text` can be written to a file; JSON can hold halves of characters, which cannot."""
    try:
        text.encode()
    except UnicodeEncodeError:
        return False
    return True


def there(path: Path) -> bool:
    """Whether a file or folder is there; a name that no file can have, too long for example, is not."""
    try:
        return path.exists()
    except (OSError, ValueError):
        return False


def leaves(name: str) -> bool:
    """Whether a normalised posix path leads out of the folder it starts from, or is that folder."""
    return name in ("", ".") or "\0" in name or name.startswith("/") or ".." in PurePosixPath(name).parts


SLACK = 1.0  # px that a box may stick out: exporters round; more means that it belongs to another size

Box = tuple[float, float, float, float]


def number(value: Any) -> float:
    """`value` as a float; NaN where it is no number or too large for one."""
    try:
        return float(value) if isinstance(value, int | float) and not isinstance(value, bool) else math.nan
    except OverflowError:
        return math.nan


def read_box(value: Any, width: int, height: int) -> Box | None:
    """A box [x, y, w, h] in px, clipped to an image of `width` x `height`; None where it has no area.

    Raises:
        ValueError: not four finite numbers, a negative size, or more than `SLACK` px outside.
    """
    x, y, w, h = map(number, value) if isinstance(value, list) and len(value) == 4 else [math.nan] * 4
    if not all(map(math.isfinite, (x, y, w, h))):
        raise ValueError(f"has the bbox {value!r}, which must be four finite numbers [x, y, w, h]")
    if w < 0 or h < 0:
        raise ValueError(f"has the bbox {value!r}, whose width or height is negative")
    if w == 0 or h == 0:
        return None
    left, top, right, bottom = max(x, 0.0), max(y, 0.0), min(x + w, width), min(y + h, height)
    out = max(left - x, top - y, x + w - right, y + h - bottom)
    if out > SLACK or x >= width or y >= height or x + w <= 0 or y + h <= 0:
        raise ValueError(f"has the bbox {value!r}, which lies outside its image of {width} x {height} px")
    return left, top, right - left, bottom - top


def round_inside(boxes: pd.DataFrame) -> pd.DataFrame:
    """Float32 columns x, y, w, h of which x + w and y + h do not pass the columns width and height.

    Plain rounding would leave some boxes a rounding step outside. Boxes that vanish are left out.
    """
    boxes = boxes.astype(dict.fromkeys("xywh", "float32"))
    for start, length, end in (("x", "w", "width"), ("y", "h", "height")):
        boxes[length] = np.minimum(boxes[length], boxes[end].astype("float32") - boxes[start])
    return boxes[(boxes["w"] > 0) & (boxes["h"] > 0)]


def object_table(rows: list[tuple[Any, ...]]) -> pd.DataFrame:
    """The table `Source.objects` of rows in the order of OBJECT_COLUMNS, each followed by its image's width, height."""
    table = pd.DataFrame(rows, columns=[*OBJECT_COLUMNS, "width", "height"])
    return round_inside(table)[list(OBJECT_COLUMNS)].astype(OBJECT_COLUMNS)


def join_parts(sources: Mapping[str, Source], folders: Mapping[str, str]) -> Source:
    """One `Source` of several, by the part (train, val or test) that each is.

    folders: part -> where its images lie, below the image folder of the set; those of other parts lie in it itself.
    Image ids stay as they are, unless two parts use the same one: then all get their part before them (``val/12``).
    """
    ids = Counter(image_id for source in sources.values() for image_id in source.images["image_id"])
    clash = any(count > 1 for count in ids.values())
    moved = {
        part: _placed(source, folders.get(part, "."), f"{part}/" if clash else "") for part, source in sources.items()
    }
    negatives = [source.negatives for source in moved.values() if source.negatives is not None]
    dropped: dict[str, int] = {}
    synonyms: dict[str, list[str]] = {}
    hypernyms: dict[str, list[str]] = {}
    group_of: dict[str, str] = {}  # the first part decides
    for source in moved.values():
        dropped = {key: dropped.get(key, 0) + source.dropped.get(key, 0) for key in [*dropped, *source.dropped]}
        synonyms, hypernyms = {**source.synonyms, **synonyms}, {**source.hypernyms, **hypernyms}
        group_of = {name: group for group, names in source.groups.items() for name in names} | group_of
    categories = list(dict.fromkeys(name for source in moved.values() for name in source.categories))
    groups = dict.fromkeys(group for source in moved.values() for group in source.groups)
    return Source(
        images=pd.concat([source.images for source in moved.values()], ignore_index=True),
        objects=pd.concat([source.objects for source in moved.values()], ignore_index=True),
        categories=categories,
        synonyms=synonyms,
        hypernyms=hypernyms,
        broken=[entry for source in moved.values() for entry in source.broken],
        dropped=dropped,
        parts={image_id: part for part, source in moved.items() for image_id in source.images["image_id"]},
        groups={group: [name for name in categories if group_of.get(name) == group] for group in groups},
        negatives=pd.concat(negatives, ignore_index=True) if negatives else None,
        captions={image_id: text for source in moved.values() for image_id, text in source.captions.items()},
    )


def _placed(source: Source, folder: str, prefix: str) -> Source:
    """The source with `folder` before every path, and `prefix` before every image id."""
    paths = [posixpath.normpath(posixpath.join(folder, path)) for path in source.images["path"]]
    negatives = source.negatives
    if negatives is not None:
        negatives = negatives.assign(image_id=prefix + negatives["image_id"])
    return dataclasses.replace(
        source,
        images=source.images.assign(image_id=prefix + source.images["image_id"], path=paths),
        objects=source.objects.assign(image_id=prefix + source.objects["image_id"]),
        negatives=negatives,
        captions={prefix + image_id: text for image_id, text in source.captions.items()},
        broken=[
            {**entry, "path": posixpath.normpath(posixpath.join(folder, entry["path"]))} for entry in source.broken
        ],
    )
