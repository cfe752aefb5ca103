"""MLflow: where its store is, the one way to it, and the versions of the model in it."""

from __future__ import annotations

import logging
import os
import socket
import urllib.error
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from importlib.metadata import version as installed
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from for_retrieval.errors import ForError, TransientError, UsageError
from for_retrieval.files import write_text
from for_retrieval.project import Project

if TYPE_CHECKING:
    from filelock import BaseFileLock
    from mlflow import MlflowClient

PATIENCE = 4.0  # seconds for a server's first answer
_PORTS = {"postgresql": 5432, "mysql": 3306, "mssql": 1433}
_SETTING = "MLFLOW_TRACKING_URI (or tracking_uri in settings.toml)"


@dataclass(frozen=True)
class Place:
    """uri: as MLflow takes it. database: the SQLite file, if it is one. shown: `uri` without a password."""

    uri: str
    database: Path | None
    shown: str

    @property
    def artifacts(self) -> str | None:
        """Where artifacts lie beside an SQLite file; a server knows by itself."""
        return (self.database.parent / "artifacts").as_uri() if self.database else None


def place(project: Project) -> Place:
    """The server or database that settings name (UsageError: a plain folder); by default SQLite in ``var/mlflow``."""
    uri = project.settings.tracking_uri or f"sqlite:///{project.root.resolve() / 'var' / 'mlflow' / 'mlflow.db'}"
    if uri.startswith("sqlite:///"):
        database = Path(uri.removeprefix("sqlite:///")).resolve()
        return Place(f"sqlite:///{database}", database, str(database))
    parts = urlsplit(uri)
    if parts.scheme in ("", "file"):
        raise UsageError(f"{_SETTING} is {uri!r}, but MLflow no longer keeps runs in plain folders; use sqlite:///...")
    return Place(uri, None, uri.replace(f":{parts.password}@", ":***@") if parts.password else uri)


def check(project: Project) -> None:
    """Make sure that runs can be written, in a few seconds at most.

    Raises UsageError: settings name something that MLflow cannot use. TransientError: the server does not answer.
    ForError: the folder of the database cannot be written.
    """
    where = place(project)
    if where.database:
        folder = where.database.parent
        try:
            folder.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise ForError(f"MLflow's folder {folder} cannot be made ({error.strerror}); see {_SETTING}") from None
        if not all(os.access(path, os.W_OK) for path in (folder, where.database) if path.exists()):
            raise ForError(f"MLflow's database {where.database} cannot be written; see {_SETTING}")
        return
    parts = urlsplit(where.uri)
    kind = parts.scheme.partition("+")[0]
    try:
        if kind in _PORTS:
            socket.create_connection((parts.hostname or "localhost", parts.port or _PORTS[kind]), PATIENCE).close()
        elif kind in ("http", "https"):
            urllib.request.urlopen(f"{where.uri.rstrip('/')}/health", timeout=PATIENCE).close()
        return
    except urllib.error.HTTPError as error:  # it answers; whether it grants access, MLflow finds out
        if error.code < 500:
            return
        reason = f"status {error.code}"
    except (OSError, ValueError) as error:
        reason = str(getattr(error, "reason", error)) or type(error).__name__
    who = "MLflow's database" if kind in _PORTS else "MLflow"
    remedy = f"start it, or unset {_SETTING} to keep runs in var/mlflow"
    raise TransientError(f"{who} does not answer at {where.shown} ({reason}); {remedy}")


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
CHAMPION, CHALLENGER = "champion", "challenger"


@dataclass(frozen=True)
class Version:
    """One version. model: the id in its bundle, which it belongs to. dataset, digest: what it was trained on.

    run: MLflow's, with all records. tags: as register and promote wrote them.
    """

    number: int
    aliases: list[str]
    model: str
    dataset: str
    digest: str
    created: str
    run: str
    tags: dict[str, str]


