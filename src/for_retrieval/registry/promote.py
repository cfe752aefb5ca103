"""Promotion: the gate, the pointer, the alias, in this order. What fails before the pointer leaves the champion."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path

from for_retrieval.errors import ForError
from for_retrieval.files import read_json
from for_retrieval.index.live import bundle_of, candidate, go_live, is_live
from for_retrieval.project import Project
from for_retrieval.registry.decision import Decision
from for_retrieval.registry.rollback import follow
from for_retrieval.registry.state import Release, frozen_path, lock_of, read_release, write_release
from for_retrieval.registry.versions import CHALLENGER, CHAMPION, Registry, Version, opened


def promote(project: Project, version: str | int | None = None, force: bool = False) -> Decision:
    """Let a version (number or alias; by default the challenger) serve, if it passes the gate.

    The decision is written to the version's tags and, as decision.json, to its run; data/release.json comes last.

    Args:
        force: promote although it is not better. A damaged index is refused all the same.

    Raises:
        ForError: there is no such version, no generation of it, or MLflow fails.
    """
    from for_retrieval.registry.judge import judge

    with opened(project) as registry:
        follow(project, registry)
        chosen = registry.find(str(version) if version is not None else _due(project, registry))
        generation = generation_of(project, chosen)
        live = is_live(project.index)
        serving = live.live if live else None
        if serving and serving.version == chosen.number and not (force and serving.generation != generation):
            generation = serving.generation  # refreshed since, perhaps: newer than what the stage built
            decision = _serving(chosen, generation)
        else:
            decision = judge(project, chosen.number, chosen.model, generation, serving, force)
            _record(project, registry, chosen, decision)
        if decision.promoted:
            go_live(project.index, generation, chosen.number, project.settings.keep_generations)
            registry.alias(CHAMPION, chosen.number)
            if CHALLENGER in chosen.aliases:
                registry.drop_alias(CHALLENGER)
    _release(project, chosen, decision)
    return decision


def _due(project: Project, registry: Registry) -> str:
    """The version of the present dvc.lock, else the challenger.

    The former also where it serves already, so that a promotion that was cut short can end.
    """
    lock = project.root / "dvc.lock"
    found = registry.with_lock(lock_of(project)) if lock.exists() else None
    return str(found.number) if found else CHALLENGER


def generation_of(project: Project, version: Version) -> str:
    """The generation of a version's model: what the stage `index` built last, or an earlier one that is still there.

    Raises:
        ForError: there is none.
    """
    folder, live = project.index, is_live(project.index)
    served = [live.live.generation, *(entry.generation for entry in live.previous)] if live else []
    for name in (candidate(folder), *served):
        if name and _model(folder, name) == version.model:
            return name
    raise ForError(
        f"no index of version {version.number} (model {version.model}) is in {folder}; "
        "check its dvc.lock out and run `dvc checkout`, then `for-cli index`"
        if candidate(folder)
        else f"no index of version {version.number} has been built in {folder}; run `for-cli index`"
    )


def _model(folder: Path, generation: str) -> str | None:
    try:
        return str(read_json(bundle_of(folder, generation) / "bundle.json")["model"])
    except (ForError, KeyError, TypeError):
        return None


def _serving(version: Version, generation: str) -> Decision:
    """The decision on what serves already, as the record has it: a promotion that was cut short ends here."""
    tags = version.tags if version.tags.get("decision") in ("promoted", "forced") else {}  # not a later refusal
    said = tags.get("decision_reasons", "it serves already").split("\n")
    compared = tags.get("compared_with", "none")
    champion = int(compared) if compared.isdigit() else None
    return Decision(version.number, version.model, generation, champion, True, tags.get("forced") == "true", said)


def _record(project: Project, registry: Registry, version: Version, decision: Decision) -> None:
    now = datetime.now(UTC).isoformat(timespec="seconds")
    client = registry.mlflow.client
    client.log_dict(version.run, {**decision.to_json(), "time": now}, "decision.json")
    if (images := frozen_path(project, version.dataset)).exists():
        client.log_artifact(version.run, str(images), "validation")
    registry.tag(version.number, decision.tags(now))


def _release(project: Project, version: Version, decision: Decision) -> None:
    """Note that this dvc.lock is decided; a decision on an older version does not make the present one so."""
    last = read_release(project)
    present = lock_of(project) if (project.root / "dvc.lock").exists() else None
    lock = version.lock if version.lock == present or last is None else last.lock
    write_release(
        project,
        Release(lock, version.number, decision.promoted, decision.forced, decision.reasons, decision.generation),
    )
