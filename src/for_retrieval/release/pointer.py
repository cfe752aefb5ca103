"""Who may change what serves, and what serves: one lock and one pointer.

var/release.lock      held while something is registered, built, refreshed or promoted
data/index/CURRENT    the live generation, the ones before it, the candidate, and the last decision

A generation brings its own copy of the bundle, so one pointer is one pair of model and index. The pointer moves by
compare-and-swap; a rollback does not wait for the lock, and a query takes none. Nothing here loads numpy.
"""

from __future__ import annotations

import os
import sys
import time
import uuid
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import asdict, dataclass, field, replace
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from typing import Any

from for_retrieval.errors import ForError
from for_retrieval.files import file_hash, read_json, write_json
from for_retrieval.project import Project
from for_retrieval.release.generation import (
    MANIFEST,
    check_files,
    find_manifest,
    prune,
    read_manifest,
    same_set,
    set_of,
)

Say = Callable[[str], object]
PAUSE = 0.2  # seconds between two attempts to take a lock that another process holds
HOLDER = "FOR_RELEASE_HOLDER"  # the environment variable by which a holder's child processes are recognised
CURRENT = "CURRENT"
REMEDY = "run `for-cli index`"
PATIENCE = 15.0  # seconds; moving the pointer takes milliseconds, on a server a few requests


class Busy(ForError):
    """Another process holds the release lock."""


@contextmanager
def release_lock(root: Path, what: str, *, wait: bool = False, say: Say | None = None) -> Iterator[None]:
    """Hold the right to register, build, refresh and promote in a project: var/release.lock.

    It ends with the process, however that dies. The holder's child processes and its own further calls pass through.

    what: names the work in the sentence for others, ``retrain`` for example. wait: wait until the other has finished,
    and report it to `say` (by default to stderr), instead of failing. Raises Busy: another process holds it, and `wait`
    is false; the sentence names that process.
    """
    from filelock import FileLock, Timeout

    folder, reported = root / "var", ""
    folder.mkdir(parents=True, exist_ok=True)
    lock, note = FileLock(folder / "release.lock"), folder / "release-holder.json"
    say = say or partial(print, file=sys.stderr, flush=True)
    while True:
        with suppress(Timeout):
            lock.acquire(timeout=0)
            break
        holder: dict[str, Any] = {}  # for the moment between another's lock and its note
        with suppress(ForError, TypeError, ValueError):
            holder = dict(read_json(note))
        if holder.get("token") and holder["token"] == os.environ.get(HOLDER):
            yield
            return
        busy = f"{holder.get('what')} runs here already (pid {holder.get('pid')}, since {holder.get('since')})"
        busy = busy if holder else "another process changes the release"
        if not wait:
            raise Busy(f"{busy}; wait until it has finished, or run this again with --wait")
        if busy != reported:
            say(f"{busy}; waiting until it has finished")
            reported = busy
        time.sleep(PAUSE)
    try:
        os.environ[HOLDER] = uuid.uuid4().hex  # in place of that of an earlier holder, if any
        write_json(note, {"what": what, "pid": os.getpid(), "since": utc_now(), "token": os.environ[HOLDER]})
        yield
    finally:
        os.environ.pop(HOLDER, None)
        note.unlink(missing_ok=True)
        lock.release()


def utc_now(precision: str = "seconds") -> str:
    """The time in UTC, ISO 8601."""
    return datetime.now(UTC).isoformat(timespec=precision)


@dataclass(frozen=True)
class Entry:
    """A generation in the pointer.

    manifest: sha256 of its manifest.json. version: of the model in MLflow; None: never promoted.
    since: when it went live, or (as candidate) was built; UTC, ISO 8601.
    """

    generation: str
    manifest: str
    model: str
    dataset: str
    version: int | None
    since: str

    def same(self, other: Entry) -> bool:
        """Whether two entries differ in nothing but their time."""
        return replace(self, since="") == replace(other, since="")


@dataclass(frozen=True)
class Decided:
    """The last decision of the gate on the model in models/bundle. generation: the one that was verified."""

    model: str
    version: int
    promoted: bool
    forced: bool
    reasons: list[str]
    generation: str


