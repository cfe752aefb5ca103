"""Back to the champion before: the pointer moves at once, MLflow's alias follows when it can."""

from __future__ import annotations

import subprocess
import sys
from typing import TYPE_CHECKING

from for_retrieval.index.live import Served, is_live, roll_back
from for_retrieval.project import Project

if TYPE_CHECKING:
    from for_retrieval.registry.versions import Registry


def rollback(project: Project) -> Served:
    """Serve the previous champion with its own index again; neither imports nor needs MLflow.

    The alias follows in a process of its own, or else at the next command of `for-cli models`.

    Raises:
        ForError: there is no earlier champion, or its generation is damaged.
    """
    served = roll_back(project.index, champion=True)
    _follow_later(project)
    return served


def _follow_later(project: Project) -> None:
    log = project.root / "var" / "mlflow" / "alias.log"
    command = [sys.executable, "-m", "for_retrieval", "--project", str(project.root), "models", "reconcile"]
    try:
        log.parent.mkdir(parents=True, exist_ok=True)
        with log.open("ab") as output:
            subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=output, stderr=output, start_new_session=True)
    except OSError:  # a full disk, say; the next command of `models` does it
        return


def reconcile(project: Project) -> None:
    """Point the alias ``champion`` at the version that serves.

    Raises:
        ForError: MLflow cannot be reached.
    """
    from for_retrieval.registry.versions import opened

    live = is_live(project.index)
    if live and live.live.version is not None:
        with opened(project, live.live.dataset) as registry:
            follow(project, registry)


def follow(project: Project, registry: Registry) -> None:
    """The same with an open registry; one of another dataset than the one that serves stays as it is."""
    from for_retrieval.registry.versions import CHAMPION

    live = is_live(project.index)
    if live is None or live.live.version is None or live.live.dataset != registry.name:
        return
    number = live.live.version
    for version in registry.versions():
        if version.number == number and CHAMPION not in version.aliases:
            registry.alias(CHAMPION, number)
