"""kill -9 of everything at once, at named points of a retrain and of a refresh.

After each kill the next query is answered by one consistent pair, and the same command goes on from there, to be
killed at the next point; the last one ends as if nothing had ever happened.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from tests.conftest import draw_streets
from tests.faults.conftest import pair_of, restored, set_params

from for_retrieval.files import file_hash

pytestmark = pytest.mark.faults
Run = Callable[..., Any]

STAGES = (
    "for_retrieval.records.records:Records.save:before",
    "for_retrieval.records.fractions:save_fraction:before",
    "for_retrieval.records.checks.suite:run_suite:after",
    "for_retrieval.model.encode:FeatureStore.add:after",
    "for_retrieval.train.teacher:teach:after",
    "for_retrieval.train.loop:save_progress:after",
    "for_retrieval.model.model:Model.save_head:after",
    "for_retrieval.release.training_runs:log_training:before",
    "for_retrieval.evaluate.score:evaluate:after",
    "for_retrieval.evaluate.plots:plot_comparison:before",
    "for_retrieval.model.model:Model.save:after",
    "for_retrieval.release.build:publish:before",
    "for_retrieval.release.pointer:add_candidate:after",
)
RELEASE = (
    "for_retrieval.release.promote:_create:before",
    "for_retrieval.release.promote:_log:after",
    "for_retrieval.release.gate:judge:after",
    "for_retrieval.release.promote:_record:after",
    "for_retrieval.release.pointer:_write:before",
    "for_retrieval.release.pointer:_write:after",
    "for_retrieval.release.mlflow_store:Registry.alias:after",
    "for_retrieval.release.pointer:record_decision:before",
)
REFRESH = (
    "for_retrieval.records.records:Records.save:before",
    "for_retrieval.records.records:Records.save:after",
    "for_retrieval.records.checks.suite:run_suite:after",
    "for_retrieval.release.build:_write:after",
    "for_retrieval.release.verify:verify_generation:after",
    "for_retrieval.release.build:publish:after",
    "for_retrieval.release.pointer:_write:before",
    "for_retrieval.release.pointer:_write:after",
)


def answered(command: Run, root: Path) -> tuple[str, int | None, str]:
    """A query is answered, by the pair that the pointer names; returns it."""
    done = command("for-cli", "query", "car", "--json", cwd=root)
    assert done.code == 0, done.err
    found = json.loads(done.out)
    pair = (found["generation"], found["version"], found["model"])
    bundle = root / "data" / "index" / pair[0] / "bundle" / "bundle.json"
    assert json.loads(bundle.read_text(encoding="utf-8"))["model"] == pair[2]
    assert pair == pair_of(root)
    assert len(found["results"]) == 10
    return pair


def outcome(command: Run, root: Path) -> dict[str, Any]:
    """All that an undisturbed run leaves, without times."""
    listed = command("for-cli", "models", "list", "--json", cwd=root)
    assert listed.code == 0, listed.err
    versions = [(row["version"], row["model"], sorted(row["aliases"])) for row in json.loads(listed.out)]
    kept = json.loads((root / "data" / "index" / "CURRENT").read_text(encoding="utf-8"))
    files = sorted((root / "models").rglob("*.safetensors")) + sorted((root / "reports").rglob("*.json"))
    answers = json.loads(command("for-cli", "query", "red car", "--json", cwd=root).out)
    return {
        "pair": pair_of(root),
        "previous": [entry["generation"] for entry in kept["previous"]],
        "generations": sorted(path.name for path in (root / "data" / "index").glob("gen-*")),
        "leftovers": sorted(path.name for path in (root / "data" / "index").glob(".building-*")),
        "versions": versions,
        "files": {path.relative_to(root).as_posix(): file_hash(path) for path in files},
        "lock": (root / "dvc.lock").read_text(encoding="utf-8"),
        "decided": kept["decided"],
        "answers": answers["results"],
    }


def disturbed(command: Run, root: Path, flow: Callable[..., Any], points: tuple[str, ...], old: Any) -> set[Any]:
    """Kill `flow` at each point in turn, and look at what answers after each; returns the pairs that did."""
    pairs = {old}
    for point in points:
        done = flow(point=point)
        assert done.fired, f"{point} was not reached: {done.out[-2000:]}{done.err[-2000:]}"
        assert done.code != 0
        pairs.add(answered(command, root))
    done = flow()
    assert done.code == 0, done.out + done.err
    pairs.add(answered(command, root))
    return pairs


@pytest.fixture(scope="module")
def undisturbed(snapshot: Path, tiny_project: Path, flow: Run, command: Run) -> dict[str, dict[str, Any]]:
    """What one retrain, and one refresh, leave when nothing happens to them."""
    found = {}
    for name, (_, _, options) in CHANGED.items():
        root = restored(snapshot, tiny_project)
        changed(root, name)
        done = flow(name, *options, cwd=root)
        assert done.code == 0, done.out + done.err
        found[name] = outcome(command, root)
    return found


# Flow -> more images of a split, other parameters, options of the flow.
CHANGED: dict[str, tuple[dict[str, int], dict[str, Any], tuple[str, ...]]] = {
    "retrain": ({"train": 64}, {"train.steps": 14}, ("--force",)),
    "refresh_index": ({"test": 44}, {}, ()),
}


def changed(root: Path, name: str) -> None:
    """Give the flow of that name something to do."""
    counts, changes, _ = CHANGED[name]
    draw_streets(root, **counts)
    set_params(root, changes)


@pytest.mark.parametrize(("name", "points"), [("retrain", STAGES + RELEASE), ("refresh_index", REFRESH)])
def test_killed_everywhere(
    name: str,
    points: tuple[str, ...],
    snapshot: Path,
    tiny_project: Path,
    command: Run,
    flow: Run,
    undisturbed: dict[str, Any],
) -> None:
    options = CHANGED[name][2]
    root, old = restored(snapshot, tiny_project), pair_of(snapshot)
    changed(root, name)
    pairs = disturbed(command, root, lambda **how: flow(name, *options, cwd=root, **how), points, old)
    assert outcome(command, root) == undisturbed[name]
    assert pairs == {old, undisturbed[name]["pair"]}, "a pair answered that neither run knows"
