"""A generation, model and index in one folder: its manifest, its table of images, its files.

data/index/gen-<12 hex>/    manifest.json, images.jsonl, engine/ and bundle/: complete, and never changed again
"""

from __future__ import annotations

import hashlib
import json
import shutil
from collections.abc import Callable, Container, Iterable
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from for_retrieval.errors import ForError
from for_retrieval.files import file_hash, sync_folder

if TYPE_CHECKING:
    from for_retrieval.release.engines import ImageRegions

MANIFEST = "manifest.json"
TABLE = "images.jsonl"
BUNDLE = "bundle"
UNPACKED = "data/prepared"  # where the images of any set in shards are unpacked to
FORMAT = 4
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
    """model: the id in bundle.json, which a version belongs to. bundle: digest of the bundle's files.

    encoder: the id that the model had with the code that made the regions; another one after an upgrade of the code.
    engine: where the regions are; collection: their name on a server, empty for an engine in a folder.
    digest: of all inputs; names the generation.
    """

    format: int
    model: str
    bundle: str
    encoder: str
    dataset: str
    dim: int
    image_root: str
    splits: list[str]
    engine: str
    collection: str
    n_images: int
    n_points: int
    most: int  # regions of one image
    digest: str
    created_by: str
    files: list[File]

    @property
    def unpacked(self) -> bool:
        """Whether its images came in shards: they were unpacked to one place, which says nothing of the set."""
        return self.image_root.startswith(UNPACKED)


def generation_name(digest: str) -> str:
    """The folder name of the generation made of inputs with this digest."""
    return f"gen-{digest[:12]}"


def bundle_of(folder: Path, generation: str) -> Path:
    """The bundle of a generation."""
    return folder / generation / BUNDLE


def read_manifest(generation: Path) -> Manifest:
    """The manifest in a generation's folder; ForError if it is missing, damaged or of another format."""
    path = generation / MANIFEST
    try:
        values: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
        if values["format"] != FORMAT:
            raise ForError(f"{path} has format {values['format']}, this program reads {FORMAT}; {REMEDY}")
        return Manifest(**{**values, "files": [File(**file) for file in values["files"]]})
    except (OSError, UnicodeDecodeError):
        raise ForError(f"the index is damaged: {path} is missing or unreadable; {REMEDY}") from None
    except (ValueError, KeyError, TypeError) as error:
        raise ForError(f"{path} is damaged ({error}); {REMEDY}") from None


def find_manifest(generation: Path) -> Manifest | None:
    """The same, but None where it cannot be read."""
    with suppress(ForError):
        return read_manifest(generation)
    return None


def check_files(folder: Path, *, hash_below: int | None = BULK) -> Manifest:
    """Compare all sizes with the manifest, which is returned, and checksums of files below `hash_below` (None: of all).

    Raises ForError: a file is missing, truncated, grown or changed. The small ones take milliseconds and matter on
    every open: one wrong byte in the table of ids makes the engine allocate without end, or damage its other files.
    """
    manifest = read_manifest(folder)
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
    return manifest


@dataclass(frozen=True, slots=True)
class ImageRow:
    """One image: its id, path below the image root, sha256 of the file, split, and size in pixels."""

    image_id: str
    path: str
    hash: str
    split: str
    width: int
    height: int

    @property
    def digest(self) -> str:
        """Changes with anything that changes what is stored of the image.

        Content hash, size and model determine the regions. Their numbers are left out: the same image gives
        others in the last bits in another batch or on another machine, and still is the same image.
        """
        values = [self.image_id, self.path, self.hash, self.split, self.width, self.height]
        return hashlib.sha256(json.dumps(values).encode()).hexdigest()


Rows = Iterable[ImageRow]


def row_of(image: ImageRegions) -> ImageRow:
    """The row that an image's regions belong to."""
    return ImageRow(*(getattr(image, name) for name in ImageRow.__dataclass_fields__))