@dataclass(frozen=True)
class Pointer:
    """The content of CURRENT. previous: newest first. candidate: what the stage `index` built last."""

    live: Entry
    previous: list[Entry] = field(default_factory=list)
    candidate: Entry | None = None
    decided: Decided | None = None

    @property
    def entries(self) -> list[Entry]:
        """What serves and what served, newest first."""
        return [self.live, *self.previous]

    @property
    def kept(self) -> list[Entry]:
        """All that must stay: the candidate, what serves and what served."""
        return [self.candidate, *self.entries] if self.candidate else self.entries

    @property
    def unpromoted(self) -> bool:
        """Whether the candidate's model has never served."""
        return self.candidate is not None and all(self.candidate.model != entry.model for entry in self.entries)


def read_pointer(folder: Path) -> Pointer:
    """What the index at `folder` serves; ForError if nothing does, or the pointer is damaged or of an older version."""
    path = folder / CURRENT
    if not path.exists():
        raise ForError(f"there is no index yet in {folder}; run `dvc repro`, or `for-cli index` if it was deleted")
    value = read_json(path, REMEDY)
    try:
        candidate, decided = value.get("candidate"), value.get("decided")
        return Pointer(
            Entry(**value["live"]),
            [Entry(**entry) for entry in value["previous"]],
            Entry(**candidate) if candidate else None,
            Decided(**decided) if decided else None,
        )
    except (TypeError, KeyError, AttributeError):
        old = isinstance(value, dict) and "generation" in value
        what = "was written by an earlier version of for-cli" if old else "is damaged"
        raise ForError(f"{path} {what}; {REMEDY}") from None


def find_pointer(folder: Path) -> Pointer | None:
    """The same, but None where nothing is live or the pointer is unusable."""
    with suppress(ForError):
        return read_pointer(folder)
    return None


def entry_of(folder: Path, generation: str, version: int | None) -> Entry:
    """The entry of a generation whose files are all there with the right sizes; ForError for any other."""
    manifest = check_files(folder / generation, hash_below=0)
    digest = file_hash(folder / generation / MANIFEST)
    return Entry(generation, digest, manifest.model, manifest.dataset, version, utc_now("milliseconds"))


def move(folder: Path, change: Callable[[Pointer | None], Pointer]) -> Pointer:
    """Replace the pointer by what `change` makes of it, in one step; returns the new one.

    A `change` that raises leaves it as it is. Where the live generation is on a server, its aliases move first: if the
    server does not answer, nothing has changed. Raises ForError: another process has been moving it for PATIENCE
    seconds, or a server does not answer.
    """
    from filelock import FileLock, Timeout

    folder.mkdir(parents=True, exist_ok=True)
    try:
        with FileLock(folder / ".pointer.lock", timeout=PATIENCE):
            old = find_pointer(folder)
            new = change(old)
            if new != old:
                _write(folder, old, new)
            return new
    except Timeout:
        raise ForError(f"another process is changing {folder}; wait until it has finished") from None


def _write(folder: Path, old: Pointer | None, new: Pointer) -> None:
    manifest = read_manifest(folder / new.live.generation)
    if manifest.collection and (old is None or old.live.generation != new.live.generation):
        from for_retrieval.release.engines import engine_class

        earlier = [find_manifest(folder / entry.generation) for entry in new.previous]
        names = [found.collection for found in earlier if found and found.collection != manifest.collection]
        engine_class(manifest.engine).publish(folder, manifest.collection, next(filter(None, names), None))
    for leftover in folder.glob(f".{CURRENT}.*"):  # of a process that was killed before it put it in place
        leftover.unlink()
    write_json(folder / CURRENT, asdict(new))


class Moved(ForError):
    """What served when the work began does not serve any more; nothing was changed."""


def go_live(folder: Path, generation: str, version: int | None, keep: int, *, over: Entry | None = None) -> Entry:
    """Serve `generation` from now on, as model `version`, and prune all but `keep` generations.

    Also kept: the newest one of an earlier champion, and the candidate. For those who hold the release lock.

    over: what must serve now, since the generation was made from it or judged against it. Raises ForError: the
    generation is missing or damaged, or its server does not answer. Moved: something else than `over` serves. In both
    cases the pointer stays as it is.
    """
    new = entry_of(folder, generation, version)

    def change(old: Pointer | None) -> Pointer:
        if over and (old is None or old.live != over):
            serves = f"{_named(old.live)} serves" if old else "nothing serves"
            raise Moved(f"{serves} now instead of {_named(over)}, so nothing was changed; run the same again")
        return with_live(old, new, keep)

    pointer = move(folder, change)
    prune(folder, {entry.generation for entry in pointer.kept})
    return pointer.live


