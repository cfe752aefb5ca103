"""nuImages (`data.kind: nuimages`): the JSON tables of one version folder, such as ``v1.0-mini``.

Read are sample_data (the camera images), object_ann (their boxes), category, attribute and, where it is there,
surface_ann. The other tables (log, sample, sensor, calibration, ego pose) say when and how an image was taken, which
nothing here needs. nuscenes-devkit is not used: it wants OpenCV, scikit-learn and a Jupyter notebook to read JSON.
"""

from __future__ import annotations

import math
import posixpath
from pathlib import Path
from typing import Any, NamedTuple

from for_retrieval.errors import ForError
from for_retrieval.files import read_json
from for_retrieval.records.images import EXTENSIONS, shown
from for_retrieval.records.readers.annotations import Problems, lacks, leaves, number, object_table, read_box
from for_retrieval.records.readers.coco import Picture, attribute_text, picture_table
from for_retrieval.records.records import Source


class Words(NamedTuple):
    """The query word of a category, other words for the same, and words for more than it."""

    word: str
    synonyms: tuple[str, ...] = ()
    hypernyms: tuple[str, ...] = ()


SURFACES = ("flat.driveable_surface", "vehicle.ego")  # masks without boxes

WORDS = {
    "animal": Words("animal"),
    "human.pedestrian.adult": Words("adult", ("grown-up",), ("pedestrian", "person")),
    "human.pedestrian.child": Words("child", ("kid",), ("pedestrian", "person")),
    "human.pedestrian.construction_worker": Words("construction worker", ("road worker",), ("pedestrian", "person")),
    "human.pedestrian.personal_mobility": Words("kick scooter", ("personal mobility device",)),
    "human.pedestrian.police_officer": Words("police officer", ("policeman",), ("pedestrian", "person")),
    "human.pedestrian.stroller": Words("stroller", ("pram", "baby carriage")),
    "human.pedestrian.wheelchair": Words("wheelchair"),
    "movable_object.barrier": Words("barrier", ("road barrier",)),
    "movable_object.debris": Words("debris", ("rubble",)),
    "movable_object.pushable_pullable": Words("pushcart", ("handcart",)),
    "movable_object.trafficcone": Words("traffic cone", ("pylon",)),
    "static_object.bicycle_rack": Words("bicycle rack", ("bike rack",)),
    "vehicle.bicycle": Words("bicycle", ("bike",), ("two-wheeler",)),
    "vehicle.bus.bendy": Words("articulated bus", ("bendy bus",), ("bus", "vehicle")),
    "vehicle.bus.rigid": Words("rigid bus", (), ("bus", "vehicle")),
    "vehicle.car": Words("car", ("automobile",), ("vehicle",)),
    "vehicle.construction": Words("construction vehicle", ("construction machine",), ("vehicle",)),
    "vehicle.emergency.ambulance": Words("ambulance", (), ("emergency vehicle", "vehicle")),
    "vehicle.emergency.police": Words("police car", ("patrol car",), ("emergency vehicle", "vehicle")),
    "vehicle.motorcycle": Words("motorcycle", ("motorbike",), ("two-wheeler",)),
    "vehicle.trailer": Words("trailer", (), ("vehicle",)),
    "vehicle.truck": Words("truck", ("lorry",), ("vehicle",)),
}


_CHECK = "check data.annotations in params.yaml"


def read_nuimages(folder: Path) -> Source:
    """Read the annotated key frames of a version folder; paths start at the folder above it, ids are its tokens.

    Frames between the key frames have no annotations and are passed over. A key frame without any, as all of the test
    version, is left out and counted. Attributes such as ``vehicle.parked`` become ``{"vehicle": "parked"}``.

    Raises:
        ForError: a table is missing or no JSON, or entries contradict each other.
    """
    tables = {name: _table(folder, name) for name in ("sample_data", "object_ann", "category", "attribute")}
    surfaces = _table(folder, "surface_ann") if (folder / "surface_ann.json").exists() else []
    problems = Problems()
    frames = _frames(tables["sample_data"], problems)
    categories = _named(tables["category"], "category", problems)
    attributes = _named(tables["attribute"], "attribute", problems)
    rows = _rows(tables["object_ann"], frames, categories, attributes, problems)
    problems.raise_first(folder, "folder")
    entries = [entry for entry in [*tables["object_ann"], *surfaces] if isinstance(entry, dict)]
    annotated = {str(entry.get("sample_data_token")) for entry in entries}
    kept = {token: frame for token, frame in frames.items() if token in annotated}
    if not kept:
        raise ForError(f"{shown(folder)} has no annotated key frames; name a version with annotations, as v1.0-train")
    words = [words_of(name) for name in categories.values() if name not in SURFACES]
    return Source(
        picture_table(kept),
        objects := object_table(rows),
        list(dict.fromkeys(entry.word for entry in words)),
        {entry.word: list(entry.synonyms) for entry in words if entry.synonyms},
        {entry.word: list(entry.hypernyms) for entry in words if entry.hypernyms},
        dropped={
            "zero_area_boxes": len(tables["object_ann"]) - len(objects),
            "key_frames_without_annotations": len(frames) - len(kept),
        },
    )


