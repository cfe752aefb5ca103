"""What queries are answered from: one pointer, moved in one step.

data/index/CURRENT          the live generation and the ones before it
data/index/CANDIDATE        what the stage `index` built last
data/index/gen-<12 hex>/    manifest.json, images.jsonl, engine/ and bundle/: complete, and never changed again
data/index/.building-*/     a build under way, or the rest of a killed one

A generation brings its own copy of the bundle, so one pointer is one pair of model and index. Readers take no
lock. Nothing here loads numpy: a rollback takes milliseconds.
"""

from __future__ import annotations

import fcntl
import hashlib
import os
import shutil
import sys
import time
import uuid
from collections.abc import Callable, Container, Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

from for_retrieval.errors import ForError
from for_retrieval.files import file_hash, read_json, sync_folder, write_json
from for_retrieval.project import Project
from for_retrieval.release.manifest import MANIFEST, Manifest, check_files, read_manifest

if TYPE_CHECKING:
    from filelock import FileLock

Say = Callable[[str], object]
PAUSE = 0.2  # seconds between two attempts to take a lock that another process holds
HOLDER = "FOR_RELEASE_HOLDER"  # the environment variable by which a holder's child processes are recognised


class Busy(ForError):
    """Another process holds the release lock."""


@contextmanager
def release_lock(root: Path, what: str, *, wait: bool = False, say: Say | None = None) -> Iterator[None]:
    """Hold the right to register, build, refresh and promote in a project: var/release.lock.

    It ends with the process, however that dies. The processes that the holder starts pass through, and so do
    calls inside its `with` block.

    Args:
        what: names the work in the sentence for others, ``retrain`` for example.
        wait: wait until the other has finished, and report it to `say` (by default to stderr), instead of failing.

    Raises:
        Busy: another process holds it, and `wait` is false; the sentence names that process.
    """
    from filelock import FileLock

    folder = root / "var"
    folder.mkdir(parents=True, exist_ok=True)
    lock, notes = FileLock(folder / "release.lock"), folder / "release-holder.json"
    reported = ""
    while not _acquired(lock):
        holder = _read_holder(notes)
        if holder.get("token") and holder["token"] == os.environ.get(HOLDER):
            yield
            return
        if not wait:
            raise Busy(f"{_sentence(holder)}; wait until it has finished, or run this again with --wait")
        if (line := f"{_sentence(holder)}; waiting until it has finished") != reported:
            (say or _to_stderr)(reported := line)
        time.sleep(PAUSE)
    try:
        token = uuid.uuid4().hex
        since = datetime.now(UTC).isoformat(timespec="seconds")
        write_json(notes, {"what": what, "pid": os.getpid(), "since": since, "token": token})
        with _environment(HOLDER, token):
            yield
    finally:
        notes.unlink(missing_ok=True)
        lock.release()


def _acquired(lock: FileLock) -> bool:
    from filelock import Timeout

    try:
        lock.acquire(timeout=0)
    except Timeout:
        return False
    return True


def _read_holder(path: Path) -> dict[str, Any]:
    """What the holder wrote; empty for the moment between its lock and its note."""
    try:
        found = read_json(path)
    except ForError:
        return {}
    return found if isinstance(found, dict) else {}


def _sentence(holder: dict[str, Any]) -> str:
    if not holder:
        return "another process changes the release"
    return f"{holder.get('what')} runs here already (pid {holder.get('pid')}, since {holder.get('since')})"


def _to_stderr(line: str) -> None:
    print(line, file=sys.stderr, flush=True)


@contextmanager
def _environment(name: str, value: str) -> Iterator[None]:
    before = os.environ.get(name)
    os.environ[name] = value
    try:
        yield
    finally:
        if before is None:
            del os.environ[name]
        else:
            os.environ[name] = before


BUILD = ".build.lock"
PATIENCE = 15.0  # seconds; moving the pointer takes milliseconds, on a server a few requests


@contextmanager
def only_builder(folder: Path) -> Iterator[None]:
    """Hold the right to build generations at `folder`, which is made if need be.

    Raises:
        ForError: another process is building here.
    """
    folder.mkdir(parents=True, exist_ok=True)
    descriptor = os.open(folder / BUILD, os.O_RDWR | os.O_CREAT, 0o644)
    try:
        if not _locked(descriptor):
            raise ForError(f"another process is building {folder}; wait until it has finished")
        yield
    finally:
        os.close(descriptor)


