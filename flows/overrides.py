"""Another profile or label fraction for one run of a flow: params.yaml is changed for it, and put back after it.

`dvc` and `for-cli` read params.yaml, so for the time of the run it says what is trained. The text of the user is
kept in var/params-before.json until it is back. A run that was killed leaves it there; the next flow puts it back.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import yaml

from for_retrieval.errors import UsageError
from for_retrieval.files import read_json, write_json, write_text
from for_retrieval.params import Params
from for_retrieval.params.editing import checked, load_profile, merged

Say = Callable[[str], object]


@contextmanager
def overridden(root: Path, profile: str | None, fraction: float | None, say: Say) -> Iterator[None]:
    """Inside, params.yaml has the values of params/<profile>.yaml, and index.run names the run of that fraction.

    Raises:
        UsageError: there is no such profile or fraction, or the result is not a valid params.yaml.
    """
    put_back(root, say)
    if profile is None and fraction is None:
        yield
        return
    path = root / "params.yaml"
    before = path.read_text(encoding="utf-8")
    after = _changed(root, before, profile, fraction)
    write_json(_memory(root), {"before": before, "after": after})
    write_text(path, after)
    say(f"params.yaml is changed for this run ({_named(profile, fraction)}) and put back after it")
    try:
        yield
    finally:
        put_back(root, say)


def put_back(root: Path, say: Say) -> None:
    """Undo what `overridden` did, after its run or after a run that was killed; a later edit is left alone."""
    memory, path = _memory(root), root / "params.yaml"
    if not memory.exists():
        return
    kept = read_json(memory, "delete it; `git diff params.yaml` shows what a killed run has left")
    now = path.read_text(encoding="utf-8") if path.exists() else ""
    if now == kept["after"]:
        write_text(path, kept["before"])
    elif now != kept["before"]:
        say("params.yaml was edited while a flow had changed it for its run; it stays as it is: look at `git diff`")
    memory.unlink()


def _memory(root: Path) -> Path:
    return root / "var" / "params-before.json"


def _named(profile: str | None, fraction: float | None) -> str:
    parts = [f"profile {profile}"] if profile is not None else []
    return ", ".join([*parts, f"fraction {fraction:g}"] if fraction is not None else parts)


def _changed(root: Path, text: str, profile: str | None, fraction: float | None) -> str:
    """params.yaml with the profile's values, then with the run of the fraction; checked as a whole."""
    values = yaml.safe_load(text)
    if profile is not None:
        values = merged(values, load_profile(root, profile))
    if fraction is not None:
        values["index"]["run"] = _run_of(checked(values), fraction)
    checked(values)
    return str(yaml.safe_dump(values, sort_keys=False, allow_unicode=True))


def _run_of(params: Params, fraction: float) -> str:
    """The run of train.runs that uses `fraction`: the serving one if it does, else the first with all words."""
    runs = {name: run for name, run in params.train.runs.items() if run.fraction == fraction}
    if not runs:
        known = ", ".join(f"{value:g}" for value in sorted({run.fraction for run in params.train.runs.values()}))
        raise UsageError(f"no run of train.runs uses {fraction:g} % of the labels; there are {known}")
    if params.index.run in runs:
        return params.index.run
    return min(runs, key=lambda name: runs[name].vocabulary != "in")
