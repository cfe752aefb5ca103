"""Everything that is asked of a version before it may serve: a sound index, known answers, and the gate."""

from __future__ import annotations

import dataclasses

from for_retrieval.data.records import Records, load_records
from for_retrieval.errors import ForError
from for_retrieval.index.live import Served, bundle_of
from for_retrieval.index.verify import sample_texts, verify_generation
from for_retrieval.model.tower import find_device
from for_retrieval.project import Project
from for_retrieval.registry.canary import Asked, ask
from for_retrieval.registry.comparison import by_subset, freeze, means, measure
from for_retrieval.registry.decision import Decision
from for_retrieval.registry.gate import decide
from for_retrieval.train.bundled import Bundled, load_bundled


def judge(project: Project, version: int, model: str, generation: str, live: Served | None, force: bool) -> Decision:
    """Verify the generation of a version, ask the canaries, compare with what serves (`live`).

    A generation that does not verify is refused, also with `force`.
    """
    blank = Decision(version, model, generation, None, False, False, [])
    records = load_records(project.prepared)
    try:
        device = find_device(project.settings.device)
        made = load_bundled(bundle_of(project.index, generation), device, project.root)
        problems = _problems(project, records, generation, made)
        canaries = [] if problems else _canaries(project, records, generation)
    except ForError as error:  # it cannot even be opened
        problems, canaries = [str(error)], []
    if problems:
        return dataclasses.replace(blank, reasons=[*problems, "refused: the index is not what it should be"])
    compared = _compare(project, records, blank, made, live)
    failed = [asked.query for asked in canaries if not asked.passed]
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


def _problems(project: Project, records: Records, generation: str, model: Bundled) -> list[str]:
    texts, bound = sample_texts(records), project.params.promote.recall
    return verify_generation(project.index / generation, generation, model, project.cache, texts, bound).problems


def _canaries(project: Project, records: Records, generation: str) -> list[Asked]:
    params, bundle = project.params, bundle_of(project.index, generation)
    gallery: list[str] = list(params.index.gallery)
    return ask(records, gallery, project.index / generation, bundle, params.promote.canary, params.evaluate.small)


def _compare(project: Project, records: Records, blank: Decision, made: Bundled, live: Served | None) -> Decision:
    """The gate proper: `blank`, with whether it passes, the reasons and the figures."""
    images, alone = freeze(project, records), _no_champion(live, records)
    blank = dataclasses.replace(blank, images=len(images))
    models = {"challenger": made}
    if live is not None and not alone:
        blank = dataclasses.replace(blank, champion=live.version)
        try:
            bundle = bundle_of(project.index, live.generation)
            models["champion"] = load_bundled(bundle, find_device(project.settings.device), project.root, made)
        except ForError as error:
            return dataclasses.replace(blank, reasons=[f"refused: the champion cannot be measured: {error}"])
    scores = measure(project, records, images, models)
    if scores is None:
        reason = "no comparison: the validation images have no labels"
        return dataclasses.replace(blank, promoted=True, reasons=[reason])
    if alone:
        figures = {name: {"challenger": value} for name, value in means(scores["challenger"]).items()}
        said = [f"{name}: {value['challenger']:.2f} points of mAP@50 r40" for name, value in figures.items()]
        return dataclasses.replace(blank, promoted=True, reasons=[*said, alone], comparison=figures)
    rules = project.params.promote
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
        return "no comparison: it is the first champion"
    if live.dataset != records.info.name:
        return f"no comparison: the champion belongs to another set, {live.dataset}"
    return None
