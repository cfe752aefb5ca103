"""What a training leaves, without training: heads, curves and scores as files."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from safetensors.numpy import save_file

from for_retrieval.project import Project

STEPS = 40
RUNS = {
    "in-10": {"fraction": 10, "vocabulary": "in", "seeds": [0]},
    "in-100": {"fraction": 100, "vocabulary": "in", "seeds": [0, 1]},
}
CHANGES = {"data.name": "toy-streets", "train.runs": RUNS, "train.steps": STEPS, "index.run": "in-10"}

Trained = Callable[..., Project]


def scores(base: float, novel: float) -> dict[str, Any]:
    """The scores of one head as val.json has them."""
    metrics = {"base": base, "novel": novel, "all": (base + novel) / 2, "small": novel}
    return {
        "metrics": {name: {"map50": value, "map50_r40": value - 1, "categories": 2} for name, value in metrics.items()},
        "categories": {"car": {"ap50": base, "ap50_r40": base - 1, "relevant": 7, "subsets": ["base"]}},
    }


@pytest.fixture
def trained(tmp_path: Path, write_params: Callable[..., Path], fresh_database: Path) -> Trained:
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
                curves[str(seed)] = [{"base": 1 / step, "keep": 2 / step} for step in range(1, STEPS + 1)]
                found[str(seed)] = scores(40 + seed, 30 + 4 * seed)
            (folder / "history.json").write_text(json.dumps(curves))
            (folder / "val.json").write_text(json.dumps({"seeds": found}))
        return project

    return make
