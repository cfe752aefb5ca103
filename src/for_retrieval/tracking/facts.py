"""What belongs on every run: the commit, the lock file, the parameters, and which runs belong together."""

from __future__ import annotations

import hashlib
import json
import subprocess
from pathlib import Path
from typing import Any

from for_retrieval.files import file_hash
from for_retrieval.project import Project

# What does not shape a head: where it serves and how it is watched.
AFTERWARDS = ("index", "checks", "promote", "monitor")


def lock_hash(project: Project) -> str | None:
    """The sha256 of dvc.lock: of everything that the graph has made. None before the first `dvc repro`."""
    path = project.root / "dvc.lock"
    return file_hash(path) if path.exists() else None


def git_commit(root: Path) -> str:
    """The commit of the code, with ``+changes`` where files differ from it; empty outside git."""
    commit = _git(root, "rev-parse", "HEAD")
    if commit and _git(root, "status", "--porcelain", "--untracked-files=no"):
        return f"{commit}+changes"
    return commit


def _git(root: Path, *arguments: str) -> str:
    try:
        done = subprocess.run(["git", *arguments], cwd=root, capture_output=True, text=True, timeout=10)
    except (OSError, subprocess.TimeoutExpired):
        return ""
    return done.stdout.strip() if done.returncode == 0 else ""


def shared_params(project: Project) -> dict[str, Any]:
    """The sections of params.yaml that all heads of one `dvc repro` have in common."""
    values = project.params.model_dump(mode="json")
    train = {key: value for key, value in values["train"].items() if key != "runs"}
    return {**{key: value for key, value in values.items() if key not in AFTERWARDS}, "train": train}


def flattened(values: Any, prefix: str = "") -> dict[str, str]:
    """``{"train": {"steps": 100}}`` -> ``{"train.steps": "100"}``; lists as JSON."""
    if not isinstance(values, dict):
        return {prefix: values if isinstance(values, str) else json.dumps(values, ensure_ascii=False)}
    found: dict[str, str] = {}
    for key, value in values.items():
        found |= flattened(value, f"{prefix}.{key}" if prefix else str(key))
    return found


def group_of(project: Project, dataset: str) -> str:
    """Twelve digits that the heads trained with one set (its digest) and one params.yaml share."""
    return hashlib.sha256(json.dumps([dataset, shared_params(project)], sort_keys=True).encode()).hexdigest()[:12]


def common_tags(project: Project, dataset: dict[str, Any]) -> dict[str, str]:
    """Tags of every run; `dataset` is dataset.json or the bundle's entry of it."""
    commit = git_commit(project.root)
    tags = {
        "dataset": str(dataset["name"]),
        "dataset_digest": str(dataset["digest"]),
        "dvc_lock": lock_hash(project) or "none",
        "git_commit": commit or "none",
        "mlflow.source.name": "for-cli",
        "mlflow.source.type": "LOCAL",
    }
    return {**tags, "mlflow.source.git.commit": commit.partition("+")[0]} if commit else tags
