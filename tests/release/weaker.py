"""Models that are weaker than the trained one, and what a command leaves."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from safetensors.torch import load_file, save_file

from for_retrieval import stages
from for_retrieval.files import file_hash
from for_retrieval.model.identity import model_id
from for_retrieval.project import Project


@dataclass(frozen=True)
class Done:
    """What a command left: its exit code, stdout and stderr."""

    code: int
    out: str
    err: str

    @property
    def json(self) -> Any:
        """What it printed, parsed."""
        assert self.code == 0, self.err
        return json.loads(self.out)


Command = Callable[..., Done]


def make_model(project: Project, trained: Path, *, weak: int = 0) -> str:
    """Replace the bundle by the trained model, or by the `weak`-th weak one, as `dvc repro` would, and index it.

    A weak one adds noise to its embeddings, another for each. Returns the model's id.
    """
    bundle = project.bundle
    weights = load_file(trained / "models" / "bundle" / "head.safetensors")
    if weak:
        noise = torch.randn(weights["last.weight"].shape, generator=torch.Generator().manual_seed(weak))
        weights["last.weight"] += 0.02 * noise  # about 20 points of mAP@50 r40
    save_file(weights, bundle / "head.safetensors")
    values = json.loads((bundle / "bundle.json").read_text())
    values["head"]["sha256"] = file_hash(bundle / "head.safetensors")
    values["model"] = model_id(values)
    (bundle / "bundle.json").write_text(json.dumps(values))
    (project.root / "dvc.lock").write_text(f"weak: {weak}\n")
    stages.index(project)
    return str(values["model"])
