"""The last line of a release: what serves now, and why. Loads nothing heavy."""

from __future__ import annotations

from typing import TYPE_CHECKING

from for_retrieval.project import Project
from for_retrieval.release.pointer import find_pointer, needs_release

if TYPE_CHECKING:
    from for_retrieval.release.gate import Decision


def due(project: Project, force: bool) -> bool:
    """Whether something was trained since the last decision, or a refused version is to be forced."""
    pointer = find_pointer(project.index)
    last = pointer.decided if pointer else None
    return needs_release(project) or (force and last is not None and not last.promoted)


def serving(project: Project) -> str:
    """Who answers queries: ``version 3 (gen-0123456789ab)``."""
    pointer = find_pointer(project.index)
    if pointer is None:
        return "nothing"
    live = pointer.live
    version = f"version {live.version}" if live.version is not None else "a model that was never promoted"
    return f"{version} ({live.generation})"


def decided(project: Project, decision: Decision) -> str:
    """The outcome of a gate in one line."""
    if decision.promoted:
        how = ", by --force" if decision.forced else ""
        return f"version {decision.version} is the champion{how} ({decision.generation})"
    why = next((reason for reason in reversed(decision.reasons) if reason.startswith("refused")), "refused")
    return f"version {decision.version} was {why}; {serving(project)} keeps serving"


def unchanged(project: Project) -> str:
    """Where the model in models/bundle has been decided on already."""
    return f"nothing to release: nothing was trained since the last decision; {serving(project)} serves"
