"""Register models/bundle as a version, once for each dvc.lock."""

from __future__ import annotations

from dataclasses import dataclass
from importlib.metadata import version as installed
from pathlib import Path
from typing import TYPE_CHECKING, Any

from for_retrieval.errors import ForError
from for_retrieval.files import read_json
from for_retrieval.project import Project
from for_retrieval.registry.state import lock_of
from for_retrieval.registry.versions import CHALLENGER, CHAMPION, Registry, opened
from for_retrieval.tracking.connection import default, only_one
from for_retrieval.tracking.facts import common_tags, flattened, group_of, shared_params
from for_retrieval.tracking.training import find_parent, score_metrics

if TYPE_CHECKING:
    from mlflow.entities import Run

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
