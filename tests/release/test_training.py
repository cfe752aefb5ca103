"""What a training leaves in MLflow."""

from __future__ import annotations

import json
import subprocess
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from PIL import Image
from safetensors.numpy import load_file

from for_retrieval.errors import ForError
from for_retrieval.files import file_hash
from for_retrieval.project import Project
from for_retrieval.release.mlflow_store import connected
from for_retrieval.release.training_runs import log_training

TrainedToy = Callable[..., Project]
CURVES = ("box", "objectness", "base", "region")
PICKLES = {".pkl", ".pickle", ".pt", ".pth", ".bin", ".joblib", ".cloudpickle"}


def runs(project: Project, **tags: str) -> list[Any]:
    """The runs with these tags, by name, the older first."""
    wanted = " and ".join(f"tags.{key} = '{value}'" for key, value in tags.items())
    with connected(project, "toy-streets") as mlflow:
        order = ["attributes.run_name ASC", "attributes.start_time ASC", "attributes.end_time ASC"]
        return list(mlflow.client.search_runs([mlflow.experiment], wanted, order_by=order))


def files(run: Any) -> dict[str, Path]:
    """The artifacts of a run by their path."""
    folder = Path(run.info.artifact_uri.removeprefix("file://"))
    return {path.relative_to(folder).as_posix(): path for path in folder.rglob("*") if path.is_file()}


def log(project: Project, *names: str) -> None:
    for name in names or ("in-10", "in-100"):
        log_training(project, name, time.time() - 60)


def test_heads_stand_below_one_run(trained_toy: TrainedToy) -> None:
    project = trained_toy()
    log(project)
    (parent,) = runs(project, kind="training")
    heads = runs(project, kind="head")
    assert [head.info.run_name for head in heads] == ["in-10, seed 0", "in-100, seed 0", "in-100, seed 1"]
    assert {head.data.tags["mlflow.parentRunId"] for head in heads} == {parent.info.run_id}
    assert {run.info.status for run in [parent, *heads]} == {"FINISHED"}
    assert all(head.info.end_time - head.info.start_time > 50_000 for head in heads)  # milliseconds
    assert parent.info.run_name == "toy-streets: mini-clip 256 px, 40 steps"


def test_a_head_has_parameters_scores_curves_and_origin(trained_toy: TrainedToy) -> None:
    project = trained_toy()
    git = ["git", "-c", "user.name=a", "-c", "user.email=a@b"]
    for command in (["init", "-q"], ["add", "params.yaml"], ["commit", "-qm", "a"]):
        subprocess.run([*git, *command], cwd=project.root, check=True)
    commit = subprocess.run(["git", "rev-parse", "HEAD"], cwd=project.root, capture_output=True, text=True).stdout
    log(project, "in-100")
    head = runs(project, kind="head", seed="1")[0]
    assert head.data.params["train.steps"] == "40"
    assert head.data.params["run.fraction"] == "100.0"
    assert head.data.params["model.prompts"] == '["{}", "a photo of a {}"]'
    assert not [name for name in head.data.params if name.startswith(("promote", "monitor", "train.runs"))]
    plain = {"base": 41, "novel": 34, "all": 37.5, "small": 34}
    assert {name: value for name, value in head.data.metrics.items() if name.startswith("val/")} == {
        **{f"val/{subset}/map50": value for subset, value in plain.items()},
        **{f"val/{subset}/map50_r40": value - 1 for subset, value in plain.items()},
    }
    with connected(project, "toy-streets") as mlflow:
        curves = {name: mlflow.client.get_metric_history(head.info.run_id, f"train/{name}") for name in CURVES}
    points = {name: [(point.step, point.value) for point in curve] for name, curve in curves.items()}
    assert points["objectness"] == [(step, 3 / step) for step in range(1, 11)], "the box net comes first"
    assert points["region"] == [(10 + step, 2 / step) for step in range(1, 41)]
    tags = head.data.tags
    assert tags["git_commit"] == tags["mlflow.source.git.commit"] == commit.strip()
    assert tags["dvc_lock"] == file_hash(project.root / "dvc.lock")
    assert tags["dataset_digest"] == "d" * 64
    assert tags["head"] == file_hash(project.heads / "in-100" / "seed1.safetensors")
    assert head.inputs.dataset_inputs[0].dataset.name == "toy-streets"