def words_of(name: str) -> Words:
    """What to ask for a category: from the table, or else the last part of its name."""
    return WORDS.get(name) or Words(name.rsplit(".", 1)[-1].replace("_", " "))


def _table(folder: Path, name: str) -> list[Any]:
    path = folder / f"{name}.json"
    if not path.is_file():
        raise ForError(f"the nuImages table {shown(path)} does not exist; {_CHECK}")
    content = read_json(path, _CHECK)
    if not isinstance(content, list):
        raise ForError(f"{shown(path)} must hold a list of entries; {_CHECK}")
    return content


def _named(entries: list[Any], table: str, problems: Problems) -> dict[str, str]:
    """Token -> name."""
    names: dict[str, str] = {}
    for position, entry in enumerate(entries):
        if not lacks(entry, ("token", "name"), f"{table}[{position}]", problems):
            names[str(entry["token"])] = str(entry["name"])
    return names


def _frames(entries: list[Any], problems: Problems) -> dict[str, Picture]:
    """Token -> key frame of a camera."""
    frames: dict[str, Picture] = {}
    for position, entry in enumerate(entries):
        where = f"sample_data[{position}]"
        if isinstance(entry, dict) and entry.get("is_key_frame") is False:
            continue
        if lacks(entry, ("token", "filename", "is_key_frame"), where, problems):
            continue
        token, path = str(entry["token"]), posixpath.normpath(str(entry["filename"]))
        width, height = number(entry.get("width")), number(entry.get("height"))
        if not path.lower().endswith(EXTENSIONS):
            continue  # a point cloud
        if leaves(path):
            problems.add(f"sample_data {token} has the filename {path!r}, which leaves the image folder")
        elif token in frames:
            problems.add(f"the sample_data token {token} is given twice")
        elif min(width, height) >= 1 and max(width, height) < 2**31 and width % 1 == height % 1 == 0:
            frames[token] = Picture(token, path, int(width), int(height))
        else:
            size = f"{entry.get('width')!r} x {entry.get('height')!r}"
            problems.add(f"sample_data {token} has the size {size}, which must be two whole numbers above 0")
    return frames


def _rows(
    entries: list[Any],
    frames: dict[str, Picture],
    categories: dict[str, str],
    attributes: dict[str, str],
    problems: Problems,
) -> list[tuple[Any, ...]]:
    rows = []
    for position, entry in enumerate(entries):
        if lacks(entry, ("token", "sample_data_token", "category_token", "bbox"), f"object_ann[{position}]", problems):
            continue
        where, frame = f"object_ann {entry['token']}", frames.get(str(entry["sample_data_token"]))
        category = categories.get(str(entry["category_token"]))
        if frame is None:
            problems.add(f"{where} is on {entry['sample_data_token']}, which is no key frame of sample_data")
        elif category is None:
            problems.add(f"{where} has the category_token {entry['category_token']}, which category does not list")
        else:
            try:
                box = read_box(_as_coco(entry["bbox"]), frame.width, frame.height)
                said = attribute_text(_attributes(entry.get("attribute_tokens"), attributes))
            except ValueError as error:
                problems.add(f"{where} on {frame.path} {error}")
                continue
            if box:
                rows.append((frame.image_id, *box, words_of(category).word, said, False, frame.width, frame.height))
    return rows


def _as_coco(value: Any) -> Any:
    """[xmin, ymin, xmax, ymax] as [x, y, w, h]; anything else stays, for `read_box` to refuse.

    Raises:
        ValueError: it ends before it starts.
    """
    left, top, right, bottom = map(number, value) if isinstance(value, list) and len(value) == 4 else [math.nan] * 4
    if not all(map(math.isfinite, (left, top, right, bottom))):
        return value
    if right < left or bottom < top:
        raise ValueError(f"has the bbox {value!r}, whose end is before its start")
    return [left, top, right - left, bottom - top]


def _attributes(tokens: Any, names: dict[str, str]) -> dict[str, Any]:
    """``vehicle.parked`` -> {"vehicle": "parked"}; several of one kind become a list."""
    if tokens is not None and not isinstance(tokens, list):
        raise ValueError(f"has the attribute_tokens {tokens!r}, which must be a list")
    found: dict[str, list[str]] = {}
    for token in tokens or []:
        if str(token) not in names:
            raise ValueError(f"has the attribute_token {shown(str(token))}, which attribute does not list")
        kind, _, value = names[str(token)].rpartition(".")
        found.setdefault(kind or value, []).append(value)
    return {kind: values[0] if len(values) == 1 else sorted(values) for kind, values in found.items()}
