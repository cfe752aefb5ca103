"""What a finished index says about itself, and whether its files still agree."""

from __future__ import annotations

import hashlib
import json
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np

from for_retrieval.errors import ForError
from for_retrieval.files import file_hash
from for_retrieval.index.regions import ImageRegions

NAME = "manifest.json"
FORMAT = 1
REMEDY = "run `for-cli index` to rebuild it"

# The engine writes these anew, with the same meaning, when it opens a folder; a newer engine may add keys.
ENGINE_OWNED = ("edge_config.json", "segment.json")

BULK = 32 << 20  # bytes; vectors and payloads come in files of this size, too large to checksum on every open


@dataclass(frozen=True)
class File:
    """A file of the index: its path below the generation, size in bytes and sha256."""

    path: str
    size: int
    sha256: str


@dataclass(frozen=True)
class Manifest:
    """model: id of the bundle whose embeddings these are. digest: of all inputs; names the generation."""

    format: int
    model: str
    dim: int
    image_root: str
    splits: list[str]
    n_images: int
    n_points: int
    digest: str
    created_by: str
    files: list[File]

    def to_text(self) -> str:
        """The manifest as stored: no times and no host names, so equal builds are equal bytes."""
        return json.dumps(asdict(self), indent=1, ensure_ascii=False) + "\n"


def parse_manifest(text: str, path: Path) -> Manifest:
    """Read what Manifest.to_text wrote.

    Raises:
        ForError: it is damaged or of another format.
    """
    try:
        values: dict[str, Any] = json.loads(text)
        if values["format"] != FORMAT:
            raise ForError(f"{path} has format {values['format']}, this program reads {FORMAT}; {REMEDY}")
        return Manifest(**{**values, "files": [File(**file) for file in values["files"]]})
    except (ValueError, KeyError, TypeError) as error:
        raise ForError(f"{path} is damaged ({error}); {REMEDY}") from None


def list_files(folder: Path) -> list[File]:
    """Every file below `folder` that must never change again, with its checksum, sorted by path."""
    unchecked = (*ENGINE_OWNED, NAME)
    paths = sorted(path for path in folder.rglob("*") if path.is_file() and path.name not in unchecked)
    return [File(path.relative_to(folder).as_posix(), path.stat().st_size, file_hash(path)) for path in paths]


def check_files(folder: Path, manifest: Manifest, *, thorough: bool) -> None:
    """Compare all sizes with the manifest, and the checksums of all files or of all smaller than BULK.

    The small ones take milliseconds and matter on every open: one wrong byte in the table of ids makes the
    engine allocate without end, or write damage into its other files.

    Raises:
        ForError: a file is missing, truncated, grown or changed.
    """
    for file in manifest.files:
        path = folder / file.path
        try:
            size = path.stat().st_size
        except OSError:
            raise ForError(f"the index is damaged: {path} is missing; {REMEDY}") from None
        if size != file.size:
            raise ForError(f"the index is damaged: {path} has {size} bytes instead of {file.size}; {REMEDY}")
        if (thorough or size < BULK) and file_hash(path) != file.sha256:
            raise ForError(f"the index is damaged: the content of {path} has changed; {REMEDY}")


class Digest:
    """A sha256 over everything that goes into an index, in order."""

    def __init__(self, **settings: str | int) -> None:
        self._hash = hashlib.sha256()
        self._add([FORMAT, settings])

    def add(self, image: ImageRegions) -> None:
        """Take in one image."""
        embeddings = np.ascontiguousarray(image.embeddings, dtype="<f4")
        boxes = np.ascontiguousarray(image.boxes, dtype="<f4")
        names = [image.image_id, image.path, image.hash, image.split]
        self._add([names, image.width, image.height, embeddings.shape])
        self._hash.update(embeddings.data)
        self._hash.update(boxes.data)

    def hexdigest(self) -> str:
        """The digest of all that was added so far."""
        return self._hash.hexdigest()

    def _add(self, value: Any) -> None:
        self._hash.update(json.dumps(value, sort_keys=True).encode() + b"\n")
