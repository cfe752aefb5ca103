"""nuImages (`data.kind: nuimages`): the JSON tables of one version folder, such as ``v1.0-mini``.

Read are sample_data (the camera images), object_ann (their boxes), category, attribute and, if present, surface_ann.
The other tables (log, sample, sensor, calibration, ego pose) are about time and place and not needed. nuscenes-devkit
is not used: it needs OpenCV, scikit-learn and Jupyter to read JSON.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any, NamedTuple

from for_retrieval.errors import ForError, printable
from for_retrieval.files import read_json
from for_retrieval.records.images import EXTENSIONS
from for_retrieval.records.readers.format import Format, Place, annotated, by_part, only
from for_retrieval.records.readers.source import CHECK, Source, from_corners


class Words(NamedTuple):
    """The word to ask for a category, other words for the same thing, and words for wider categories."""

    word: str
    synonyms: Sequence[str] = ()
    hypernyms: Sequence[str] = ()


SURFACES = ("flat.driveable_surface", "vehicle.ego")  # masks without boxes
_OBJECT_KEYS = ("token", "sample_data_token", "category_token", "bbox")
# Category -> its words, of all 23 categories.
WORDS = {name: Words(**entry) for name, entry in read_json(Path(__file__).with_name("nuimages.json")).items()}


def read_nuimages(folder: Path) -> Source:
    """Read the annotated key frames of a version folder; paths start at the folder above it, ids are its tokens.

    Frames between the key frames are skipped; a key frame without annotations, as all of the test version, is counted.
    Attributes such as ``vehicle.parked`` become ``{"vehicle": "parked"}``. Raises ForError: a table is missing or bad.
    """
    tables = {name: _table(folder, name) for name in ("sample_data", "object_ann", "category", "attribute")}
    surfaces = _table(folder, "surface_ann") if (folder / "surface_ann.json").exists() else []
    found = Source(folder, "folder")
    for _, entry in found.complete(tables["sample_data"], ("token", "filename", "is_key_frame"), "sample_data"):
        image = str(entry["filename"]).lower().endswith(EXTENSIONS)  # others are point clouds
        if image and entry["is_key_frame"] is not False:
            token, size = str(entry["token"]), (entry.get("width"), entry.get("height"))
            found.add_picture(token, entry["filename"], *size, f"sample_data {token}", "filename")
    categories, attributes = (
        {str(entry["token"]): str(entry["name"]) for _, entry in found.complete(tables[name], ("token", "name"), name)}
        for name in ("category", "attribute")
    )
    for _, entry in found.complete(tables["object_ann"], _OBJECT_KEYS, "object_ann"):
        where, frame = f"object_ann {entry['token']}", found.pictures.get(str(entry["sample_data_token"]))
        if frame is None:
            found.problem(f"{where} is on {entry['sample_data_token']}, which is no key frame of sample_data")
        elif (category := categories.get(str(entry["category_token"]))) is None:
            found.problem(f"{where} has the category_token {entry['category_token']}, which category does not list")
        else:
            where = f"{where} on {frame.path}"
            with found.problems_of(where):
                box, said = from_corners(entry["bbox"]), _attributes(entry.get("attribute_tokens"), attributes)
                found.add_object(where, frame.image_id, box, words_of(category).word, said)
    found.raise_first()
    entries = [entry for entry in [*tables["object_ann"], *surfaces] if isinstance(entry, dict)]
    labelled = {str(entry.get("sample_data_token")) for entry in entries}
    frames = len(found.pictures)
    found.pictures = {token: frame for token, frame in found.pictures.items() if token in labelled}
    if not found.pictures:
        where = printable(folder)
        raise ForError(f"{where} has no annotated key frames; name a version with annotations, such as v1.0-train")
    words = [words_of(name) for name in categories.values() if name not in SURFACES]
    found.synonyms = {entry.word: list(entry.synonyms) for entry in words if entry.synonyms}
    found.hypernyms = {entry.word: list(entry.hypernyms) for entry in words if entry.hypernyms}
    return found.finished((entry.word for entry in words), key_frames_without_annotations=frames - len(found.pictures))


def words_of(name: str) -> Words:
    """The words of a category: from the table, otherwise the last part of its name."""
    return WORDS.get(name) or Words(name.rsplit(".", 1)[-1].replace("_", " "))


def _table(folder: Path, name: str) -> list[Any]:
    content = read_json(folder / f"{name}.json", CHECK, "the nuImages table")
    if not isinstance(content, list):
        raise ForError(f"{printable(folder / name)}.json must hold a list of entries; {CHECK}")
    return content


def _attributes(tokens: Any, names: dict[str, str]) -> dict[str, Any]:
    """``vehicle.parked`` -> {"vehicle": "parked"}, several of one kind as a list; ValueError if a token is unknown."""
    if tokens is not None and not isinstance(tokens, list):
        raise ValueError(f"has the attribute_tokens {tokens!r}, which must be a list")
    found: dict[str, list[str]] = {}
    for token in tokens or []:
        if str(token) not in names:
            raise ValueError(f"has the attribute_token {printable(token)}, which attribute does not list")
        kind, _, value = names[str(token)].rpartition(".")
        found.setdefault(kind or value, []).append(value)
    return {kind: values[0] if len(values) == 1 else sorted(values) for kind, values in found.items()}


def _find(folder: Path, _asked: bool) -> Place | None:
    versions = sorted(path.parent.name for path in folder.glob("*/object_ann.json"))
    if not versions:
        return None
    # The test version has no annotations, and mini is a part of the others.
    both = [name for name in versions if name.endswith(("-train", "-val"))]
    versions = both if len(both) == 2 else versions
    return Place("nuimages", ".", by_part(versions) or only(versions, folder, "versions"))


FORMAT = Format(
    about="nuImages: the JSON tables of v1.0-train, v1.0-val or v1.0-mini",
    missing="no folder in {} has the table object_ann.json, as v1.0-train has; name the folder that holds it",
    read=annotated(read_nuimages),
    find=_find,
    fits=lambda path: (path / "object_ann.json").is_file(),
)
