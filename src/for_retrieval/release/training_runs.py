"""The record of a training in MLflow: a run for each head, and one above all heads of the same set and params.yaml."""

from __future__ import annotations

import hashlib
import json
import shutil
import subprocess
import time
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Any

from for_retrieval.files import file_hash, read_json, write_json
from for_retrieval.project import Project

if TYPE_CHECKING:
    from mlflow.entities import Run

    from for_retrieval.release.mlflow_store import Registry

Tags = dict[str, str]
Numbers = list[tuple[str, float, int]]  # name of a metric, value, step
History = list[dict[str, float]]  # step -> objective -> loss
# What does not shape a head (where it serves and how it is watched), and what differs between those of one `dvc repro`.
NOT_SHARED: dict[str, Any] = {"index": True, "checks": True, "promote": True, "monitor": True, "train": {"runs"}}
POINTS = 500  # of a curve; longer ones are thinned
FINISHED = " and attributes.status = 'FINISHED'"


def _git(root: Path, *arguments: str) -> str:
    try:
        done = subprocess.run(["git", *arguments], cwd=root, capture_output=True, text=True, timeout=10)
    except (OSError, subprocess.TimeoutExpired):
        return ""
    return done.stdout.strip() if done.returncode == 0 else ""


def shared_params(project: Project) -> dict[str, Any]:
    """The sections of params.yaml that all heads of one `dvc repro` have in common."""
    return project.params.model_dump(mode="json", exclude=NOT_SHARED)


def _flattened(values: Any, prefix: str = "") -> dict[str, str]:
    """``{"train": {"steps": 100}}`` -> ``{"train.steps": "100"}``; lists as JSON."""
    if not isinstance(values, dict):
        return {prefix: values if isinstance(values, str) else json.dumps(values, ensure_ascii=False)}
    found: dict[str, str] = {}
    for key, value in values.items():
        found |= _flattened(value, f"{prefix}.{key}" if prefix else str(key))
    return found


def common_tags(project: Project, dataset: dict[str, Any]) -> Tags:
    """Tags of every run; `dataset` is dataset.json or the bundle's entry of it.

    dvc_lock: the sha256 of all that the graph has made. git_commit: with ``+changes`` where files differ from it.
    group: what the heads trained with one set and one params.yaml share.
    """
    lock, commit = project.root / "dvc.lock", _git(project.root, "rev-parse", "HEAD")
    changes = "+changes" if commit and _git(project.root, "status", "--porcelain", "--untracked-files=no") else ""
    shapes = json.dumps([dataset["digest"], shared_params(project)], sort_keys=True)
    tags = {
        "dataset": str(dataset["name"]),
        "dataset_digest": str(dataset["digest"]),
        "dvc_lock": file_hash(lock) if lock.exists() else "none",
        "git_commit": f"{commit}{changes}" or "none",
        "mlflow.source.name": "for-cli",
        "mlflow.source.type": "LOCAL",
        "group": hashlib.sha256(shapes.encode()).hexdigest()[:12],
    }
    return {**tags, "mlflow.source.git.commit": commit} if commit else tags


def log_training(project: Project, run: str, started: float) -> None:
    """Record the heads in ``models/heads/<run>``; a head that is recorded already stays as it is.

    started: when the training began, in seconds since 1970. Raises ForError: MLflow fails, or a file is missing.
    """
    from for_retrieval.release.mlflow_store import connected

    folder = project.heads / run
    history = read_json(folder / "history.json")
    scores = read_json(folder / "val.json")["seeds"]
    dataset = read_json(project.data / "learning.json", "run `for-cli features`")
    with connected(project, dataset["name"]) as registry:
        tags = common_tags(project, dataset)
        parent = find_parent(registry, project, tags)
        for seed in project.params.train.runs[run].seeds:
            about = {**tags, "mlflow.parentRunId": parent, "kind": "head", "run": run, "seed": str(seed)}
            about["head"] = file_hash(folder / f"seed{seed}.safetensors")
            if not _recorded(registry, about):
                _log_head(registry, project, about, history[str(seed)], scores[str(seed)], started)
        _summarise(registry, parent, tags["group"])


def find_parent(registry: Registry, project: Project, tags: Tags) -> str:
    """The id of the run above all heads with this set and params.yaml; made if need be."""
    from for_retrieval.release.mlflow_store import one_process

    with one_process(registry.folder):
        found = _search(registry, {"kind": "training", "group": tags["group"]})
        if found:
            return str(found[0].info.run_id)
        model, steps = project.params.model, project.params.train.steps
        name = f"{tags['dataset']}: {model.name} {model.input_size} px, {steps} steps"
        run = registry.client.create_run(registry.experiment, tags={**tags, "kind": "training"}, run_name=name)
        log_numbers(registry, run.info.run_id, [], shared_params(project))
        return str(run.info.run_id)


def _search(registry: Registry, tags: Tags, more: str = "") -> list[Run]:
    """Runs with these tags, newest first."""
    wanted = " and ".join(f"tags.`{key}` = '{value}'" for key, value in tags.items())
    return list(registry.client.search_runs([registry.experiment], wanted + more, order_by=["start_time DESC"]))


