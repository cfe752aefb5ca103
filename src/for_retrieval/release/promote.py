"""Register, promote and roll back: the steps between a trained model and the one that serves."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import asdict, dataclass, replace
from importlib.metadata import version as installed
from pathlib import Path
from typing import TYPE_CHECKING, Any

from for_retrieval.errors import ForError
from for_retrieval.files import read_json
from for_retrieval.project import Project
from for_retrieval.release.mlflow_store import CHALLENGER, CHAMPION, Registry, Version, connected, default
from for_retrieval.release.pointer import (
    Decided,
    Entry,
    Moved,
    Pointer,
    Say,
    bundled_model,
    entry_of,
    find_pointer,
    go_live,
    move,
    needs_release,
    record_decision,
    release_lock,
    roll_back,
    utc_now,
)
from for_retrieval.release.training_runs import common_tags, find_parent, log_numbers, score_metrics, shared_params

if TYPE_CHECKING:
    from mlflow.entities import Run

    from for_retrieval.model.model import Model
    from for_retrieval.records.records import Records
    from for_retrieval.release.gate import Decision

CODE = Path(__file__).with_name("query_tower.py")
NEEDS = ("for-retrieval", "numpy", "onnxruntime", "tokenizers")  # to load a version outside this project


@dataclass(frozen=True)
class Registered:
    """created: False where this model had its version already."""

    name: str
    version: int
    model: str
    created: bool


def register(project: Project, *, wait: bool = False, say: Say | None = None) -> Registered:
    """Register the bundle as the next version, with the alias ``challenger``; a model has one version.

    wait: for whoever holds the release lock, instead of failing; `say` is told of it. Raises Busy: another process
    holds the lock. ForError: there is no bundle, it is of another set than params.yaml names, or MLflow fails.
    """
    with release_lock(project.root, "models register", wait=wait, say=say):
        bundle = read_json(project.bundle / "bundle.json", "run `dvc repro export`")
        if "dataset" not in bundle:
            raise ForError(f"{project.bundle} was written by an earlier version of for-cli; run `dvc repro export`")
        name = bundle["dataset"]["name"]
        if name != project.params.data.name:
            here = f"params.yaml names {project.params.data.name}; run `dvc repro`"
            raise ForError(f"{project.bundle} was trained on {name}, but {here}")
        with connected(project, name) as registry, default(registry):
            found = registry.with_model(bundle["model"])
            number = found.number if found else _create(project, registry, bundle)
            if found is None or CHAMPION not in found.aliases:
                registry.alias(CHALLENGER, number)
            return Registered(name, number, bundle["model"], created=found is None)


def _create(project: Project, registry: Registry, bundle: dict[str, Any]) -> int:
    """Log the bundle in a run of its own and make a version of it; what a killed attempt left is marked."""
    from mlflow.exceptions import MlflowException

    client = registry.client
    wanted = f"tags.kind = 'release' and tags.model = '{bundle['model']}' and attributes.status = 'RUNNING'"
    for cut_short in client.search_runs([registry.experiment], wanted):
        client.set_terminated(cut_short.info.run_id, "KILLED")
    tags = common_tags(project, bundle["dataset"])
    tags |= {"kind": "release", "model": bundle["model"], "run": bundle["run"]}
    above = {"mlflow.parentRunId": find_parent(registry, project, tags)}
    run = client.create_run(registry.experiment, tags=tags | above, run_name=f"release {bundle['model']}")
    model = _log(project, registry, run, bundle)
    try:
        client.create_registered_model(registry.name, description="FOR: images by words; queries read the bundle.")
    except MlflowException as error:
        if error.error_code != "RESOURCE_ALREADY_EXISTS":
            raise
    made = client.create_model_version(
        registry.name, model.model_uri, run.info.run_id, tags=tags, model_id=model.model_id, await_creation_for=0
    )
    client.set_terminated(run.info.run_id, "FINISHED")
    return int(made.version)


def _log(project: Project, registry: Registry, run: Run, bundle: dict[str, Any]) -> Any:
    """Parameters, validation scores and the bundle itself, as a model from code."""
    import mlflow

    settings = project.params.train.runs.get(bundle["run"])
    own = {"name": bundle["run"], **(settings.model_dump(mode="json") if settings else {})}
    scores = score_metrics(read_json(project.bundle / "metrics.json", "run `dvc repro export`"))
    log_numbers(registry, run.info.run_id, scores, {**shared_params(project), "run": own})
    with mlflow.start_run(run_id=run.info.run_id, log_system_metrics=False):
        return mlflow.pyfunc.log_model(
            name="model",
            python_model=str(CODE),
            artifacts={"bundle": str(project.bundle)},
            pip_requirements=[f"{package}=={installed(package)}" for package in NEEDS],
        )


def rollback(project: Project) -> Entry:
    """Serve the previous champion with its own index again; it neither waits for a lock nor needs MLflow.

    The alias follows in a process of its own, or else at the next command of `for-cli models`. Raises ForError: there
    is no earlier champion of this set, or its generation is damaged.
    """
    entry = roll_back(project.index, champion=True)
    log = project.root / "var" / "mlflow" / "alias.log"
    command = [sys.executable, "-m", "for_retrieval", "--project", str(project.root), "models", "reconcile"]
    with suppress(OSError):  # a full disk, say; the next command of `models` does it
        log.parent.mkdir(parents=True, exist_ok=True)
        with log.open("ab") as output:
            subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=output, stderr=output, start_new_session=True)
    return entry


def reconcile(project: Project) -> None:
    """Point the alias ``champion`` at the version that serves; ForError where MLflow cannot be reached."""
    if (pointer := find_pointer(project.index)) and pointer.live.version is not None:
        with reconciled(project, pointer.live.dataset):
            pass


@contextmanager
def reconciled(project: Project, name: str | None = None) -> Iterator[Registry]:
    """What `connected` yields, once its alias is right."""
    with connected(project, name) as registry:
        _point_alias(project, registry)
        yield registry


def _point_alias(project: Project, registry: Registry) -> None:
    """The registry of another dataset than the one that serves stays as it is."""
    pointed = None
    while (pointer := find_pointer(project.index)) and pointer.live.version != pointed:  # a rollback does not wait
        pointed = pointer.live.version
        if pointer.live.dataset != registry.name:
            return
        for version in registry.versions():
            if version.number == pointed and CHAMPION not in version.aliases:
                registry.alias(CHAMPION, version.number)


def promote(
    project: Project, version: str | None = None, force: bool = False, *, wait: bool = False, say: Say | None = None
) -> Decision:
    """Let a version (number or alias; by default that of models/bundle) serve, if it passes the gate.

    Its index is first brought up to date with the files, as `refresh` does. The decision is written to the version's
    tags and, as decision.json, to its run; the pointer has the last one.

    force: promote although it is not better. A damaged index is refused all the same. wait: for whoever holds the
    release lock, instead of failing; `say` is told of it. Raises Busy: another process holds the lock. Moved: what it
    was judged against does not serve any more; nothing was changed. ForError: there is no such version, no generation
    of it, or MLflow fails.
    """
    from for_retrieval.release.gate import judge
    from for_retrieval.release.refresh import take_up

    with release_lock(project.root, "models promote", wait=wait, say=say), reconciled(project) as registry:
        # By default the version of models/bundle also where it serves, so that a promotion that was cut short can end.
        bundled = registry.with_model(bundled_model(project)) if version is None else None
        chosen = bundled or registry.find(version or CHALLENGER)
        pointer, generation = _generation_of(project, chosen)
        live = pointer.live
        if (live.dataset, live.version) == (chosen.dataset, chosen.number):
            decision = _serving(chosen, live.generation)
        else:
            records = take_up(project)
            generation, model = _up_to_date(project, records, pointer, generation)
            entry = entry_of(project.index, generation, chosen.number)
            decision = judge(project, records, chosen.number, entry, live, force=force, made=model)
            _record(project, registry, chosen, decision)
            if decision.promoted:
                _go_live(project, registry, chosen, decision, live)
        if decision.promoted:
            _point_alias(project, registry)
            if CHALLENGER in chosen.aliases:
                registry.client.delete_registered_model_alias(registry.name, CHALLENGER)
        if chosen.model == bundled_model(project) or pointer.decided is None:
            said = decision.promoted, decision.forced, decision.reasons, decision.generation
            record_decision(project.index, Decided(chosen.model, chosen.number, *said))
    return decision


def _generation_of(project: Project, version: Version) -> tuple[Pointer, str]:
    """The pointer, and the generation of a version's model: the candidate, or an earlier one that is still there."""
    pointer = find_pointer(project.index)
    for entry in pointer.kept if pointer else ():
        if pointer and entry.model == version.model:
            return pointer, entry.generation
    raise ForError(
        f"no index of version {version.number} (model {version.model}) is in {project.index}; "
        "check out the commit that made it, run `dvc checkout`, then `for-cli index`"
        if pointer and pointer.candidate
        else f"no index of version {version.number} has been built in {project.index}; run `for-cli index`"
    )


