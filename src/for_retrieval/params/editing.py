"""Changes to params.yaml: single values, and the profiles in params/."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from functools import reduce
from operator import getitem
from pathlib import Path
from typing import Any, NamedTuple

from ruamel.yaml import YAML
from ruamel.yaml.comments import CommentedMap, CommentedSeq
from ruamel.yaml.representer import RoundTripRepresenter

from for_retrieval.errors import UsageError, nearest
from for_retrieval.files import atomic
from for_retrieval.params import check_params, load_params, read_sections

Changes = Mapping[tuple[str, ...], Any]  # the path of keys -> the value


def edit_params(path: Path, changes: Changes) -> None:
    """Set values in a params.yaml and keep all else; UsageError, without a change, if the result is not valid."""
    yaml = yaml_with_comments()
    content = yaml.load(path.read_text(encoding="utf-8"))
    for (*sections, key), value in changes.items():
        section = reduce(getitem, sections, content)
        if isinstance(value, list) and isinstance(section.get(key), list):
            section[key][:] = value  # in place: ruamel keeps the comment with the list
        else:
            makers: dict[type, Any] = {list: CommentedSeq, dict: CommentedMap}
            section[key] = makers[type(value)](value) if type(value) in makers else value
        if isinstance(value, (list, dict)):
            section[key].fa.set_flow_style()
    with atomic(path) as temporary:
        yaml.dump(content, temporary)
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


class _NullAsWord(RoundTripRepresenter):
    """Writes None as ``null``, where ruamel writes an empty value."""


_NullAsWord.add_representer(type(None), lambda dumper, _: dumper.represent_scalar("tag:yaml.org,2002:null", "null"))


class Change(NamedTuple):
    """One value that a profile changes, by its path of keys."""

    keys: tuple[str, ...]
    before: Any
    after: Any


def profiles(root: Path) -> dict[str, str]:
    """Name -> description, which is the first line of the file in params/."""
    paths = sorted((root / "params").glob("*.yaml"))
    return {path.stem: path.read_text(encoding="utf-8").partition("\n")[0].removeprefix("# ") for path in paths}


def _with_profile(root: Path, name: str | None) -> tuple[dict[str, Any], dict[str, Any]]:
    """The values of params.yaml, and those of params/<name>.yaml; both are checked."""
    load_params(root / "params.yaml")
    values, folder = read_sections(root / "params.yaml"), root / "params"
    if name is None:
        return values, {}
    if name not in (known := profiles(root)):
        remedy = nearest(name, known) if known else f"{folder} holds none"
        raise UsageError(f"there is no profile {name!r} ({folder / name}.yaml); {remedy}")
    profile = read_sections(folder / f"{name}.yaml")
    check_params(merged(values, profile))
    return values, profile


def merged(values: dict[str, Any], changes: dict[str, Any]) -> dict[str, Any]:
    """`values` updated with `changes`, section by section; a list is replaced as a whole."""
    result = dict(values)
    for key, value in changes.items():
        old = result.get(key)
        result[key] = merged(old, value) if isinstance(old, dict) and isinstance(value, dict) else value
    return result


def overridden(root: Path, profile: str | None, fraction: float | None) -> dict[str, Any]:
    """The values of params.yaml with those of a profile laid over them, and with the run of a fraction as `index.run`.

    UsageError if there is no such profile, no run uses `fraction` percent of the labels, or the result is not valid.
    """
    values = merged(*_with_profile(root, profile))
    params = check_params(values)
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
    """Write a profile into params.yaml, and return what changed; UsageError if it is not there, or not valid."""
    changes = list(_changes(*_with_profile(root, name), ()))
    if changes:
        edit_params(root / "params.yaml", {change.keys: change.after for change in changes})
    return changes


def _changes(before: dict[str, Any], after: dict[str, Any], above: tuple[str, ...]) -> Iterator[Change]:
    for key, value in after.items():
        keys, old = (*above, str(key)), before.get(key)
        if isinstance(old, dict) and isinstance(value, dict):
            yield from _changes(old, value, keys)
        elif key not in before or old != value:
            yield Change(keys, old, value)
