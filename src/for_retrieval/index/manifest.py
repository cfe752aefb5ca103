"""What a finished generation says about itself, and whether its files still agree."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from for_retrieval.errors import ForError
from for_retrieval.files import file_hash

NAME = "manifest.json"
FORMAT = 2
REMEDY = "run `for-cli index` to rebuild it"

# The engine writes these anew, with the same meaning, when it opens a folder; a newer engine may add keys.
ENGINE_OWNED = ("edge_config.json", "segment.json")

BULK = 32 << 20  # bytes; vectors and payloads come in files of this size, too large to checksum on every open


@dataclass(frozen=True)
class File:
    """A file of the generation: its path below the folder, size in bytes and sha256."""

    path: str
    size: int
    sha256: str


@dataclass(frozen=True)
class Manifest:
    """model: id of the bundle whose embeddings these are. bundle: digest of the bundle's files.

    recipe: of the code that turns features into regions. engine: where the vectors are; collection: their name
    on a server, empty for the embedded engine. digest: of all inputs; names the generation.
    """

    format: int
    model: str
    bundle: str
    recipe: str
    dataset: str
    dim: int
    image_root: str
    splits: list[str]
    engine: str
    collection: str
    n_images: int
    n_points: int
    digest: str
    created_by: str
    files: list[File]

    def to_text(self) -> str:
        """The manifest as stored: no times and no host names, so equal builds are equal bytes."""
        return json.dumps(asdict(self), indent=1, ensure_ascii=False) + "\n"


def generation_name(digest: str) -> str:
    """The folder name of the generation made of inputs with this digest."""
    return f"gen-{digest[:12]}"


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


def read_manifest(generation: Path) -> Manifest:
    """The manifest in a generation's folder.

    Raises:
        ForError: it is missing, damaged or of another format.
    """
    path = generation / NAME
    try:
        return parse_manifest(path.read_text(encoding="utf-8"), path)
    except (OSError, UnicodeDecodeError):
        raise ForError(f"the index is damaged: {path} is missing or unreadable; {REMEDY}") from None


def list_files(folder: Path) -> list[File]:
    """Every file below `folder` that must never change again, with its checksum, sorted by path."""
    unchecked = (*ENGINE_OWNED, NAME)
    paths = sorted(path for path in folder.rglob("*") if path.is_file() and path.name not in unchecked)
    return [File(path.relative_to(folder).as_posix(), path.stat().st_size, file_hash(path)) for path in paths]


def check_files(folder: Path, manifest: Manifest, *, hash_below: int | None = BULK) -> None:
    """Compare all sizes with the manifest, and the checksums of files smaller than `hash_below` (None: all).

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
        if (hash_below is None or size < hash_below) and file_hash(path) != file.sha256:
            raise ForError(f"the index is damaged: the content of {path} has changed; {REMEDY}")
