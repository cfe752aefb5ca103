"""Generations: whole indexes side by side, one of them live.

data/index/CURRENT          {"generation": ..., "manifest": <sha256>, "previous": [...]}
data/index/gen-<12 hex>/    manifest.json and the engine's files
data/index/.building-*/     a build under way, or the rest of a killed one
"""

from __future__ import annotations

import fcntl
import hashlib
import os
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path

from for_retrieval.errors import ForError
from for_retrieval.files import read_json, sync_folder, write_json
from for_retrieval.index.manifest import NAME, REMEDY, Manifest, check_files, parse_manifest

CURRENT = "CURRENT"
TEMPORARY = ".building-"


@dataclass(frozen=True)
class Generation:
    """A finished generation: its folder and the manifest in it."""

    folder: Path
    manifest: Manifest


@dataclass(frozen=True)
class Pointer:
    """The content of CURRENT: a generation's name, the sha256 of its manifest, and the names before it."""

    generation: str
    manifest: str
    previous: list[str]


def generation_name(digest: str) -> str:
    """The folder name of the generation made of inputs with this digest."""
    return f"gen-{digest[:12]}"


def current(folder: Path) -> Generation:
    """The live generation of the index at `folder`; its manifest is checked, its other files are not.

    Raises:
        ForError: nothing is indexed yet, or the pointer or the manifest is damaged.
    """
    if not (folder / CURRENT).exists():
        raise ForError(f"there is no index yet in {folder}; run `dvc repro`, or `for-cli index` if it was deleted")
    pointer = _pointer(folder)
    path = folder / pointer.generation / NAME
    try:
        content = path.read_bytes()
    except OSError:
        raise ForError(f"the index is damaged: {path} is missing; {REMEDY}") from None
    if hashlib.sha256(content).hexdigest() != pointer.manifest:
        raise ForError(f"the index is damaged: {path} is not the file that was written; {REMEDY}")
    return Generation(path.parent, parse_manifest(content.decode(), path))


def verify_index(folder: Path) -> Manifest:
    """Compare every file of the live generation with its checksum; reads all of it.

    Raises:
        ForError: as `current`, or a file is missing or changed.
    """
    generation = current(folder)
    check_files(generation.folder, generation.manifest, thorough=True)
    return generation.manifest


@contextmanager
def building(folder: Path) -> Iterator[Path]:
    """Yield an empty temporary folder beside the generations; what killed builds left is removed first.

    Raises:
        ForError: another process is building here.
    """
    folder.mkdir(parents=True, exist_ok=True)
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)  # the kernel lets go of it when we die
        except OSError:
            raise ForError(f"another process is building {folder}; wait until it has finished") from None
        for leftover in folder.glob(f"{TEMPORARY}*"):
            shutil.rmtree(leftover)
        temporary = Path(tempfile.mkdtemp(prefix=TEMPORARY, dir=folder))
        try:
            yield temporary
        finally:
            shutil.rmtree(temporary, ignore_errors=True)
    finally:
        os.close(descriptor)


def publish(folder: Path, temporary: Path, manifest: Manifest, keep: int) -> Manifest:
    """Make the finished build in `temporary` the live generation and prune all but the newest `keep`.

    A complete generation of the same inputs is left as it is; a damaged one is replaced. Returns the
    manifest of the live one.
    """
    target = folder / generation_name(manifest.digest)
    if complete := _complete(target, manifest.digest):
        manifest = complete
    else:
        temporary.chmod(0o755)
        _sync_tree(temporary)
        if target.exists():
            target.rename(temporary.with_name(f"{TEMPORARY}damaged-{target.name}"))
        temporary.rename(target)
        sync_folder(folder)
    history = _point_at(folder, target, keep)
    for old in folder.glob("gen-*"):
        if old.name not in history:
            shutil.rmtree(old)
    for damaged in folder.glob(f"{TEMPORARY}damaged-*"):
        shutil.rmtree(damaged)
    return manifest


def _complete(target: Path, digest: str) -> Manifest | None:
    """The manifest of a generation that is there, undamaged and made of these inputs."""
    try:
        manifest = parse_manifest((target / NAME).read_text(encoding="utf-8"), target / NAME)
        check_files(target, manifest, thorough=True)
    except (OSError, UnicodeDecodeError, ForError):
        return None
    return manifest if manifest.digest == digest else None


def _point_at(folder: Path, target: Path, keep: int) -> list[str]:
    """Replace CURRENT, where it says something else, and return the names to keep, newest first."""
    try:
        old = _pointer(folder)
    except ForError:  # none yet, or damaged: the new one replaces it
        old = None
    names = [old.generation, *old.previous] if old else []
    history = [target.name, *(name for name in names if name != target.name)][:keep]
    new = Pointer(target.name, hashlib.sha256((target / NAME).read_bytes()).hexdigest(), history[1:])
    if new != old:
        write_json(folder / CURRENT, asdict(new))
    return history


def _pointer(folder: Path) -> Pointer:
    value = read_json(folder / CURRENT, REMEDY)
    try:
        return Pointer(**value)
    except TypeError:
        raise ForError(f"{folder / CURRENT} is damaged; {REMEDY}") from None


def _sync_tree(folder: Path) -> None:
    for root, _, names in os.walk(folder):
        for name in names:
            with Path(root, name).open("rb") as file:
                os.fsync(file.fileno())
        sync_folder(Path(root))