def _up_to_date(project: Project, records: Records, pointer: Pointer, generation: str) -> tuple[str, Model | None]:
    """A generation with today's gallery, and its model where it had to be loaded; nothing of it serves yet."""
    from for_retrieval.release.refresh import apply_update, plan_update

    plan = plan_update(project, records, generation)
    if not plan.needed:
        return generation, None
    model, *_ = apply_update(project, records, plan, verified=False, progress=False)
    if pointer.candidate and pointer.candidate.generation == generation:  # also kept if it is refused
        candidate = entry_of(project.index, plan.name, None)
        move(project.index, lambda old: replace(old or pointer, candidate=candidate))
    return plan.name, model


def _go_live(project: Project, registry: Registry, chosen: Version, decision: Decision, live: Entry) -> None:
    try:
        go_live(project.index, decision.generation, chosen.number, project.settings.keep_generations, over=live)
    except Moved as moved:
        reasons = [*decision.reasons, f"not promoted: {moved}"]
        _record(project, registry, chosen, replace(decision, promoted=False, forced=False, reasons=reasons))
        raise


def _serving(version: Version, generation: str) -> Decision:
    """The decision on what serves already, as the record has it: a promotion that was cut short ends here."""
    from for_retrieval.release.gate import Decision

    tags = version.tags if version.tags.get("decision") in ("promoted", "forced") else {}  # not a later refusal
    reasons = tags.get("decision_reasons", "it serves already").split("\n")
    champion = int(tags["compared_with"]) if tags.get("compared_with", "none").isdigit() else None
    return Decision(version.number, version.model, generation, champion, True, tags.get("forced") == "true", reasons)


