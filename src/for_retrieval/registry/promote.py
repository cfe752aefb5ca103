"""Promotion: the gate, the pointer, the alias, in this order. What fails before the pointer leaves the champion."""

from __future__ import annotations

import dataclasses
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING

from for_retrieval.errors import ForError
from for_retrieval.index.live import Served, bundle_of, candidate, go_live, is_live
from for_retrieval.project import Project
from for_retrieval.registry.decision import Decision
from for_retrieval.registry.gate import decide
from for_retrieval.registry.rollback import follow
from for_retrieval.registry.state import Release, lock_of, read_release, write_release
from for_retrieval.registry.versions import CHALLENGER, CHAMPION, Registry, Version, opened

if TYPE_CHECKING:
    from for_retrieval.data.records import Records


def promote(project: Project, version: str | int | None = None, force: bool = False) -> Decision:
    """Let a version (number or alias; by default the challenger) serve, if it passes the gate.

    The decision is written to the version's tags and, as decision.json, to its run; data/release.json comes last.

    Args:
        force: promote although it is not better. A damaged index is refused all the same.

    Raises:
        ForError: there is no such version, no generation of it, or MLflow fails.
    """
    with opened(project) as registry:
        follow(project, registry)
        chosen = registry.find(str(version) if version is not None else _due(project, registry))
        generation = generation_of(project, chosen)
        live = is_live(project.index)
        if live and (live.live.generation, live.live.version) == (generation, chosen.number):
            decision = _serving(chosen, generation)
        else:
            decision = judge(project, chosen, generation, live.live if live else None, force)
            _record(registry, chosen, decision)
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
    from for_retrieval.registry.comparison import bundle_says

    try:
        return str(bundle_says(bundle_of(folder, generation), "model"))
    except ForError:
        return None


def judge(project: Project, version: Version, generation: str, live: Served | None, force: bool) -> Decision:
    """Verify the generation, ask the canaries, compare with the champion."""
    from for_retrieval.data.records import load_records
    from for_retrieval.registry.canary import ask

    records, params = load_records(project.prepared), project.params
    blank = Decision(version.number, version.model, generation, None, False, False, [])
    if damage := problems_of(project, generation):
        return dataclasses.replace(blank, reasons=[*damage, "refused: the index is not what it should be"])
    bundle = bundle_of(project.index, generation)
    canaries = ask(
        records, list(params.index.gallery), project.index / generation, bundle, params.promote.canary,
        params.evaluate.small,
    )  # fmt: skip
    failed = [asked.query for asked in canaries if not asked.passed]
    compared = _compare(project, records, blank, bundle, live)
    reasons = ["the index verifies", *(asked.sentence() for asked in canaries), *compared.reasons]
    if failed:
        reasons.append(f"refused: {len(failed)} of {len(canaries)} canaries return too little of what they ask for")
    passed = compared.promoted and not failed
    if force and not passed:
        reasons.append("promoted all the same, by --force")
    return dataclasses.replace(
        compared,
        promoted=passed or force,
        forced=force and not passed,
        reasons=reasons,
        canaries=[asked.to_json() for asked in canaries],
    )


def problems_of(project: Project, generation: str) -> list[str]:
    """What is wrong with a generation, a sentence each; none where files, counts and answers are right."""
    from for_retrieval.index.verify import verify

    try:
        return verify(project, generation).problems
    except ForError as error:  # it cannot even be opened
        return [str(error)]


def _compare(project: Project, records: Records, blank: Decision, bundle: Path, live: Served | None) -> Decision:
    """The gate proper: `blank`, with whether it passes, the reasons and the figures."""
    from for_retrieval.registry.comparison import by_subset, freeze, means, measure

    rules = project.params.promote
    alone = _no_champion(live, records)
    images = freeze(project, records)
    bundles = {"challenger": bundle} if alone or live is None else {
        "champion": bundle_of(project.index, live.generation), "challenger": bundle,
    }  # fmt: skip
    champion = live.version if live and not alone else None
    blank = dataclasses.replace(blank, champion=champion, images=len(images))
    try:
        scores = measure(project, records, images, bundles)
    except ForError as error:
        return dataclasses.replace(blank, reasons=[f"refused: the comparison is impossible, {error}"])
    if scores is None:
        reason = "promoted without a comparison: the validation images have no labels"
        return dataclasses.replace(blank, promoted=True, reasons=[reason])
    if alone:
        figures = {name: {"challenger": value} for name, value in means(scores["challenger"]).items()}
        said = [f"{name}: {value['challenger']:.2f} points of mAP@50 r40" for name, value in figures.items()]
        return dataclasses.replace(blank, promoted=True, reasons=[*said, alone], comparison=figures)
    verdict = decide(
        by_subset(scores["champion"]),
        by_subset(scores["challenger"]),
        tolerance=rules.tolerance,
        confidence=rules.confidence,
        resamples=rules.resamples,
        seed=project.params.seed,
    )
    figures = {name: found.to_json() for name, found in verdict.comparison.items()}
    return dataclasses.replace(blank, promoted=verdict.passed, reasons=verdict.reasons, comparison=figures)


def _no_champion(live: Served | None, records: Records) -> str | None:
    """Why there is nothing to compare with; None where there is a champion."""
    if live is None or live.version is None:
        return "promoted without a comparison: it is the first champion"
    if live.dataset != records.info.name:
        return f"promoted without a comparison: the champion belongs to another set, {live.dataset}"
    return None


def _serving(version: Version, generation: str) -> Decision:
    """The decision on what serves already, as the record has it: a promotion cut short ends here."""
    reasons = version.tags["decision_reasons"].split("\n") if "decision_reasons" in version.tags else []
    forced = version.tags.get("forced") == "true"
    said = [*reasons, f"version {version.number} serves"]
    return Decision(version.number, version.model, generation, None, True, forced, said)


def _record(registry: Registry, version: Version, decision: Decision) -> None:
    now = datetime.now(UTC).isoformat(timespec="seconds")
    registry.mlflow.client.log_dict(version.run, {**decision.to_json(), "time": now}, "decision.json")
    registry.tag(version.number, decision.tags(now))


def _release(project: Project, version: Version, decision: Decision) -> None:
    """Note that this dvc.lock is decided; one of an older version does not make the present one so."""
    last, present = read_release(project), lock_of(project)
    lock = present if version.lock == present or last is None else last.lock
    lock = version.lock if last is None else lock
    write_release(
        project,
        Release(lock, version.number, decision.promoted, decision.forced, decision.reasons, decision.generation),
    )
