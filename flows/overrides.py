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
from pathlib import Path, PurePosixPath
from typing import Any

import yaml

from for_retrieval.files import write_text
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
    parts = [*([profile] if profile is not None else []), *([f"fraction-{fraction:g}"] if fraction is not None else [])]
    folder = root / "var" / "runs" / "-".join(parts)
    dvc.repro(root, "prepare", say)  # what the run links to: data of another pipeline, images unpacked from shards
    _lay(root, folder, values)
    say(f"this run works in {folder}")
    dvc.dvc(folder, "checkout", "--allow-missing", say=lambda line: None)
    # For the rest of this process, and for its children: a path in the settings may be relative to the project.
    os.environ |= {variable("cache"): str(project.cache), variable("tracking_uri"): place(project).uri}
    yield folder
    for path in [*folder.iterdir(), *(folder / "data").iterdir()]:
        if path.name not in (*KEPT, "data"):
            shutil.rmtree(path) if path.is_dir() and not path.is_symlink() else path.unlink()


def _lay(root: Path, folder: Path, values: dict[str, Any]) -> None:
    """Make the folder of a run anew; what a killed one had finished comes back from DVC's cache."""
    if folder.exists():
        shutil.rmtree(folder)  # of links only the links
    own = _own(root)
    shared = {root / path.parts[0] for path in own if len(path.parts) > 1}  # folders with outputs and other things
    for path in (root / "var", Project(root).index):
        path.mkdir(parents=True, exist_ok=True)  # there to be linked to
    for path in [*root.iterdir(), *(path for above in shared if above.is_dir() for path in above.iterdir())]:
        if path.relative_to(root) not in own and path not in shared:
            link = folder / path.relative_to(root)
            link.parent.mkdir(parents=True, exist_ok=True)
            link.symlink_to(path)
    for name in ("dvc.yaml", "dvc.lock", ".dvcignore"):
        if (root / name).exists():
            shutil.copyfile(root / name, folder / name)
    with (folder / ".dvcignore").open("a", encoding="utf-8") as file:
        file.write("\n/var\n")
    cache = dvc.config(root)["cache"]
    lines = ["[core]", "no_scm = true", "analytics = false", "check_update = false", "[cache]"]
    lines += [f"dir = {cache.get('dir', root / '.dvc' / 'cache')}"]
    lines += [f"type = {','.join(cache['type'])}"] if "type" in cache else []
    write_text(folder / ".dvc" / "config", "\n".join(lines) + "\n")
    write_text(folder / "params.yaml", yaml.safe_dump(values, sort_keys=False, allow_unicode=True))


def _own(root: Path) -> set[Path]:
    """What a run has for itself: parameters, the graph, and the outputs in dvc.yaml, two levels deep at most."""
    found = {Path(name) for name in ("params.yaml", "dvc.yaml", "dvc.lock", ".dvcignore", ".dvc", ".git")}
    for stage in yaml.safe_load((root / "dvc.yaml").read_text(encoding="utf-8"))["stages"].values():
        for out in stage.get("do", stage).get("outs", []):
            name = next(iter(out)) if isinstance(out, dict) else out
            found.add(Path(*PurePosixPath(name).parts[:2]))
    return found
