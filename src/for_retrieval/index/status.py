"""What is there: the generations, which of them serves, and what a refresh would do."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from for_retrieval.errors import ForError
from for_retrieval.index.live import Served, read_candidate, read_live
from for_retrieval.index.manifest import read_manifest
from for_retrieval.project import Project


@dataclass(frozen=True)
class Status:
    """generations: one entry each, the live one first. waiting: what a refresh would do; None where unknown.

    why: why it is unknown.
    """

    generations: list[dict[str, Any]]
    waiting: dict[str, int] | None
    why: str

    def to_json(self) -> dict[str, Any]:
        """All of it, for programs."""
        return {"generations": self.generations, "waiting": self.waiting, "why": self.why}


def status(project: Project) -> Status:
    """Look at the index of a project.

    Raises:
        ForError: nothing is live, or the pointer is damaged.
    """
    folder = project.index
    live, built = read_live(folder), read_candidate(folder)
    entries = [_entry(folder, "live", live.live), *(_entry(folder, "previous", entry) for entry in live.previous)]
    if built and all(built.generation != entry["generation"] for entry in entries):
        entries.append(_entry(folder, "candidate", built))
    try:
        return Status(entries, _waiting(project), "")
    except ForError as error:
        return Status(entries, None, str(error))


def _entry(folder: Path, role: str, served: Served) -> dict[str, Any]:
    entry: dict[str, Any] = {
        "role": role,
        "generation": served.generation,
        "version": served.version,
        "model": served.model,
        "dataset": served.dataset,
        "since": served.since,
    }
    try:
        manifest = read_manifest(folder / served.generation)
    except ForError as error:
        return {**entry, "problem": str(error)}
    return {**entry, "engine": manifest.engine, "images": manifest.n_images, "regions": manifest.n_points}


def _waiting(project: Project) -> dict[str, int]:
    from for_retrieval.data.records import load_records
    from for_retrieval.index.gallery import waiting

    found = waiting(project, load_records(project.prepared)).changes
    return {"new": len(found.new), "changed": len(found.changed), "deleted": len(found.deleted)}