@contextmanager
def pointer_lock(folder: Path) -> Iterator[None]:
    """Hold the right to move the pointer, to rename generations and to prune them.

    Raises:
        ForError: another process has held it for PATIENCE seconds, or the folder cannot be opened.
    """
    folder.mkdir(parents=True, exist_ok=True)
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        end = time.monotonic() + PATIENCE
        while not _locked(descriptor):
            if time.monotonic() > end:
                raise ForError(f"another process is changing {folder}; wait until it has finished")
            time.sleep(0.01)
        yield
    finally:
        os.close(descriptor)


def _locked(descriptor: int) -> bool:
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        return False
    return True


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
    from for_retrieval.release.server import remove_collection

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
    from for_retrieval.release.server import remove_collection

    return remove_collection(folder, collection)


CURRENT = "CURRENT"
CANDIDATE = "CANDIDATE"
BUNDLE = "bundle"
REMEDY = "run `for-cli index`"


@dataclass(frozen=True)
class Served:
    """A generation that serves or served.

    manifest: sha256 of its manifest.json. version: of the model in MLflow; None: never promoted.
    since: when it went live, or (as candidate) was built; UTC, ISO 8601.
    """

    generation: str
    manifest: str
    model: str
    dataset: str
    version: int | None
    since: str


@dataclass(frozen=True)
class Live:
    """The content of CURRENT; `previous` has the newest first."""

    live: Served
    previous: list[Served]


def read_live(folder: Path) -> Live:
    """What the index at `folder` serves.

    Raises:
        ForError: nothing is live yet, or the pointer is damaged or of an earlier version.
    """
    path = folder / CURRENT
    if not path.exists():
        raise ForError(f"there is no index yet in {folder}; run `dvc repro`, or `for-cli index` if it was deleted")
    value = read_json(path, REMEDY)
    try:
        return Live(Served(**value["live"]), [Served(**entry) for entry in value["previous"]])
    except (TypeError, KeyError):
        old = isinstance(value, dict) and "generation" in value
        what = "was written by an earlier version of for-cli" if old else "is damaged"
        raise ForError(f"{path} {what}; {REMEDY}") from None


def is_live(folder: Path) -> Live | None:
    """The same, but None where nothing is live or the pointer is unusable: for those who replace it."""
    try:
        return read_live(folder)
    except ForError:
        return None


def bundle_of(folder: Path, generation: str) -> Path:
    """The bundle of a generation."""
    return folder / generation / BUNDLE


def read_candidate(folder: Path) -> Served | None:
    """What the stage `index` built last; None where it has not run here, or its generation is gone."""
    try:
        found = Served(**read_json(folder / CANDIDATE))
    except (ForError, TypeError):
        return None
    return found if (folder / found.generation / MANIFEST).exists() else None


def candidate(folder: Path) -> str | None:
    """The generation that the stage `index` built last."""
    found = read_candidate(folder)
    return found.generation if found else None


def unpromoted(folder: Path, live: Live) -> bool:
    """Whether the stage built a model that has never served since."""
    found = read_candidate(folder)
    return found is not None and all(found.model != entry.model for entry in (live.live, *live.previous))


def go_live(folder: Path, generation: str, version: int | None, keep: int) -> Served:
    """Serve `generation` from now on, as model `version`, and prune all but `keep` generations.

    Also kept: the newest one of an earlier champion, and the candidate.

    Raises:
        ForError: the generation is missing or damaged, or its Qdrant server does not answer. The old one stays.
    """
    with pointer_lock(folder):
        return switch(folder, generation, version, keep)


def switch(folder: Path, generation: str, version: int | None, keep: int) -> Served:
    """`go_live` for those who hold the pointer lock."""
    if keep < 1:
        raise ValueError(f"keep must be at least 1, not {keep}")
    old = is_live(folder)
    new = served(folder, generation, version)
    if old and same_place(old.live, new):
        prune(folder, _kept(folder, old))
        return old.live
    history = [old.live, *old.previous] if old else []
    previous = [entry for entry in history if not _replaced(entry, new)]
    live = Live(new, _worth_keeping(new, previous, keep))
    _point_at(folder, live)
    prune(folder, _kept(folder, live))
    return new


