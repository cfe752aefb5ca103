"""What a reader finds in annotation files: pictures, objects and words, checked; and what is wrong with them."""

from __future__ import annotations

import json
import math
import posixpath
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from functools import cached_property
from pathlib import Path, PurePosixPath
from typing import Any, NamedTuple

import numpy as np
import pandas as pd

from for_retrieval.errors import ForError, printable
from for_retrieval.records.records import OBJECT_COLUMNS

CHECK = "check data.annotations in params.yaml"
LARGEST = 10_000_000  # bytes of a text file that is about one image
SLACK = 1.0  # px that a box may extend past its image: exporters round; more means a wrong image size

Box = tuple[float, float, float, float]


class Picture(NamedTuple):
    """An image as the annotations list it. path: below the image folder. width, height: px, 0 if not listed."""

    image_id: str
    path: str
    width: int
    height: int


class Source:
    """A set as its annotations describe it, before any image is decoded. A reader adds what it finds.

    The first problem is kept and the others are counted, so that one run shows how bad the data is.
    """

    def __init__(self, path: Path, what: str = "file") -> None:
        """An empty source, to be read from `path`; `what` is the word for it in messages."""
        self.categories: list[str] = []  # in order
        self.synonyms: dict[str, list[str]] = {}
        self.hypernyms: dict[str, list[str]] = {}
        self.groups: dict[str, list[str]] = {}  # group, such as ``rare``, -> its categories
        self.broken: list[dict[str, str]] = []  # files already known to be unusable, as {path, reason}
        self.dropped: Counter[str] = Counter()  # counts of what was left out, by reason
        self.parts: dict[str, str] | None = None  # image id -> train, val or test, if the format has parts
        self.absent: list[tuple[str, str]] | None = None  # image id, category: not found; None: all were looked for
        self.captions: dict[str, str] = {}  # image id -> a text about the image
        self.pictures: dict[str, Picture] = {}
        self.rows: list[tuple[Any, ...]] = []  # OBJECT_COLUMNS, then width and height of the image
        self._path, self._what = path, what
        self._problem, self._problems = "", 0
        self._owners: dict[str, str] = {}  # path of a picture -> its entry

    @property
    def images(self) -> pd.DataFrame:
        """The pictures as a table: image_id, path, width, height."""
        return pd.DataFrame(self.pictures.values(), columns=Picture._fields)

    @cached_property
    def objects(self) -> pd.DataFrame:
        """The objects as a table with the columns of OBJECT_COLUMNS, boxes inside their images."""
        table = pd.DataFrame(self.rows, columns=[*OBJECT_COLUMNS, "width", "height"])
        return round_inside(table)[list(OBJECT_COLUMNS)].astype(OBJECT_COLUMNS)

    def problem(self, sentence: str) -> None:
        """Note a problem; `sentence` names the entry and has no full stop."""
        self._problem = self._problem or sentence
        self._problems += 1

    def raise_first(self) -> None:
        """Raise a ForError with the first problem and the number of others, if there was one."""
        if self._problems:
            others = f" ({self._problems - 1} more problems in this {self._what})" if self._problems > 1 else ""
            raise ForError(f"{printable(self._path)}: {self._problem}; correct the file{others}")

    @contextmanager
    def problems_of(self, where: str) -> Iterator[None]:
        """Note a ValueError, whose message follows `where`, as a problem."""
        try:
            yield
        except ValueError as error:
            self.problem(f"{where} {'is not text in UTF-8' if isinstance(error, UnicodeDecodeError) else error}")

    @staticmethod
    def read_bytes(path: Path) -> bytes:
        """The content of a file; ValueError, to follow its name, if it cannot be read or is larger than `LARGEST`."""
        try:
            if path.stat().st_size <= LARGEST:
                return path.read_bytes()
        except OSError as error:
            raise ValueError(f"cannot be read ({error.strerror})") from None
        raise ValueError(f"has more than {LARGEST} bytes, which no annotation of an image has")

    def complete(self, entries: list[Any], keys: tuple[str, ...], name: str) -> Iterator[tuple[str, dict[str, Any]]]:
        """Place and entry of the JSON objects in the list `name` that have all `keys`; others are problems."""
        for where, entry in ((f"{name}[{n}]", entry) for n, entry in enumerate(entries)):
            for key in keys:
                if not isinstance(entry, dict) or entry.get(key) is None:
                    self.problem(f"{where} lacks the key {key!r}")
                    break
                if isinstance(entry[key], str) and not is_unicode(entry[key]):
                    self.problem(f"{where} has {entry[key]!a} as {key!r}, which is not valid Unicode")
                    break
            else:
                yield where, entry

    def add_picture(self, image_id: str, name: Any, width: Any, height: Any, where: str, key: str) -> None:
        """Add a picture that the entry `where` describes; its file is named at `key`."""
        path = posixpath.normpath(str(name))
        sides = number(width), number(height)
        if image_id in self.pictures:
            self.problem(f"{where} is listed twice")
        elif leaves(path):
            self.problem(f"{where} has the {key} {path!r}, which is not inside the image folder")
        elif path in self._owners:
            self.problem(f"{self._owners[path]} and {where} share the {key} {path!r}")
        elif min(sides) >= 1 and max(sides) < 2**31 and sides[0] % 1 == sides[1] % 1 == 0:
            self.pictures[image_id] = Picture(image_id, path, int(sides[0]), int(sides[1]))
            self._owners[path] = where
        else:
            self.problem(f"{where} has the size {width!r} x {height!r}, which must be two whole numbers above 0")

    def add_object(
        self, where: str, image_id: str, box: Any, category: str, attributes: Any = None, crowd: bool = False
    ) -> None:
        """Add an object on a picture that was added. box: [x, y, w, h] in px; without area it is only counted."""
        picture = self.pictures[image_id]
        with self.problems_of(where):
            found, text = read_box(box, picture.width, picture.height), attribute_text(attributes)
            if found:
                self.rows.append((image_id, *found, category, text, crowd, picture.width, picture.height))
            else:
                self.dropped["zero_area_boxes"] += 1

    def finished(self, categories: Iterable[str] | None = None, **dropped: int) -> Source:
        """This source, complete, with `categories` or those of its objects; ForError if there was a problem."""
        self.raise_first()
        self.categories = sorted({row[5] for row in self.rows}) if categories is None else [*dict.fromkeys(categories)]
        self.dropped["zero_area_boxes"] += len(self.rows) - len(self.objects)  # without area only in float32
        self.dropped.update(dropped)
        return self


