"""Another profile or label fraction for one run of a flow, in a project of its own: params.yaml stays as it is.

var/runs/NAME has its own params.yaml, and the outputs of all stages; everything else in it is a link into the project.
DVC's cache is shared, so what was made before from the same inputs is restored. The index and MLflow are those of
the project. A killed run is repeated from the cache; of a successful one the reports and params.yaml stay.
"""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from for_retrieval.params.editing import overridden
from for_retrieval.project import Project
from for_retrieval.release.mlflow_store import place
from for_retrieval.settings import variable
from for_retrieval.stages import dvc

KEPT = ("params.yaml", "reports", "validation")  # the last one is data/validation


@contextmanager
def project_for(root: Path, profile: str | None, fraction: float | None, say: dvc.Say) -> Iterator[Path]:
    """The project folder of a run: `root`, or one with the profile's values and the run of that fraction.

    Raises:
        UsageError: there is no such profile or fraction, or the result is not a valid params.yaml.
    """
    if profile is None and fraction is None:
        yield root
        return
    values, project = overridden(root, profile, fraction), Project(root)
    names = [profile, None if fraction is None else f"fraction-{fraction:g}"]
    folder = root / "var" / "runs" / "-".join(filter(None, names))
    # What the run links to: data of another pipeline, images unpacked from shards.
    dvc.dvc(root, "repro", "prepare", say=say)
    dvc.lay(folder, root, values, shared=(project.index, root / "var"))
    say(f"this run works in {folder}")
    dvc.dvc(folder, "checkout", "--allow-missing", say=lambda line: None)
    # For the rest of this process, and for its children: a path in the settings may be relative to the project.
    os.environ |= {variable("cache"): str(project.cache), variable("tracking_uri"): place(project).uri}
    yield folder
    for path in [*folder.iterdir(), *(folder / "data").iterdir()]:
        if path.name not in (*KEPT, "data"):
            shutil.rmtree(path) if path.is_dir() and not path.is_symlink() else path.unlink()
