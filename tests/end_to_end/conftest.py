"""Parts of the tiny project after one `dvc repro`, to spoil."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

Copy = Callable[..., Path]


@pytest.fixture
def copy(project: Path, tmp_path: Path) -> Copy:
    """A copy of the images and of parts of the project, to spoil."""

    def make(*parts: str) -> Path:
        folder = tmp_path / "copy"
        folder.mkdir()
        for part in ("params.yaml", "data/streets", *parts):
            source, target = project / part, folder / part
            target.parent.mkdir(parents=True, exist_ok=True)
            (shutil.copytree if source.is_dir() else shutil.copyfile)(source, target)
        return folder

    return make
