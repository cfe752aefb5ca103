"""Where MLflow keeps its runs, and whether it can be reached; asked before anything expensive, without MLflow."""

from __future__ import annotations

import os
import socket
import urllib.error
import urllib.request
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import SplitResult, urlsplit

from for_retrieval.errors import ForError, UsageError
from for_retrieval.project import Project

PATIENCE = 4.0  # seconds for a server's first answer
_PORTS = {"postgresql": 5432, "mysql": 3306, "mssql": 1433}
_SETTING = "MLFLOW_TRACKING_URI (or tracking_uri in settings.toml)"
_REMEDY = f"start it, or unset {_SETTING} to keep runs in var/mlflow"


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
    """The server or database that settings name; by default SQLite in ``var/mlflow``.

    Raises:
        UsageError: settings name something that MLflow no longer writes to.
    """
    uri = project.settings.tracking_uri
    if not uri:
        database = project.root.resolve() / "var" / "mlflow" / "mlflow.db"
        return Place(f"sqlite:///{database}", database, str(database))
    if uri.startswith("sqlite:///"):
        database = Path(uri.removeprefix("sqlite:///")).resolve()
        return Place(f"sqlite:///{database}", database, str(database))
    parts = urlsplit(uri)
    if parts.scheme in ("", "file"):
        raise UsageError(f"{_SETTING} is {uri!r}, but MLflow no longer keeps runs in plain folders; use sqlite:///...")
    return Place(uri, None, _without_password(uri, parts))


def _without_password(uri: str, parts: SplitResult) -> str:
    return uri.replace(f":{parts.password}@", ":***@") if parts.password else uri


def check(project: Project) -> None:
    """Make sure that runs can be written, in a few seconds at most.

    Raises:
        UsageError: settings name something that MLflow cannot use.
        ForError: the server does not answer, or the folder of the database cannot be written.
    """
    where = place(project)
    if where.database:
        _check_folder(where.database)
        return
    parts = urlsplit(where.uri)
    if parts.scheme in ("http", "https"):
        _check_http(where)
    elif (kind := parts.scheme.partition("+")[0]) in _PORTS:
        _check_port(where, parts, _PORTS[kind])


def _check_folder(database: Path) -> None:
    folder = database.parent
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise ForError(f"MLflow's folder {folder} cannot be made ({error.strerror}); see {_SETTING}") from None
    if not os.access(folder, os.W_OK) or (database.exists() and not os.access(database, os.W_OK)):
        raise ForError(f"MLflow's database {database} cannot be written; see {_SETTING}")


def _check_http(where: Place) -> None:
    try:
        with urllib.request.urlopen(f"{where.uri.rstrip('/')}/health", timeout=PATIENCE):
            return
    except urllib.error.HTTPError as error:  # it answers; whether it lets us in, MLflow finds out
        if error.code < 500:
            return
        reason = f"status {error.code}"
    except (OSError, ValueError) as error:
        reason = str(getattr(error, "reason", error)) or type(error).__name__
    raise ForError(f"MLflow does not answer at {where.shown} ({reason}); {_REMEDY}")


def _check_port(where: Place, parts: SplitResult, port: int) -> None:
    try:
        with socket.create_connection((parts.hostname or "localhost", parts.port or port), PATIENCE):
            return
    except OSError as error:
        raise ForError(f"MLflow's database does not answer at {where.shown} ({error}); {_REMEDY}") from None
