"""Profiles: files of params/ that hold some values of params.yaml, to be laid over it for a run."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import yaml

from for_retrieval.errors import UsageError, nearest
from for_retrieval.params import Params, load_params
from for_retrieval.params.editing import edit_params

FOLDER = "params"  # beside params.yaml


@dataclass(frozen=True)
class Change:
    """A value of params.yaml, by its path of keys, and what a profile makes of it."""

    keys: tuple[str, ...]
    before: Any
    after: Any


def profiles(root: Path) -> dict[str, str]:
    """Name -> what the first line says."""
    lines = {path.stem: path.read_text(encoding="utf-8").partition("\n")[0] for path in _folder(root).glob("*.yaml")}
    return {name: lines[name].removeprefix("# ") for name in sorted(lines)}


def load_profile(root: Path, name: str) -> dict[str, Any]:
    """The values of params/<name>.yaml.

    Raises:
        UsageError: there is no such profile, or it cannot be read.
    """
    folder = _folder(root)
    known = sorted(path.stem for path in folder.glob("*.yaml"))
    if name not in known:
        remedy = nearest(name, known) if known else f"{folder} holds none"
        raise UsageError(f"there is no profile {name!r} ({folder / name}.yaml); {remedy}")
    try:
        values = yaml.safe_load((folder / f"{name}.yaml").read_text(encoding="utf-8"))
    except (OSError, yaml.YAMLError, UnicodeDecodeError) as error:
        raise UsageError(f"{folder / name}.yaml cannot be read: {' '.join(str(error).split())}") from None
    if not isinstance(values, dict):
        raise UsageError(f"{folder / name}.yaml must hold sections of params.yaml, with the values that differ")
    return values


def merged(values: dict[str, Any], changes: dict[str, Any]) -> dict[str, Any]:
    """`values` with `changes` laid over it, section by section; a list is replaced whole."""
    result = dict(values)
    for key, value in changes.items():
        old = result.get(key)
        result[key] = merged(old, value) if isinstance(old, dict) and isinstance(value, dict) else value
    return result


def checked(values: dict[str, Any]) -> Params:
    """The values as params.yaml would give them.

    Raises:
        UsageError: they are not those of a valid params.yaml.
    """
    with TemporaryDirectory() as folder:
        path = Path(folder) / "params.yaml"
        path.write_text(yaml.safe_dump(values, sort_keys=False, allow_unicode=True), encoding="utf-8")
        try:
            return load_params(path)
        except UsageError as error:
            raise UsageError(str(error).replace(str(path), "params.yaml with what was asked for")) from None


def apply_profile(root: Path, name: str) -> list[Change]:
    """Write the profile into params.yaml, whose comments stay; returns what it changed, nothing the second time.

    Raises:
        UsageError: there is no such profile, or params.yaml would not be valid with it. It stays as it was.
    """
    path, profile = root / "params.yaml", load_profile(root, name)
    load_params(path)
    before = yaml.safe_load(path.read_text(encoding="utf-8"))
    checked(merged(before, profile))
    changes = list(_changes(before, profile, ()))
    if changes:
        edit_params(path, {change.keys: change.after for change in changes})
    return changes


def _changes(before: dict[str, Any], after: dict[str, Any], above: tuple[str, ...]) -> Iterator[Change]:
    for key, value in after.items():
        keys, old = (*above, str(key)), before.get(key)
        if isinstance(old, dict) and isinstance(value, dict):
            yield from _changes(old, value, keys)
        elif key not in before or old != value:
            yield Change(keys, old, value)


def _folder(root: Path) -> Path:
    return root / FOLDER
