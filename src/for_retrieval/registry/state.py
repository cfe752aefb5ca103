"""What was released last, and whether there is something new; reads two small files and loads nothing heavy."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from pathlib import Path

from for_retrieval.errors import ForError
from for_retrieval.files import file_hash, read_json, write_json
from for_retrieval.project import Project


@dataclass(frozen=True)
class Release:
    """The content of data/release.json, written last by each promotion, also by a refused one.

    lock: sha256 of the dvc.lock that was decided on. version: in MLflow. generation: the one that was verified.
    """

    lock: str
    version: int
    promoted: bool
    forced: bool
    reasons: list[str]
    generation: str


def release_path(project: Project) -> Path:
    """data/release.json."""
    return project.data / "release.json"


def frozen_path(project: Project, dataset: str) -> Path:
    """The list of validation images that champions of a dataset are measured on."""
    return project.index / "validation" / f"{dataset}.json"


def lock_of(project: Project) -> str:
    """The sha256 of dvc.lock.

    Raises:
        ForError: there is none.
    """
    path = project.root / "dvc.lock"
    if not path.exists():
        raise ForError(f"{path} does not exist, so nothing says what the model was made from; run `dvc repro`")
    return file_hash(path)


def read_release(project: Project) -> Release | None:
    """What was decided last; None where nothing was, or the file is damaged."""
    try:
        return Release(**read_json(release_path(project)))
    except (ForError, TypeError):
        return None


def write_release(project: Project, release: Release) -> None:
    """Replace data/release.json."""
    write_json(release_path(project), asdict(release))


def needs_release(project: Project) -> bool:
    """Whether dvc.lock has changed since the last decision, or there was none."""
    last = read_release(project)
    path = project.root / "dvc.lock"
    return last is None or not path.exists() or file_hash(path) != last.lock