def _recorded(registry: Registry, tags: Tags) -> bool:
    """Whether this head has a finished run; runs of it that were cut short are marked as killed."""
    same = {key: tags[key] for key in ("kind", "group", "run", "seed")}
    for run in _search(registry, same, " and attributes.status = 'RUNNING'"):
        registry.client.set_terminated(run.info.run_id, "KILLED")
    return bool(_search(registry, {**same, "head": tags["head"]}, FINISHED))


def _log_head(
    registry: Registry, project: Project, tags: Tags, history: History, scores: dict[str, Any], started: float
) -> None:
    """Parameters, numbers, and everything that is shown or kept beside them; weights as safetensors."""
    from mlflow.entities import Dataset, DatasetInput

    from for_retrieval.evaluate.plots import plot_curves

    run, seed, digest = tags["run"], tags["seed"], tags["dataset_digest"]
    client, params, name = registry.client, project.params, f"{run}, seed {seed}"
    identity = client.create_run(registry.experiment, int(started * 1000), tags, name).info.run_id
    settings = params.train.runs[run].model_dump(mode="json", exclude={"seeds"})
    about = {**shared_params(project), "run": {"name": run, **settings}, "run_seed": int(seed)}
    log_numbers(registry, identity, _curves(history) + score_metrics(scores), about)
    dataset = Dataset(tags["dataset"], digest[:12], "local", f'{{"sha256": "{digest}"}}')
    client.log_inputs(identity, [DatasetInput(dataset)])
    rows = [
        [category, " ".join(values["subsets"]), values["relevant"], values["ap50"], values["ap50_r40"]]
        for category, values in scores["categories"].items()
    ]
    rows.sort(key=lambda row: (row[1], row[0]))
    with TemporaryDirectory() as temporary:
        folder = Path(temporary)
        about = {"sha256": tags["head"], "head": params.head.model_dump()}
        about |= {"tower": params.model.model_dump(), "dataset": {"name": tags["dataset"], "digest": digest}}
        write_json(folder / "head" / "head.json", about)
        shutil.copyfile(project.heads / run / f"seed{seed}.safetensors", folder / "head" / "head.safetensors")
        columns = ["category", "subsets", "images", "AP@50", "AP@50 r40"]  # a table on MLflow's page
        write_json(folder / "categories.json", {"columns": columns, "data": rows})
        plot_curves(history, folder / "curves.png", name)
        client.log_artifacts(identity, temporary)
    client.set_terminated(identity, "FINISHED")


def log_numbers(registry: Registry, run: str, metrics: Numbers, params: dict[str, Any]) -> None:
    """Metrics and (nested) parameters of a run; MLflow takes 6,000 characters of a value."""
    from mlflow.entities import Metric, Param

    now = int(time.time() * 1000)
    found = [Metric(name, value, now, step) for name, value, step in metrics]
    registry.client.log_batch(run, found, [Param(key, value[:6000]) for key, value in _flattened(params).items()])


def _curves(history: History) -> Numbers:
    """``train/<objective>`` by step."""
    stride = -(-len(history) // POINTS) or 1
    return [
        (f"train/{name}", value, step)
        for step, values in enumerate(history, 1)
        if step % stride == 0 or step in (1, len(history))
        for name, value in values.items()
    ]


def score_metrics(scores: dict[str, Any]) -> Numbers:
    """The means of val.json or of a bundle's metrics.json as MLflow names them: ``val/base/map50_r40``."""
    return [
        (f"val/{subset}/{measure}", float(values[measure]), 0)
        for subset, values in scores["metrics"].items()
        for measure in ("map50", "map50_r40")
    ]


def _summarise(registry: Registry, parent: str, group: str) -> None:
    """On the parent: base and novel against the share of labels, from all heads that are recorded so far."""
    from for_retrieval.evaluate.plots import plot_fractions

    client = registry.client
    found = reversed(_search(registry, {"kind": "head", "group": group}, FINISHED))
    newest = {(run.data.tags["run"], run.data.tags["seed"]): run.data for run in found}
    points: dict[tuple[str, str, float], list[float]] = {}
    for head in newest.values():
        if head.params.get("run.without", "[]") != "[]":
            continue  # an ablation, no point of the curve
        for subset in ("base", "novel"):
            if (value := head.metrics.get(f"val/{subset}/map50_r40")) is not None:
                key = (subset, head.params["run.vocabulary"], float(head.params["run.fraction"]))
                points.setdefault(key, []).append(value)
    means = {key: sum(values) / len(values) for key, values in sorted(points.items())}
    if means:
        numbers = [
            # The step is the percentage of labels, in thousandths: steps are whole numbers.
            (f"by percent of labels/{subset} {vocabulary}", value, round(1000 * fraction))
            for (subset, vocabulary, fraction), value in means.items()
        ]
        log_numbers(registry, parent, numbers, {})
        with TemporaryDirectory() as name:
            path = Path(name) / "fractions.png"
            plot_fractions(means, path, f"validation, {client.get_run(parent).info.run_name}")
            client.log_artifact(parent, str(path))
    client.set_terminated(parent, "FINISHED")
