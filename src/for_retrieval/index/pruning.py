"""Generations that nothing refers to any more, and what killed builds left."""

from __future__ import annotations

import shutil
from collections.abc import Container
from pathlib import Path

from for_retrieval.errors import ForError
from for_retrieval.files import sync_folder
from for_retrieval.index.manifest import read_manifest

TEMPORARY = ".building-"
COLLECTION = "collection"  # a build on a server notes its collection's name in a file of this name
OF_POINTERS = (".CURRENT.*", ".CANDIDATE.*")  # what a kill leaves of a pointer that was about to be replaced


def prune(folder: Path, kept: Container[str | None]) -> None:
    """Remove the generations that are not in `kept`; a killed prune leaves nothing that looks like one."""
    for path in folder.glob("gen-*"):
        if path.name not in kept and _gone_from_server(folder, path):
            put_aside(path)


def put_aside(generation: Path) -> None:
    """Rename a generation's folder, so that it is none any more, then remove it. Open ones stay readable."""
    aside = generation.with_name(f"{TEMPORARY}old-{generation.name}")
    shutil.rmtree(aside, ignore_errors=True)
    generation.rename(aside)
    sync_folder(generation.parent)
    shutil.rmtree(aside)


def clear_leftovers(folder: Path) -> None:
    """Remove what killed builds and moves left; for those who hold both locks."""
    for leftover in folder.glob(f"{TEMPORARY}*"):
        if _note_settled(folder, leftover / COLLECTION):
            shutil.rmtree(leftover)
    clear_pointers(folder)


def clear_pointers(folder: Path) -> None:
    """Remove pointers that were written, but not put in place; for those who hold the pointer lock."""
    for pattern in OF_POINTERS:
        for leftover in folder.glob(pattern):
            leftover.unlink()


def _note_settled(folder: Path, note: Path) -> bool:
    """Whether what a killed build has on a server is gone; if not, its note stays for the next time."""
    if not note.exists() or _in_use(folder, name := note.read_text(encoding="utf-8")):
        return True
    from for_retrieval.index.server import remove_collection

    return remove_collection(folder, name)


def _in_use(folder: Path, collection: str) -> bool:
    return any(_collection(path) == collection for path in folder.glob("gen-*"))


def _collection(generation: Path) -> str:
    try:
        return read_manifest(generation).collection
    except ForError:
        return ""


def _gone_from_server(folder: Path, generation: Path) -> bool:
    """Remove what a generation has on a server; False where that cannot be done now: it stays on record."""
    collection = _collection(generation)
    if not collection:
        return True
    from for_retrieval.index.server import remove_collection

    return remove_collection(folder, collection)
