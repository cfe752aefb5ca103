"""Changes to params.yaml: single values, and the profiles in params/."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ruamel.yaml import YAML
from ruamel.yaml.comments import CommentedMap, CommentedSeq
from ruamel.yaml.representer import RoundTripRepresenter

from for_retrieval.errors import UsageError, nearest
from for_retrieval.files import atomic
from for_retrieval.params import Params, check_params, load_params, read_sections

Changes = Mapping[tuple[str, ...], Any]  # the path of keys -> the value


def edit_params(path: Path, changes: Changes) -> None:
    """Set values in a params.yaml; comments and all other lines are kept.

    Raises:
        UsageError: the result would not be valid; the file is left unchanged.
    """
    yaml = yaml_with_comments()
    content = yaml.load(path.read_text(encoding="utf-8"))
    for (*sections, key), value in changes.items():
        section = content
        for name in sections:
            section = section[name]
        _set(section, key, value)
    with atomic(path) as temporary:
        with temporary.open("w", encoding="utf-8") as file:
            yaml.dump(content, file)
        try:
            load_params(temporary)  # the file may have a layout that the edit breaks
        except UsageError:
            lines = ", ".join(f"{'.'.join(keys)}: {value!r}" for keys, value in changes.items())
            raise UsageError(f"{path} cannot be edited automatically; set {lines} yourself") from None


def yaml_with_comments() -> YAML:
    """Loads and dumps YAML with its comments, quotes and layout."""
    yaml = YAML()
    yaml.preserve_quotes = True
    yaml.width = 10_000  # long lines are not folded
    yaml.indent(mapping=2, sequence=4, offset=2)
    yaml.Representer = _NullAsWord
    return yaml


def _set(section: Any, key: str, value: Any) -> None:
    if isinstance(value, list) and isinstance(section.get(key), list):
        section[key][:] = value  # in place: ruamel keeps the comment with the list
    elif isinstance(value, (list, dict)):
        section[key] = CommentedSeq(value) if isinstance(value, list) else CommentedMap(value)
    else:
        section[key] = value
        return
    section[key].fa.set_flow_style()


class _NullAsWord(RoundTripRepresenter):
    """Writes None as ``null``, where ruamel writes an empty value."""


_NullAsWord.add_representer(type(None), lambda dumper, _: dumper.represent_scalar("tag:yaml.org,2002:null", "null"))


FOLDER = "params"  # beside params.yaml


@dataclass(frozen=True)
class Change:
    """One value that a profile changes, by its path of keys."""

    keys: tuple[str, ...]
    before: Any
    after: Any


def profiles(root: Path) -> dict[str, str]:
    """Name -> description, which is the first line of the file."""
    lines = {path.stem: path.read_text(encoding="utf-8").partition("\n")[0] for path in (root / FOLDER).glob("*.yaml")}
    return {name: lines[name].removeprefix("# ") for name in sorted(lines)}


def load_profile(root: Path, name: str) -> dict[str, Any]:
    """The values in params/<name>.yaml.

    Raises:
        UsageError: there is no such profile, or it cannot be read.
    """
    folder = root / FOLDER
    known = sorted(path.stem for path in folder.glob("*.yaml"))
    if name not in known:
        remedy = nearest(name, known) if known else f"{folder} holds none"
        raise UsageError(f"there is no profile {name!r} ({folder / name}.yaml); {remedy}")
    return read_sections(folder / f"{name}.yaml")


def merged(values: dict[str, Any], changes: dict[str, Any]) -> dict[str, Any]:
    """`values` updated with `changes`, section by section; a list is replaced as a whole."""
    result = dict(values)
    for key, value in changes.items():
        old = result.get(key)
        result[key] = merged(old, value) if isinstance(old, dict) and isinstance(value, dict) else value
    return result


def checked(values: dict[str, Any]) -> Params:
    """Check `values` as the content of a params.yaml.

    Raises:
        UsageError: they are not valid.
    """
    return check_params(values, "params.yaml with the requested changes")


def overridden(root: Path, profile: str | None, fraction: float | None) -> dict[str, Any]:
    """The values of params.yaml with those of a profile laid over them, and with the run of a fraction as `index.run`.

    Raises:
        UsageError: there is no such profile, no run uses `fraction` percent of the labels, or the result is not valid.
    """
    load_params(root / "params.yaml")
    values = read_sections(root / "params.yaml")
    if profile is not None:
        values = merged(values, load_profile(root, profile))
    params = checked(values)
    if fraction is None:
        return values
    runs = {name: run for name, run in params.train.runs.items() if run.fraction == fraction}
    if not runs:
        known = ", ".join(f"{value:g}" for value in sorted({run.fraction for run in params.train.runs.values()}))
        raise UsageError(f"no run of train.runs uses {fraction:g} % of the labels; there are {known}")
    # The run that serves, if it is among them, else the first with all words.
    run = params.index.run if params.index.run in runs else min(runs, key=lambda name: runs[name].vocabulary != "in")
    return merged(values, {"index": {"run": run}})


def apply_profile(root: Path, name: str) -> list[Change]:
    """Write a profile into params.yaml and return the values that changed; comments are kept.

    Raises:
        UsageError: there is no such profile, or params.yaml would not be valid with it. The file is left unchanged.
    """
    path, profile = root / "params.yaml", load_profile(root, name)
    load_params(path)
    before = read_sections(path)
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
