"""Where things run; no setting changes a result. Environment variables first, then settings.toml, then defaults.

pydantic-settings is not used: every `for-cli query` reads the settings, and importing it takes 0.10 to 0.15 s, half as
much again as all other imports of a query (0.22 s; median of 7 runs on 2 cores, pydantic 2.14, pydantic-settings 2.16).
"""

from __future__ import annotations

import os
import tomllib
from dataclasses import Field, dataclass, field, fields
from pathlib import Path
from typing import Any

from for_retrieval.errors import UsageError, nearest

# Variables that other programs use for the same setting; all others are FOR_<NAME>.
VARIABLES = {"tracking_uri": "MLFLOW_TRACKING_URI", "qdrant_url": "QDRANT_URL", "qdrant_api_key": "QDRANT_API_KEY"}
LEAST = {"workers": 0, "keep_generations": 2, "qdrant_timeout": 1, "qdrant_retries": 0}  # all other numbers: 1
CHOICES = {"qdrant_quantization": ("none", "int8"), "compile": ("none", "inductor", "aot_eager")}
TYPES = {"str": "text in quotes", "int": "a whole number", "bool": "true or false"}


def cores() -> int:
    """Processor cores that this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


@dataclass(frozen=True)
class Settings:
    """Each field is read from its environment variable, else from ``settings.toml`` in the project folder."""

    device: str = "auto"  # CUDA if there is one; or cpu, cuda, cuda:1
    devices: int = 1  # number of GPUs (on a CPU: processes) that encode and train in parallel
    compile: str = "none"  # torch.compile's backend for towers and heads
    workers: int = 0  # processes that read and decode images; 0 means one per core
    cache: str = "data/cache"  # features by content hash; safe to delete, costly to rebuild
    tracking_uri: str = ""  # MLflow's server or database; empty means SQLite in var/mlflow
    keep_generations: int = 3  # of the index, the live one included
    query_log: bool = True  # whether queries are logged to var/queries.jsonl, which the monitor reads
    engine: str = ""  # of new generations, a name in release/engines; empty: the server if there is one, else embedded
    qdrant_url: str = ""  # a Qdrant server
    qdrant_api_key: str = field(default="", repr=False)
    qdrant_timeout: int = 10  # seconds per request
    qdrant_retries: int = 3
    qdrant_shards: int = 1
    qdrant_replicas: int = 1
    qdrant_quantization: str = "none"
    qdrant_on_disk: bool = False

    @property
    def processes(self) -> int:
        """How many worker processes to start."""
        return self.workers or cores()


def variable(name: str) -> str:
    """The environment variable of a setting."""
    return VARIABLES.get(name, f"FOR_{name.upper()}")


def load_settings(root: Path) -> Settings:
    """The settings of a project; UsageError if settings.toml cannot be read, or a key or value in it is wrong."""
    path = root / "settings.toml"
    known = {entry.name: entry for entry in fields(Settings)}
    try:
        values = tomllib.loads(path.read_text(encoding="utf-8")) if path.exists() else {}
    except OSError as error:
        raise UsageError(f"{path} cannot be read ({error.strerror})") from None
    except ValueError as error:  # not TOML, or not UTF-8
        raise UsageError(f"{path} is not valid TOML: {error}") from None
    for name, value in values.items():
        if name not in known:
            raise UsageError(f"{path}: unknown key {name!r}; {nearest(name, known)}")
        _check(known[name], value, str(path))
    for name, entry in known.items():
        if text := os.environ.get(variable(name)):
            values[name] = _parsed(str(entry.type), text)
            _check(entry, values[name], variable(name))
    return Settings(**values)


def _parsed(kind: str, text: str) -> Any:
    """The value of an environment variable; the text itself where it is not of that type."""
    if kind == "bool":
        return {"true": True, "1": True, "false": False, "0": False}.get(text.lower(), text)
    try:
        return int(text) if kind == "int" else text
    except ValueError:
        return text


def _check(entry: Field[Any], value: Any, place: str) -> None:
    name, kind = entry.name, str(entry.type)
    found = "the given value" if "key" in name else repr(value)  # secrets are not printed
    if type(value).__name__ != kind:
        raise UsageError(f"{place}: {name} must be {TYPES[kind]}, not {found}")
    if kind == "int" and value < (least := LEAST.get(name, 1)):
        raise UsageError(f"{place}: {name} must be {least} or more, not {value}")
    if name in CHOICES and value not in CHOICES[name]:
        raise UsageError(f"{place}: {name} must be one of {', '.join(CHOICES[name])}, not {found}")


def find_root(start: Path | None = None) -> Path:
    """The nearest folder at or above `start` that holds params.yaml. Raises UsageError: there is none."""
    here = (start or Path.cwd()).resolve()
    for folder in (here, *here.parents):
        if (folder / "params.yaml").exists():
            return folder
    raise UsageError(f"no params.yaml in {here} or above it; run for-cli inside the project, or name it with --project")