@dataclass(frozen=True)
class Registry:
    """The runs and the model's versions of one dataset, called `name`.

    client: MLflow's own. experiment: the id of the dataset's. folder: for `one_process`.
    """

    client: MlflowClient
    name: str
    experiment: str
    folder: Path
    uri: str

    def versions(self) -> list[Version]:
        """All of them, newest first; empty where nothing is registered."""
        found = self.client.search_model_versions(f"name = '{self.name}'", max_results=10_000)
        # The aliases that a search returns with each version are empty on some stores.
        aliases = self.client.get_registered_model(self.name).aliases if found else {}
        versions = []
        for entry in found:
            number, tags = int(entry.version), dict(entry.tags)
            own = sorted(alias for alias, target in aliases.items() if int(target) == number)
            model, dataset, digest = (tags.get(key, "") for key in ("model", "dataset", "dataset_digest"))
            created = datetime.fromtimestamp(entry.creation_timestamp / 1000, UTC).isoformat(timespec="seconds")
            versions.append(Version(number, own, model, dataset, digest, created, entry.run_id or "", tags))
        return sorted(versions, key=lambda version: -version.number)

    def find(self, which: str) -> Version:
        """The version with this number or alias; ForError, which names those that there are, if there is none."""
        versions = self.versions()
        if not versions:
            raise ForError(f"no version of {self.name} is registered; run `for-cli models register`")
        for version in versions:
            if which.removeprefix("v") == str(version.number) or which in version.aliases:
                return version
        known = [alias for version in versions for alias in version.aliases]
        known += [str(version.number) for version in reversed(versions)]
        raise ForError(f"{self.name} has no version {which!r}; there are: {', '.join(known)}")

    def with_model(self, model: str | None) -> Version | None:
        """The version of a model's id."""
        return next((version for version in self.versions() if version.model == model), None)

    def alias(self, name: str, number: int) -> None:
        """Point an alias at a version."""
        self.client.set_registered_model_alias(self.name, name, str(number))

    def records(self, version: Version) -> dict[str, dict[str, Any]]:
        """``{params, metrics, dataset}``: what the version's run says, and the name and digest of its set."""
        data, dataset = self.client.get_run(version.run).data, {"name": version.dataset, "digest": version.digest}
        return {"params": dict(data.params), "metrics": dict(data.metrics), "dataset": dataset}


@contextmanager
def connected(project: Project, name: str | None = None) -> Iterator[Registry]:
    """The registry of the project's dataset, or of the one called `name`; MLflow's exceptions become ForErrors."""
    check(project)
    for variable, value in ENVIRONMENT.items():
        os.environ.setdefault(variable, value)
    import mlflow
    from mlflow.exceptions import MlflowException

    for logger in ("mlflow", "alembic"):
        logging.getLogger(logger).setLevel(logging.WARNING)
    where, dataset = place(project), name or project.params.data.name
    folder = where.database.parent if where.database else project.root / "var" / "mlflow"
    try:
        with one_process(folder):
            _upgrade(where)
            client = mlflow.MlflowClient(where.uri)
            found = client.get_experiment_by_name(dataset)
            experiment = found.experiment_id if found else client.create_experiment(dataset, where.artifacts)
            if found and found.lifecycle_stage != "active":
                client.restore_experiment(experiment)
        yield Registry(client, dataset, str(experiment), folder, where.uri)
    except MlflowException as error:
        reason = " ".join(str(error).split())[:300]
        kind = TransientError if error.error_code in TRANSIENT else ForError
        raise kind(f"MLflow at {where.shown} failed: {reason}") from error


# MLflow's error codes for what another attempt may repair: a server that fails or is busy, a connection that breaks.
TRANSIENT = (
    "INTERNAL_ERROR",
    "TEMPORARILY_UNAVAILABLE",
    "SERVICE_UNDER_MAINTENANCE",
    "REQUEST_LIMIT_EXCEEDED",
    "RESOURCE_EXHAUSTED",
    "DEADLINE_EXCEEDED",
)


@contextmanager
def default(registry: Registry) -> Iterator[None]:
    """Make a connection the one that MLflow uses by itself, as long as this lasts.

    MLflow also writes it into the environment, where the next project in this process would take it for a setting.
    """
    import mlflow

    variable = "MLFLOW_TRACKING_URI"
    before = os.environ.get(variable)
    mlflow.set_tracking_uri(registry.uri)
    try:
        yield
    finally:
        mlflow.set_tracking_uri(None)  # type: ignore[arg-type]
        if before is not None:
            os.environ[variable] = before


def one_process(folder: Path) -> BaseFileLock:
    """One process at a time makes what may be missing: two would both make the tables, the experiment, the run."""
    from filelock import FileLock

    folder.mkdir(parents=True, exist_ok=True)
    return FileLock(folder / ".making.lock")


def _upgrade(where: Place) -> None:
    """Make or upgrade an SQLite database, once for each version of MLflow; a server's is not ours to change."""
    if where.database is None:
        return
    marker = where.database.with_name(f".{where.database.name}.version")
    if where.database.exists() and marker.exists() and marker.read_text(encoding="utf-8") == installed("mlflow"):
        return
    from mlflow.db import upgrade

    upgrade.callback(where.uri)  # type: ignore[misc]  # a click command, whose callback may be None in theory
    write_text(marker, installed("mlflow"))
