"""A generation's folder: drafted beside the others, put in place in one step."""

from __future__ import annotations

import os
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from for_retrieval.errors import ForError
from for_retrieval.files import sync_folder
from for_retrieval.index.engines import SERVER, open_engine
from for_retrieval.index.live import read_live
from for_retrieval.index.manifest import Manifest, check_files, read_manifest
from for_retrieval.index.pruning import COLLECTION, TEMPORARY, put_aside


def verify_index(folder: Path) -> Manifest:
    """Compare every file of the live generation with its checksum; reads all of it.

    Raises:
        ForError: nothing is live, or something is missing or changed.
    """
    return check_generation(folder / read_live(folder).live.generation)


def check_generation(generation: Path) -> Manifest:
    """The same for any generation.

    Raises:
        ForError: a file is missing or changed, or a server holds another number of regions.
    """
    manifest = read_manifest(generation)
    check_files(generation, manifest, hash_below=None)
    if manifest.engine == SERVER:  # the files say nothing of what is there; the embedded engine's say it all
        open_engine(generation, manifest).close()
    return manifest


def complete(generation: Path, digest: str) -> Manifest | None:
    """The manifest of a generation that is there, undamaged and made of these inputs."""
    try:
        manifest = check_generation(generation)
    except ForError:
        return None
    return manifest if manifest.digest == digest else None


@contextmanager
def draft(folder: Path, collection: str) -> Iterator[Path]:
    """An empty folder beside the generations, gone at the end unless it was published.

    collection: of a server, noted so that it is found after a kill.
    """
    temporary = Path(tempfile.mkdtemp(prefix=TEMPORARY, dir=folder))
    try:
        if collection:
            (temporary / COLLECTION).write_text(collection, encoding="utf-8")
            _sync_tree(temporary)
        yield temporary
    finally:
        shutil.rmtree(temporary, ignore_errors=True)


def publish(folder: Path, drafted: Path, name: str) -> None:
    """Put a finished draft in place, under the pointer lock; a damaged generation of that name makes way."""
    drafted.chmod(0o755)
    _sync_tree(drafted)
    target = folder / name
    if target.exists():
        put_aside(target)
    drafted.rename(target)
    sync_folder(folder)


def _sync_tree(folder: Path) -> None:
    for root, _, names in os.walk(folder):
        for name in names:
            with Path(root, name).open("rb") as file:
                os.fsync(file.fileno())
        sync_folder(Path(root))
