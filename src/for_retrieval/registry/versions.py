"""Versions of the model in MLflow: registered once for each dvc.lock, found by number or alias."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from for_retrieval.errors import ForError
from for_retrieval.project import Project
from for_retrieval.tracking.connection import Connection, connected

if TYPE_CHECKING:
    from mlflow.entities.model_registry import ModelVersion

CHAMPION = "champion"
CHALLENGER = "challenger"


@dataclass(frozen=True)
class Version:
    """One version. model: id of its bundle. lock: of the dvc.lock that made it. run: MLflow's, with all records.

    tags: what register and promote wrote.
    """

    number: int
    aliases: list[str]
    model: str
    dataset: str
    digest: str
    lock: str
    created: str
    run: str
    tags: dict[str, str]


class Registry:
    """The versions of one dataset's model."""

    def __init__(self, mlflow: Connection, name: str) -> None:
        self.mlflow, self.name = mlflow, name

    def versions(self) -> list[Version]:
        """All of them, newest first; empty where nothing is registered."""
        found = self.mlflow.client.search_model_versions(f"name = '{self.name}'", max_results=10_000)
        aliases = self._aliases() if found else {}
        return sorted((_version(entry, aliases) for entry in found), key=lambda v: -v.number)

    def _aliases(self) -> dict[str, int]:
        # Those that a search returns with each version are empty on some stores.
        entry = self.mlflow.client.get_registered_model(self.name)
        return {alias: int(number) for alias, number in entry.aliases.items()}

    def find(self, which: str) -> Version:
        """The version with this number or alias.

        Raises:
            ForError: there is none; names those that there are.
        """
        versions = self.versions()
        if not versions:
            raise ForError(f"no version of {self.name} is registered; run `for-cli models register`")
        for version in versions:
            if which.removeprefix("v") == str(version.number) or which in version.aliases:
                return version
        known = [alias for version in versions for alias in version.aliases]
        known += [str(version.number) for version in reversed(versions)]
        raise ForError(f"{self.name} has no version {which!r}; there are: {', '.join(known)}")

    def with_lock(self, lock: str) -> Version | None:
        """The version that was registered for a dvc.lock."""
        return next((version for version in self.versions() if version.lock == lock), None)

    def alias(self, name: str, number: int) -> None:
        """Point an alias at a version."""
        self.mlflow.client.set_registered_model_alias(self.name, name, str(number))

    def drop_alias(self, name: str) -> None:
        """Remove an alias, if it is there."""
        self.mlflow.client.delete_registered_model_alias(self.name, name)

    def tag(self, number: int, tags: dict[str, str]) -> None:
        """Write tags onto a version; MLflow keeps 5,000 characters of each."""
        for key, value in tags.items():
            self.mlflow.client.set_model_version_tag(self.name, str(number), key, value[:5000])

    def records(self, version: Version) -> dict[str, dict[str, Any]]:
        """``{params, metrics}`` of the version's run."""
        data = self.mlflow.client.get_run(version.run).data
        return {"params": dict(data.params), "metrics": dict(data.metrics)}


def _version(entry: ModelVersion, aliases: dict[str, int]) -> Version:
    tags = dict(entry.tags)
    number = int(entry.version)
    return Version(
        number=number,
        aliases=sorted(alias for alias, target in aliases.items() if target == number),
        model=tags.get("model", ""),
        dataset=tags.get("dataset", ""),
        digest=tags.get("dataset_digest", ""),
        lock=tags.get("dvc_lock", ""),
        created=datetime.fromtimestamp(entry.creation_timestamp / 1000, UTC).isoformat(timespec="seconds"),
        run=entry.run_id or "",
        tags=tags,
    )


@contextmanager
def opened(project: Project, name: str | None = None) -> Iterator[Registry]:
    """The registry of the project's dataset, or of the one called `name`.

    Raises:
        ForError: MLflow cannot be reached or refuses something.
    """
    name = name or project.params.data.name
    with connected(project, name) as mlflow:
        yield Registry(mlflow, name)