def _named(entry: Entry) -> str:
    version = "" if entry.version is None else f", version {entry.version} of {entry.dataset}"
    return f"{entry.generation}{version}"


def with_live(old: Pointer | None, new: Entry, keep: int) -> Pointer:
    """The pointer with another live entry, and with the previous ones that are worth keeping."""
    if old is None:
        return Pointer(new)
    if old.live.same(new):
        return old
    # An old entry says nothing that `new` does not if it is the same generation, under no other version.
    previous = [e for e in old.entries if e.generation != new.generation or e.version not in (None, new.version)]
    kept, champion = previous[: keep - 1], earlier_champion(previous, new)
    return replace(old, live=new, previous=kept if champion is None or champion in kept else [*kept, champion])


def earlier_champion(entries: list[Entry], live: Entry) -> Entry | None:
    """The newest entry of another promoted version of the same set."""
    return next((e for e in entries if e.dataset == live.dataset and e.version not in (None, live.version)), None)


def roll_back(folder: Path, *, champion: bool) -> Entry:
    """Serve again what served before, of the set that serves, without the release lock.

    champion: go back to the newest generation of another promoted version, not just one generation. Raises ForError:
    there is nothing to go back to, it is damaged, or its server does not answer.
    """

    def change(old: Pointer | None) -> Pointer:
        old = old or read_pointer(folder)  # raises, and says why
        here = _of_one_set(folder, old.previous, old.live.generation)
        target = earlier_champion(here, old.live) if champion else next(iter(here), None)
        if target is None:
            what = "champion" if champion else "generation"
            why = f"there is no earlier {what} of {old.live.dataset} in {folder}; it serves {old.live.generation}"
            if other := next((entry for entry in old.previous if entry not in here), None):
                why += (
                    f"; what served before, {_named(other)}, is of another set, {set_of(folder / other.generation)}: "
                    "to serve it again, name that set in params.yaml (data) and run `dvc repro`"
                )
            raise ForError(why)
        new = entry_of(folder, target.generation, target.version)
        if new.manifest != target.manifest:
            raise ForError(f"{folder / target.generation} is not what served before; {REMEDY}")
        return replace(old, live=new, previous=[old.live, *(entry for entry in old.previous if entry != target)])

    return move(folder, change).live


def _of_one_set(folder: Path, entries: list[Entry], generation: str) -> list[Entry]:
    return [entry for entry in entries if same_set(folder / entry.generation, folder / generation)]


def add_candidate(folder: Path, generation: str, keep: int) -> str:
    """Record what the stage `index` built, and let it serve if no champion of its set does; returns what was done."""
    new, note = entry_of(folder, generation, None), ""

    def change(old: Pointer | None) -> Pointer:
        nonlocal note
        if old is None:
            note = "it serves now: nothing else did"
            return Pointer(new, candidate=new)
        candidate = old.candidate if old.candidate and old.candidate.same(new) else new
        old = replace(old, candidate=candidate)
        if old.live.generation == generation:  # rebuilt, perhaps: the pointer knows its manifest
            return with_live(old, replace(new, version=old.live.version), keep)
        if not _of_one_set(folder, [old.live], generation):
            here = _of_one_set(folder, old.previous, generation)
            champion = next((entry for entry in here if entry.version is not None), None)
            serves = f"version {champion.version} serves again" if champion else "it serves now"
            note = f"{serves}: the old one is of another set, {set_of(folder / old.live.generation)}"
            return with_live(old, replace(champion or new, since=new.since), keep)
        if old.live.version is None:
            note = f"it serves now: {old.live.generation} was never promoted"
            return with_live(old, new, keep)
        note = f"version {old.live.version} goes on serving until `for-cli models promote`"
        return old

    prune(folder, {entry.generation for entry in move(folder, change).kept})
    return note


def record_decision(folder: Path, decided: Decided) -> None:
    """Write down what the gate said of the model in models/bundle: the last step of a promotion, and of a refusal."""
    move(folder, lambda old: replace(old or read_pointer(folder), decided=decided))


def bundled_model(project: Project) -> str | None:
    """The id of the model in models/bundle; None where there is none."""
    with suppress(ForError, KeyError, TypeError):
        return str(read_json(project.bundle / "bundle.json")["model"])
    return None


def needs_release(project: Project) -> bool:
    """Whether the model in models/bundle has not been decided on."""
    pointer, model = find_pointer(project.index), bundled_model(project)
    return model is None or pointer is None or pointer.decided is None or pointer.decided.model != model