@dataclass(frozen=True)
class About:
    """What all images of a generation share.

    model, encoder: see `Manifest`. dataset: its name. dim: of the embeddings.
    image_root: what image paths are relative to.
    """

    model: str
    encoder: str
    dataset: str
    dim: int
    image_root: str


def read_table(generation: Path) -> dict[ImageRow, int]:
    """The images of a generation, by id, with their numbers of regions; ForError if the table is missing or damaged."""
    path = generation / TABLE
    rows: dict[ImageRow, int] = {}
    try:
        with path.open(encoding="utf-8") as file:
            for line in file:
                values = json.loads(line)
                row = ImageRow(*(values[name] for name in ImageRow.__dataclass_fields__))
                rows[row] = int(values["regions"])
    except OSError:
        raise ForError(f"the index is damaged: {path} is missing; {REMEDY}") from None
    except (ValueError, KeyError, TypeError) as error:
        raise ForError(f"the index is damaged: {path} cannot be read ({error}); {REMEDY}") from None
    return rows


def same_set(a: Path, b: Path) -> bool:
    """Whether two generations are of one data set; damaged ones are taken to be."""
    try:
        second = read_manifest(b)
        return one_set(read_manifest(a), second.dataset, second.image_root, lambda: (read_table(a), read_table(b)))
    except ForError:
        return True


def one_set(manifest: Manifest, name: str, image_root: str, tables: Callable[[], tuple[Rows, Rows]]) -> bool:
    """Whether a generation and other images are of one set: one name, and one place or a common image in `tables`.

    Images may all be replaced in their folder, and a folder may move; where both happened, it is another set.
    """
    if manifest.dataset != name or (manifest.image_root == image_root and not manifest.unpacked):
        return manifest.dataset == name
    one, other = tables()
    return not {row.hash for row in one}.isdisjoint(row.hash for row in other)


def set_of(generation: Path) -> str:
    """The set of a generation, for people: ``streets (images in data/streets)``."""
    manifest = find_manifest(generation)
    return f"{manifest.dataset} (images in {manifest.image_root})" if manifest else "one that cannot be read"


TEMPORARY = ".building-"
COLLECTION = "collection"  # a build on a server records its engine and collection in a file of this name


def prune(folder: Path, kept: Container[str]) -> None:
    """Remove the generations that are not in `kept`. For those who hold the release lock.

    A killed prune leaves nothing that looks like a generation, and one whose server does not answer stays for the next
    time. A rollback meanwhile does no harm: it changes the order of the pointer's entries, and none comes or goes.
    """
    for path in folder.glob("gen-*"):
        manifest = None if path.name in kept else find_manifest(path)
        if path.name not in kept and (
            manifest is None or not manifest.collection or _off_server(folder, manifest.engine, manifest.collection)
        ):
            put_aside(path)


def put_aside(generation: Path) -> None:
    """Rename a generation's folder, so that it is none any more, then remove it. Open ones stay readable."""
    aside = generation.with_name(f"{TEMPORARY}old-{generation.name}")
    shutil.rmtree(aside, ignore_errors=True)
    generation.rename(aside)
    sync_folder(generation.parent)
    shutil.rmtree(aside)


def clear_leftovers(folder: Path) -> None:
    """Remove what killed builds left, on a server too. For those who hold the release lock."""
    used = {found.collection for path in folder.glob("gen-*") if (found := find_manifest(path))}
    for leftover in folder.glob(f"{TEMPORARY}*"):
        note = leftover / COLLECTION
        engine, _, collection = note.read_text(encoding="utf-8").partition(" ") if note.exists() else ("", "", "")
        if not collection or collection in used or _off_server(folder, engine, collection):
            shutil.rmtree(leftover)


def _off_server(folder: Path, engine: str, collection: str) -> bool:
    from for_retrieval.release.engines import engine_class

    try:
        return engine_class(engine).remove(folder, collection)
    except ForError:  # an engine that this version does not have
        return True
