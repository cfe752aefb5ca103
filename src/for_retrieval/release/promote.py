"""Register, promote and roll back: the steps between a trained model and the one that serves."""

from __future__ import annotations

import subprocess
import sys
from dataclasses import dataclass
from datetime import UTC, datetime
from importlib.metadata import version as installed
from pathlib import Path
from typing import TYPE_CHECKING, Any

from for_retrieval.errors import ForError
from for_retrieval.files import read_json
from for_retrieval.project import Project
from for_retrieval.release.gate import Decision
from for_retrieval.release.mlflow_store import CHALLENGER, CHAMPION, Registry, Version, default, only_one, opened
from for_retrieval.release.pointer import (
    Release,
    Served,
    bundle_of,
    candidate,
    frozen_path,
    go_live,
    is_live,
    lock_of,
    read_release,
    roll_back,
    write_release,
)
from for_retrieval.release.training_runs import (
    common_tags,
    find_parent,
    flattened,
    group_of,
    score_metrics,
    shared_params,
)

if TYPE_CHECKING:
    from mlflow.entities import Run

    from for_retrieval.release.mlflow_store import Registry


CODE = Path(__file__).with_name("query_tower.py")
NEEDS = ("for-retrieval", "numpy", "onnxruntime", "tokenizers")  # to load a version outside this project


@dataclass(frozen=True)
class Registered:
    """created: False where this dvc.lock had its version already."""

    name: str
    version: int
    model: str
    created: bool


def register(project: Project) -> Registered:
    """Register the bundle as the next version, with the alias ``challenger``.

    Raises:
        ForError: there is no dvc.lock or bundle, they do not belong together, or MLflow fails.
    """
    lock = lock_of(project)
    bundle = read_json(project.bundle / "bundle.json", "run `dvc repro export`")
    if "dataset" not in bundle:
        raise ForError(f"{project.bundle} was written by an earlier version of for-cli; run `dvc repro export`")
    name = bundle["dataset"]["name"]
    if name != project.params.data.name:
        raise ForError(
            f"{project.bundle} was trained on {name}, but params.yaml names {project.params.data.name}; run `dvc repro`"
        )
    with opened(project, name) as registry, only_one(registry.mlflow.folder, "register"), default(registry.mlflow):
        found = registry.with_lock(lock)
        if found is not None and found.model != bundle["model"]:
            raise ForError(
                f"{project.bundle} holds model {bundle['model']}, but dvc.lock belongs to {found.model} "
                f"(version {found.number}); run `dvc repro export`"
            )
        created = found is None
        number = found.number if found else _create(project, registry, lock, bundle)
        if found is None or CHAMPION not in found.aliases:
            registry.alias(CHALLENGER, number)
        return Registered(name, number, bundle["model"], created)


def _create(project: Project, registry: Registry, lock: str, bundle: dict[str, Any]) -> int:
    """Log the bundle in a run of its own and make a version of it; what a killed attempt left is marked."""
    from mlflow.exceptions import MlflowException

    client = registry.mlflow.client
    wanted = f"tags.kind = 'release' and tags.dvc_lock = '{lock}' and attributes.status = 'RUNNING'"
    for cut_short in client.search_runs([registry.mlflow.experiment], wanted):
        client.set_terminated(cut_short.info.run_id, "KILLED")
    tags = {**common_tags(project, bundle["dataset"]), "group": group_of(project, bundle["dataset"]["digest"])}
    tags |= {"kind": "release", "dvc_lock": lock, "model": bundle["model"], "run": bundle["run"]}
    parent = find_parent(registry.mlflow, project, tags)
    run = client.create_run(
        registry.mlflow.experiment, tags={**tags, "mlflow.parentRunId": parent}, run_name=f"release {bundle['model']}"
    )
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
    from mlflow.entities import Metric, Param

    client, identity = registry.mlflow.client, run.info.run_id
    params = flattened({**shared_params(project), "run": {"name": bundle["run"]}})
    settings = project.params.train.runs.get(bundle["run"])
    params |= flattened(settings.model_dump(mode="json"), "run") if settings else {}
    scores = score_metrics(read_json(project.bundle / "metrics.json", "run `dvc repro export`"))
    client.log_batch(identity, params=[Param(key, value[:6000]) for key, value in params.items()])
    client.log_batch(identity, metrics=[Metric(key, value, run.info.start_time, 0) for key, value in scores.items()])
    with mlflow.start_run(run_id=identity, log_system_metrics=False):
        return mlflow.pyfunc.log_model(
            name="model",
            python_model=str(CODE),
            artifacts={"bundle": str(project.bundle)},
            pip_requirements=[f"{package}=={installed(package)}" for package in NEEDS],
        )


def rollback(project: Project) -> Served:
    """Serve the previous champion with its own index again; neither imports nor needs MLflow.

    The alias follows in a process of its own, or else at the next command of `for-cli models`.

    Raises:
        ForError: there is no earlier champion, or its generation is damaged.
    """
    served = roll_back(project.index, champion=True)
    _follow_later(project)
    return served


def _follow_later(project: Project) -> None:
    log = project.root / "var" / "mlflow" / "alias.log"
    command = [sys.executable, "-m", "for_retrieval", "--project", str(project.root), "models", "reconcile"]
    try:
        log.parent.mkdir(parents=True, exist_ok=True)
        with log.open("ab") as output:
            subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=output, stderr=output, start_new_session=True)
    except OSError:  # a full disk, say; the next command of `models` does it
        return


def reconcile(project: Project) -> None:
    """Point the alias ``champion`` at the version that serves.

    Raises:
        ForError: MLflow cannot be reached.
    """
    from for_retrieval.release.mlflow_store import opened

    live = is_live(project.index)
    if live and live.live.version is not None:
        with opened(project, live.live.dataset) as registry:
            follow(project, registry)


def follow(project: Project, registry: Registry) -> None:
    """The same with an open registry; one of another dataset than the one that serves stays as it is."""
    from for_retrieval.release.mlflow_store import CHAMPION

    live = is_live(project.index)
    if live is None or live.live.version is None or live.live.dataset != registry.name:
        return
    number = live.live.version
    for version in registry.versions():
        if version.number == number and CHAMPION not in version.aliases:
            registry.alias(CHAMPION, number)


def promote(project: Project, version: str | int | None = None, force: bool = False) -> Decision:
    """Let a version (number or alias; by default the challenger) serve, if it passes the gate.

    The decision is written to the version's tags and, as decision.json, to its run; data/release.json comes last.

    Args:
        force: promote although it is not better. A damaged index is refused all the same.

    Raises:
        ForError: there is no such version, no generation of it, or MLflow fails.
    """
    from for_retrieval.release.gate import judge

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
