"""Where things run: nothing here changes a result. Environment first, then settings.toml, then defaults."""

from __future__ import annotations

import os
import tomllib
from dataclasses import dataclass, fields
from pathlib import Path

from for_retrieval.errors import UsageError, nearest


def cores() -> int:
    """Processor cores that this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


@dataclass(frozen=True)
class Settings:
    """Each field is read from ``FOR_<NAME>``, else from ``settings.toml`` in the project folder.

    device: ``auto`` (CUDA if there is one), ``cpu``, ``cuda`` or ``cuda:1``.
    workers: processes that draw, read and decode images; 0 means one per core.
    cache: features by content hash; safe to delete, costly to rebuild.
    """

    device: str = "auto"
    workers: int = 0
    cache: str = "data/cache"

    @property
    def processes(self) -> int:
        """How many worker processes to start."""
        return self.workers or cores()


def load_settings(root: Path) -> Settings:
    """Read the settings of the project at `root`.

    Raises:
        UsageError: an unknown key, or a value of the wrong type.
    """
    path = root / "settings.toml"
    known = {field.name: field.type for field in fields(Settings)}
    values: dict[str, object] = {}
    if path.exists():
        try:
            values = tomllib.loads(path.read_text(encoding="utf-8"))
        except OSError as error:
            raise UsageError(f"{path} cannot be read ({error.strerror})") from None
        except ValueError as error:  # not TOML, or not UTF-8
            raise UsageError(f"{path} is not valid TOML: {error}") from None
    for name in list(values):
        if name not in known:
            raise UsageError(f"{path}: unknown key {name!r}; {nearest(name, known)}")
        if name != "workers" and not isinstance(values[name], str):
            raise UsageError(f"{path}: {name} must be text in quotes, not {values[name]!r}")
    for name in known:
        if text := os.environ.get(f"FOR_{name.upper()}"):
            values[name] = text
    try:
        workers = int(str(values.get("workers", 0)))
    except ValueError:
        raise UsageError(f"workers must be a whole number, not {values['workers']!r} (FOR_WORKERS)") from None
    if workers < 0:
        raise UsageError(f"workers must be 0 or more, not {workers} (FOR_WORKERS)")
    return Settings(
        device=str(values.get("device", Settings.device)),
        workers=workers,
        cache=str(values.get("cache", Settings.cache)),
    )


def find_root(start: Path | None = None) -> Path:
    """The nearest folder at or above `start` that holds params.yaml.

    Raises:
        UsageError: there is none.
    """
    here = (start or Path.cwd()).resolve()
    for folder in (here, *here.parents):
        if (folder / "params.yaml").exists():
            return folder
    raise UsageError(f"no params.yaml in {here} or above it; run for-cli inside the project, or name it with --project")
