"""Small real indexes; a small project with one trained model on the real tower; what a training leaves, as files."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from safetensors.numpy import save_file
from tests.conftest import draw_streets
from weaker import Command, Done

from for_retrieval import stages
from for_retrieval.cli import main
from for_retrieval.evaluate.measure import names_of, validate
from for_retrieval.files import write_json
from for_retrieval.model.model import Model, head_path
from for_retrieval.project import Project
from for_retrieval.records.records import load_records
from for_retrieval.release.build import Earlier, Plan, build_index
from for_retrieval.release.engines import Floats, ImageRegions
from for_retrieval.release.generation import About, ImageRow, Manifest, generation_name, row_of
from for_retrieval.release.pointer import go_live
from for_retrieval.settings import Settings, load_settings
from qdrant_server import QdrantServer, serve

Build = Callable[..., Manifest]
MakeImage = Callable[..., ImageRegions]


@pytest.fixture(scope="session")
def make_image() -> MakeImage:
    """An image from rows of numbers, which are normalised here; box x is the region's number."""

    def make(image_id: str, rows: Iterable[Iterable[float]], path: str | None = None) -> ImageRegions:
        embeddings = np.array([list(row) for row in rows], dtype=np.float32)
        embeddings /= np.linalg.norm(embeddings, axis=1, keepdims=True)
        boxes = np.array([[number, 2, 30, 40] for number in range(len(embeddings))], dtype=np.float32)
        path = path or f"{image_id}.png"
        return ImageRegions(
            image_id, path, f"hash-{image_id}", "test", 100, 80, embeddings, boxes, np.zeros(len(boxes), np.float32)
        )

    return make


@pytest.fixture(scope="session")
def images(make_image: MakeImage) -> list[ImageRegions]:
    """Twenty images of three random regions, D = 8."""
    rows: Floats = np.random.default_rng(0).standard_normal((20, 3, 8)).astype(np.float32)
    return [make_image(f"image-{number:02}", row) for number, row in enumerate(rows)]


@pytest.fixture(scope="session")
def bundle(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The least that a bundle holds."""
    folder = tmp_path_factory.mktemp("bundle")
    (folder / "bundle.json").write_text('{"model": "model-a"}')
    (folder / "head.safetensors").write_bytes(b"weights")
    return folder


@pytest.fixture(scope="session")
def build(bundle: Path) -> Build:
    """Build the index of some images, and let it serve unless told otherwise (`version`, `keep`, `live=False`)."""

    def run(
        folder: Path,
        images: list[ImageRegions],
        *,
        rows: list[ImageRow] | None = None,
        settings: Settings = Settings(),  # noqa: B008
        version: int | None = None,
        keep: int = 3,
        live: bool = True,
        bundle: Path = bundle,
        progress: bool = False,
        earlier: Earlier | None = None,
        **about: Any,
    ) -> Manifest:
        shared = {"model": "model-a", "encoder": "e", "dataset": "set", "dim": 8, "image_root": "pictures", **about}
        rows = [row_of(image) for image in images] if rows is None else rows
        plan = Plan(rows, About(**shared), bundle, settings, earlier)
        manifest = build_index(folder, plan, images, progress=progress)
        if live:
            go_live(folder, generation_name(manifest.digest), version, keep)
        return manifest

    return run


@pytest.fixture
def qdrant() -> Iterator[QdrantServer]:
    """A server on loopback that records what it is asked."""
    server = QdrantServer()
    stop = serve(server)
    yield server
    stop()


@pytest.fixture
def on_server(qdrant: QdrantServer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Settings:
    """The settings of a project at `tmp_path` whose index is on that server."""
    (tmp_path / "params.yaml").write_text("")
    monkeypatch.setenv("QDRANT_URL", qdrant.url)
    monkeypatch.setenv("QDRANT_API_KEY", "very-secret")
    return load_settings(tmp_path)


# A project with one trained model


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
    draw_streets(root)
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
    records, params = load_records(project.prepared), project.params
    model, path = Model.new(params, project.root, torch.device("cpu"), seed=0), head_path(project.heads, "in-10", 0)
    model.save_head(path)
    ids, features = model.split(records, "val", project.cache)
    queries = names_of(records, ids, params.evaluate.small)
    write_json(project.heads / "in-10" / "val.json", validate({"0": model.with_head(path)}, features, queries, params))


@pytest.fixture
def project(trained: Path, tmp_path: Path, fresh_database: Path) -> Project:
    """A copy of the trained project in which nothing is registered, indexed or live."""
    root = tmp_path / "project"
    shutil.copytree(trained, root, ignore=shutil.ignore_patterns("mlflow"))
    shutil.copytree(fresh_database, root / "var" / "mlflow")
    return Project(root)


# What a training leaves

STEPS = 40
BOX_STEPS = 10
RUNS = {
    "in-10": {"fraction": 10, "vocabulary": "in", "seeds": [0]},
    "in-100": {"fraction": 100, "vocabulary": "in", "seeds": [0, 1]},
}
CHANGES = {"data.name": "toy-streets", "train.runs": RUNS, "train.steps": STEPS, "index.run": "in-10"}

TrainedToy = Callable[..., Project]


def scores(base: float, novel: float) -> dict[str, Any]:
    """The scores of one head as val.json has them."""
    metrics = {"base": base, "novel": novel, "all": (base + novel) / 2, "small": novel}
    return {
        "metrics": {name: {"map50": value, "map50_r40": value - 1, "categories": 2} for name, value in metrics.items()},
        "categories": {"car": {"ap50": base, "ap50_r40": base - 1, "relevant": 7, "subsets": ["base"]}},
    }


@pytest.fixture
def trained_toy(tmp_path: Path, write_params: Callable[..., Path], fresh_database: Path) -> TrainedToy:
    """A project whose runs were trained; `number` makes the heads of another training."""

    def make(number: int = 0, **changes: Any) -> Project:
        root = tmp_path / "project"
        if not root.exists():
            shutil.copytree(fresh_database, root / "var" / "mlflow")
        write_params(root, {**CHANGES, **changes})
        project = Project(root)
        project.prepared.mkdir(parents=True, exist_ok=True)
        dataset = {"name": "toy-streets", "digest": "d" * 64}
        for path in (project.prepared / "dataset.json", project.data / "learning.json"):
            path.write_text(json.dumps(dataset))
        (root / "dvc.lock").write_text("schema: '2.0'\n")
        for run, settings in RUNS.items():
            folder = project.heads / run
            folder.mkdir(parents=True, exist_ok=True)
            curves, found = {}, {}
            for seed in settings["seeds"]:  # type: ignore[attr-defined]
                save_file({"weight": np.full(3, seed + number, np.float32)}, folder / f"seed{seed}.safetensors")
                boxes = [{"box": 1.0, "objectness": 3.0 / step} for step in range(1, BOX_STEPS + 1)]
                own = [{"base": 1 / step, "region": 2 / step} for step in range(1, STEPS + 1)]
                curves[str(seed)] = boxes + own
                found[str(seed)] = scores(40 + seed, 30 + 4 * seed)
            (folder / "history.json").write_text(json.dumps(curves))
            (folder / "val.json").write_text(json.dumps({"seeds": found}))
        return project

    return make