def join(sources: Mapping[str, Source], folders: Mapping[str, str]) -> Source:
    """One source of several, by part (train, val or test); folders: where images of a part lie, if not in that of all.

    Image ids are kept, unless two parts share one: then all ids get their part as a prefix (``val/12``). Of words and
    groups that differ, those of the first part count.
    """
    clash = max(Counter(i for source in sources.values() for i in source.pictures).values(), default=0) > 1
    whole = Source(Path())
    whole.parts = {}
    group_of: dict[str, str] = {}
    for part, source in sources.items():
        before, folder = f"{part}/" if clash else "", folders.get(part, ".")
        for image_id, picture in source.pictures.items():
            key, place = before + image_id, posixpath.normpath(f"{folder}/{picture.path}")
            whole.pictures[key], whole.parts[key] = picture._replace(image_id=key, path=place), part
        whole.rows += [(before + image_id, *row) for image_id, *row in source.rows]
        whole.captions |= {before + image_id: text for image_id, text in source.captions.items()}
        if source.absent is not None:
            whole.absent = (whole.absent or []) + [(before + image_id, name) for image_id, name in source.absent]
        whole.broken += [{**entry, "path": posixpath.normpath(f"{folder}/{entry['path']}")} for entry in source.broken]
        whole.dropped.update(source.dropped)
        whole.synonyms, whole.hypernyms = source.synonyms | whole.synonyms, source.hypernyms | whole.hypernyms
        group_of = {name: group for group, names in source.groups.items() for name in names} | group_of
        whole.groups |= {group: [] for group in source.groups}
    whole.categories = list(dict.fromkeys(name for source in sources.values() for name in source.categories))
    whole.groups = {group: [n for n in whole.categories if group_of.get(n) == group] for group in whole.groups}
    return whole


