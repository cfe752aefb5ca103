"""The one way to MLflow: quiet, without telemetry, on a database that is up to date."""

from __future__ import annotations

import fcntl
import logging
import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path
from typing import TYPE_CHECKING

from for_retrieval.errors import ForError
from for_retrieval.files import write_text
from for_retrieval.project import Project
from for_retrieval.tracking.place import Place, check, place

if TYPE_CHECKING:
    from mlflow import MlflowClient

# MLflow reads these when it is imported or called; what the user has set stays.
ENVIRONMENT = {
    "MLFLOW_DISABLE_TELEMETRY": "true",
    "DO_NOT_TRACK": "1",
    "GIT_PYTHON_REFRESH": "quiet",
    "MLFLOW_ENABLE_ARTIFACTS_PROGRESS_BAR": "false",
    "MLFLOW_SUPPRESS_PRINTING_URL_TO_STDOUT": "true",
    "MLFLOW_DISABLE_AGENT_HINT": "true",
    "MLFLOW_RECORD_ENV_VARS_IN_MODEL_LOGGING": "false",
    "MLFLOW_UV_AUTO_DETECT": "false",
    "MLFLOW_HTTP_REQUEST_MAX_RETRIES": "3",  # 7 by default: minutes for a server that has gone
    "MLFLOW_HTTP_REQUEST_TIMEOUT": "30",
}


@dataclass(frozen=True)
class Connection:
    """client: MLflow's own. experiment: the id of this dataset's. folder: for locks, on this machine."""

    client: MlflowClient
    experiment: str
    folder: Path
    uri: str


@contextmanager
def connected(project: Project, dataset: str) -> Iterator[Connection]:
    """A client, and the experiment named after `dataset`; MLflow's exceptions become sentences.

    Raises:
        ForError: the server does not answer, or refuses something.
    """
    check(project)
    for name, value in ENVIRONMENT.items():
        os.environ.setdefault(name, value)
    import mlflow
    from mlflow.exceptions import MlflowException

    for name in ("mlflow", "alembic"):
        logging.getLogger(name).setLevel(logging.WARNING)
    where, folder = place(project), project.root / "var" / "mlflow"
    try:
        _upgrade(where)
        client = mlflow.MlflowClient(where.uri)
        with only_one(folder):
            experiment = _experiment(client, dataset, where)
        yield Connection(client, experiment, folder, where.uri)
    except MlflowException as error:
        reason = " ".join(str(error).split())[:300]
        raise ForError(f"MLflow at {where.shown} failed: {reason}") from error


@contextmanager
def default(connection: Connection) -> Iterator[None]:
    """Make a connection the one that MLflow uses by itself, as long as this lasts.

    MLflow also writes it into the environment, where the next project in this process would take it for a setting.
    """
    import mlflow

    variable = "MLFLOW_TRACKING_URI"
    before = os.environ.get(variable)
    mlflow.set_tracking_uri(connection.uri)
    try:
        yield
    finally:
        mlflow.set_tracking_uri(None)  # type: ignore[arg-type]
        if before is not None:
            os.environ[variable] = before


@contextmanager
def only_one(folder: Path, name: str = "write") -> Iterator[None]:
    """Keep others on this machine from doing `name` at the same time; the kernel lets go when we die."""
    folder.mkdir(parents=True, exist_ok=True)
    descriptor = os.open(folder / f".{name}.lock", os.O_RDWR | os.O_CREAT, 0o644)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX)
        yield
    finally:
        os.close(descriptor)


def _upgrade(where: Place) -> None:
    """Make or upgrade an SQLite database, once for each version of MLflow; a server's is not ours to change.

    Two processes that open a fresh one at once would both create its tables, and one would fail.
    """
    if where.database is None:
        return
    marker = where.database.with_name(f".{where.database.name}.version")
    with only_one(where.database.parent):
        if where.database.exists() and marker.exists() and marker.read_text(encoding="utf-8") == version("mlflow"):
            return
        from mlflow.db import upgrade

        upgrade.callback(where.uri)  # type: ignore[misc]  # a click command, whose callback may be None in theory
        write_text(marker, version("mlflow"))


def _experiment(client: MlflowClient, name: str, where: Place) -> str:
    found = client.get_experiment_by_name(name)
    if found is None:
        return str(client.create_experiment(name, artifact_location=where.artifacts))
    if found.lifecycle_stage != "active":
        client.restore_experiment(found.experiment_id)
    return str(found.experiment_id)