def _record(project: Project, registry: Registry, version: Version, decision: Decision) -> None:
    from for_retrieval.release.gate import frozen_path

    now, client = utc_now(), registry.client
    client.log_dict(version.run, {**asdict(decision), "time": now}, "decision.json")
    if (images := frozen_path(project, version.dataset)).exists():
        client.log_artifact(version.run, str(images), "validation")
    for key, value in decision.tags(now).items():  # of which MLflow keeps 5,000 characters
        client.set_model_version_tag(registry.name, str(version.number), key, value[:5000])


def due(project: Project, force: bool) -> bool:
    """Whether models/bundle holds a model that was not decided on, or a refused one that is to be forced."""
    pointer = find_pointer(project.index)
    refused = pointer is not None and pointer.decided is not None and not pointer.decided.promoted
    return needs_release(project) or (force and refused)


def outcome(project: Project, decision: Decision | None) -> str:
    """A decision in one line, with what serves now; None where nothing is due."""
    pointer = find_pointer(project.index)
    version = pointer.live.version if pointer else None
    name = "a model that was never promoted" if version is None else f"version {version}"
    serves = f"{name} ({pointer.live.generation})" if pointer else "nothing"
    if decision is None:
        return f"nothing to release: nothing was trained since the last decision; {serves} serves"
    if decision.promoted:
        how = ", by --force" if decision.forced else ""
        return f"version {decision.version} is the champion{how} ({decision.generation})"
    why = next((reason for reason in reversed(decision.reasons) if reason.startswith("refused")), "refused")
    return f"version {decision.version} was {why}; {serves} keeps serving"