def is_unicode(text: str) -> bool:
    """Whether `text` can be encoded; JSON can hold lone surrogates, which cannot."""
    return text == text.encode(errors="ignore").decode()


def leaves(name: str) -> bool:
    """Whether a normalised posix path leads out of the folder it starts from, or is that folder."""
    return name in ("", ".") or "\0" in name or name.startswith("/") or ".." in PurePosixPath(name).parts


def number(value: Any) -> float:
    """`value` as a float; NaN if it is not a number, or too large for a float."""
    try:
        return float(value) if isinstance(value, int | float) and not isinstance(value, bool) else math.nan
    except OverflowError:
        return math.nan


def _four(value: Any) -> Box:
    numbers = tuple(map(number, value)) if isinstance(value, list) else ()
    if len(numbers) != 4 or not all(map(math.isfinite, numbers)):
        raise ValueError(f"has the box {value!r}, which must be four finite numbers")
    return numbers


def read_box(value: Any, width: int, height: int) -> Box | None:
    """A box [x, y, w, h] in px, clipped to an image of `width` x `height`; None if it has no area.

    Raises ValueError: not four finite numbers, a negative size, or more than `SLACK` px outside the image.
    """
    x, y, w, h = _four(value)
    if w < 0 or h < 0:
        raise ValueError(f"has the box {value!r}, whose width or height is negative")
    if w == 0 or h == 0:
        return None
    left, top, right, bottom = max(x, 0.0), max(y, 0.0), min(x + w, width), min(y + h, height)
    out = max(left - x, top - y, x + w - right, y + h - bottom)
    if out > SLACK or x >= width or y >= height or x + w <= 0 or y + h <= 0:
        raise ValueError(f"has the box {value!r}, which lies outside its image of {width} x {height} px")
    return left, top, right - left, bottom - top


def from_corners(value: Any) -> list[float]:
    """A box [xmin, ymin, xmax, ymax] as [x, y, w, h]; ValueError if they are not four finite numbers in order."""
    left, top, right, bottom = _four(value)
    if right < left or bottom < top:
        raise ValueError(f"has the box {value!r}, whose end is before its start")
    return [left, top, right - left, bottom - top]


def attribute_text(value: Any) -> str:
    """Attributes as JSON text with sorted keys, ``color`` as ``colour``; ValueError if they are not a JSON object."""
    if value is not None and not isinstance(value, dict):
        raise ValueError(f"has the attributes {value!r}, which must be an object {{name: value}}")
    spelled = {"colour" if key == "color" else key: entry for key, entry in (value or {}).items()}
    try:
        return json.dumps(spelled, sort_keys=True, ensure_ascii=False, allow_nan=False).encode().decode()
    except ValueError:
        raise ValueError("has attributes with a NaN or text that is not valid Unicode") from None


def round_inside(boxes: pd.DataFrame) -> pd.DataFrame:
    """Boxes as float32 that end inside their width and height in spite of rounding; those without area are dropped."""
    boxes = boxes.astype(dict.fromkeys("xywh", "float32"))
    for start, length, end in (("x", "w", "width"), ("y", "h", "height")):
        boxes[length] = np.minimum(boxes[length], boxes[end].astype("float32") - boxes[start])
    return boxes[(boxes["w"] > 0) & (boxes["h"] > 0)]


def read_lines(path: Path, what: str) -> list[str]:
    """The lines, stripped, of a text file with one `what` per line; ForError if it cannot be read or is not UTF-8."""
    try:
        return [line.strip() for line in path.read_text(encoding="utf-8").splitlines()]
    except (OSError, UnicodeDecodeError) as error:
        raise ForError(f"{printable(path)} cannot be read ({error}); it must list one {what} per line") from None