def test_artifacts_are_weights_json_and_pictures(trained_toy: TrainedToy) -> None:
    project = trained_toy()
    log(project)
    found = files(runs(project, kind="head", run="in-10")[0])
    assert set(found) == {"head/head.safetensors", "head/head.json", "categories.json", "curves.png"}
    assert load_file(found["head/head.safetensors"])["weight"].tolist() == [0, 0, 0]
    assert json.loads(found["head/head.json"].read_text())["head"]["proposals"] == 12
    assert json.loads(found["categories.json"].read_text())["data"] == [["car", "base", 7, 40, 39]]
    for path in (found["curves.png"], files(runs(project, kind="training")[0])["fractions.png"]):
        with Image.open(path) as picture:
            assert picture.width > 300
    everything = [path for path in (project.root / "var" / "mlflow").rglob("*") if path.is_file()]
    assert not [path for path in everything if path.suffix in PICKLES]


def test_the_run_above_grows_with_the_fractions(trained_toy: TrainedToy) -> None:
    project = trained_toy()
    log(project, "in-10")
    first = files(runs(project, kind="training")[0])["fractions.png"].read_bytes()
    log(project, "in-100")
    (parent,) = runs(project, kind="training")
    assert files(parent)["fractions.png"].read_bytes() != first
    with connected(project, "toy-streets") as mlflow:
        curve = mlflow.client.get_metric_history(parent.info.run_id, "by percent of labels/novel in")
    means = {point.step: point.value for point in curve}
    assert means == {10_000: 29, 100_000: 31}  # the mean over both seeds


def test_a_head_is_recorded_once(trained_toy: TrainedToy) -> None:
    project = trained_toy()
    log(project, "in-100")
    before = [run.info.run_id for run in runs(project, kind="head")]
    log(project, "in-100")
    assert [run.info.run_id for run in runs(project, kind="head")] == before


def test_a_record_that_was_cut_short_is_marked_and_made_anew(trained_toy: TrainedToy) -> None:
    project = trained_toy()
    log(project, "in-10")
    (done,) = runs(project, kind="head")
    with connected(project, "toy-streets") as mlflow:  # as a kill -9 leaves it
        mlflow.client.update_run(done.info.run_id, "RUNNING")
    log(project, "in-10")
    assert [run.info.status for run in runs(project, kind="head")] == ["KILLED", "FINISHED"]


def test_another_training_stands_beside_the_first(trained_toy: TrainedToy) -> None:
    log(trained_toy(), "in-10")
    log(trained_toy(number=5), "in-10")  # other weights: the code has changed, say
    project = trained_toy(number=5)
    assert len(runs(project, kind="training")) == 1
    assert len(runs(project, kind="head")) == 2
    changed = trained_toy(number=5, **{"train.learning_rate": 0.1})
    log(changed, "in-10")
    assert len(runs(changed, kind="training")) == 2


def test_where_it_serves_does_not_part_what_belongs_together(trained_toy: TrainedToy) -> None:
    log(trained_toy(), "in-10")
    other = trained_toy(**{"promote.tolerance": 3, "index.run": "in-100"})
    log(other, "in-100")
    assert len(runs(other, kind="training")) == 1


def test_a_training_without_labels_is_recorded_too(trained_toy: TrainedToy) -> None:
    project = trained_toy()
    nothing = {"seeds": {"0": {"metrics": {}, "categories": {}}}}
    (project.heads / "in-10" / "val.json").write_text(json.dumps(nothing))
    log(project, "in-10")
    (head,) = runs(project, kind="head")
    assert set(head.data.metrics) == {f"train/{name}" for name in CURVES}
    assert "fractions.png" not in files(runs(project, kind="training")[0])


def test_what_mlflow_refuses_becomes_a_sentence(trained_toy: TrainedToy) -> None:
    project = trained_toy()
    with pytest.raises(ForError, match=r"MLflow at .*mlflow.db failed: .*nothing-like-it"):  # noqa: SIM117
        with connected(project, "toy-streets") as mlflow:
            mlflow.client.get_run("nothing-like-it")
