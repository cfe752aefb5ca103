"""A small project with one trained model, on the real tower; weaker.py beside this makes others of it."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path

import pytest
import torch
from weaker import Command, Done

from for_retrieval import stages
from for_retrieval.cli import main
from for_retrieval.evaluate.validation import names_of, validate
from for_retrieval.files import write_json
from for_retrieval.model.model import Model, head_path
from for_retrieval.project import Project
from for_retrieval.records.records import load_records


@pytest.fixture
def run_cli(capfd: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> Command:
    """`for-cli` in a project, in this process: loading torch for each call would take most of the time."""

    def call(project: Project, *arguments: str) -> Done:
        monkeypatch.setattr("sys.argv", ["for-cli", "--project", str(project.root), *arguments])
        capfd.readouterr()
        with pytest.raises(SystemExit) as ended:
            main()
        out, err = capfd.readouterr()
        return Done(int(ended.value.code or 0), out, err)

    return call


@pytest.fixture
def models(run_cli: Command) -> Command:
    """`for-cli models ...` in a project."""
    return lambda project, *arguments: run_cli(project, "models", *arguments)


@pytest.fixture(scope="session")
def trained(
    tmp_path_factory: pytest.TempPathFactory,
    write_tiny: Callable[[Path], Path],
    environment: dict[str, str],
    fresh_database: Path,
) -> Path:
    """A project after the stages up to `export`; tests work in copies."""
    root = tmp_path_factory.mktemp("trained") / "project"
    shutil.copytree(fresh_database, root / "var" / "mlflow")
    write_tiny(root)
    project = Project(root)
    with pytest.MonkeyPatch.context() as patch:
        for name, value in environment.items():
            patch.setenv(name, value)
        stages.prepare(project)
        stages.features(project)
        _begin(project)
        stages.export(project)
    (root / "dvc.lock").write_text("trained: 1\n")
    return root


def _begin(project: Project) -> None:
    """A head as it is before training, which finds most of what there is, and its scores: in place of `train`."""
    records, params, device = load_records(project.prepared), project.params, torch.device("cpu")
    model = Model.new(params, project.root, device, seed=0)
    model.save_head(head_path(project.heads, "in-10", 0))
    ids, features = model.split(records, "val", project.cache)
    found = validate({"0": model}, features, names_of(records, ids, params.evaluate.small), params)
    write_json(project.heads / "in-10" / "val.json", found)


@pytest.fixture
def project(trained: Path, tmp_path: Path, fresh_database: Path) -> Project:
    """A copy of the trained project in which nothing is registered, indexed or live."""
    root = tmp_path / "project"
    shutil.copytree(trained, root, ignore=shutil.ignore_patterns("mlflow"))
    shutil.copytree(fresh_database, root / "var" / "mlflow")
    return Project(root)