def roll_back(folder: Path, *, champion: bool) -> Served:
    """Serve again what served before; what is live now becomes the newest previous one.

    champion: go back to the newest generation of another promoted version, not just one generation.

    Raises:
        ForError: there is nothing to go back to, it is damaged, or its Qdrant server does not answer.
    """
    with pointer_lock(folder):
        old = read_live(folder)
        fitting = [e for e in old.previous if not champion or e.version not in (None, old.live.version)]
        if not fitting:
            what = "champion" if champion else "generation"
            raise ForError(f"there is no earlier {what} in {folder} to go back to; it serves {old.live.generation}")
        target = fitting[0]
        new = served(folder, target.generation, target.version)
        if new.manifest != target.manifest:
            raise ForError(f"{folder / target.generation} is not what served before; {REMEDY}")
        _point_at(folder, Live(new, [old.live, *(entry for entry in old.previous if entry != target)]))
        return new


def record_candidate(folder: Path, generation: str) -> None:
    """Note what the stage built, for those who hold the pointer lock; unchanged where it says so already."""
    new, old = served(folder, generation, None), read_candidate(folder)
    if old is None or not same_place(old, new):
        write_json(folder / CANDIDATE, asdict(new))


def served(folder: Path, generation: str, version: int | None) -> Served:
    """The entry of a generation that is there and whose files have the right sizes.

    Raises:
        ForError: it is missing or damaged.
    """
    manifest = read_manifest(folder / generation)
    check_files(folder / generation, manifest, hash_below=0)
    digest = hashlib.sha256((folder / generation / MANIFEST).read_bytes()).hexdigest()
    since = datetime.now(UTC).isoformat(timespec="milliseconds")
    return Served(generation, digest, manifest.model, manifest.dataset, version, since)


def same_place(a: Served, b: Served) -> bool:
    """Whether two entries differ in nothing but their time."""
    return (a.generation, a.manifest, a.version) == (b.generation, b.manifest, b.version)


def _kept(folder: Path, live: Live) -> set[str | None]:
    return {live.live.generation, candidate(folder), *(entry.generation for entry in live.previous)}


def _replaced(entry: Served, new: Served) -> bool:
    """Whether an old entry says nothing that `new` does not: the same generation, under no other version."""
    return entry.generation == new.generation and entry.version in (None, new.version)


def _worth_keeping(live: Served, previous: list[Served], keep: int) -> list[Served]:
    kept = previous[: keep - 1]
    other = next((entry for entry in previous if entry.version not in (None, live.version)), None)
    return kept if other is None or other in kept else [*kept, other]


def _point_at(folder: Path, live: Live) -> None:
    """Move the aliases of a server, then the pointer: if the server does not answer, nothing has changed."""
    manifest = read_manifest(folder / live.live.generation)
    if manifest.collection:
        from for_retrieval.release.server import move_aliases

        move_aliases(folder, manifest.collection, [_manifest(folder, entry) for entry in live.previous])
    clear_pointers(folder)
    write_json(folder / CURRENT, {"live": asdict(live.live), "previous": [asdict(e) for e in live.previous]})


def _manifest(folder: Path, entry: Served) -> Manifest | None:
    try:
        return read_manifest(folder / entry.generation)
    except ForError:
        return None


@dataclass(frozen=True)
class Release:
    """The content of data/release.json, written last by each promotion, also by a refused one.

    lock: sha256 of the dvc.lock that was decided on. version: in MLflow. generation: the one that was verified.
    """

    lock: str
    version: int
    promoted: bool
    forced: bool
    reasons: list[str]
    generation: str


def release_path(project: Project) -> Path:
    """data/release.json."""
    return project.data / "release.json"


def frozen_path(project: Project, dataset: str) -> Path:
    """The list of validation images that champions of a dataset are measured on."""
    return project.index / "validation" / f"{dataset}.json"


def lock_of(project: Project) -> str:
    """The sha256 of dvc.lock.

    Raises:
        ForError: there is none.
    """
    path = project.root / "dvc.lock"
    if not path.exists():
        raise ForError(f"{path} does not exist, so nothing says what the model was made from; run `dvc repro`")
    return file_hash(path)


def read_release(project: Project) -> Release | None:
    """What was decided last; None where nothing was, or the file is damaged."""
    try:
        return Release(**read_json(release_path(project)))
    except (ForError, TypeError):
        return None


def write_release(project: Project, release: Release) -> None:
    """Replace data/release.json."""
    write_json(release_path(project), asdict(release))


def needs_release(project: Project) -> bool:
    """Whether dvc.lock has changed since the last decision, or there was none."""
    last = read_release(project)
    path = project.root / "dvc.lock"
    return last is None or not path.exists() or file_hash(path) != last.lock
