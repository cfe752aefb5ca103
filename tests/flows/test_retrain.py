"""What a retrain decides by itself; test_life.py runs it."""

from __future__ import annotations

from pathlib import Path

from flows.retrain import indexed

from for_retrieval.files import write_json
from for_retrieval.project import Project


def entry(model: str) -> dict[str, object]:
    return {"generation": model, "manifest": "", "model": model, "dataset": "tiny", "version": None, "since": ""}


def test_a_model_whose_index_gave_way_to_that_of_another_run_is_indexed_again(tmp_path: Path) -> None:
    """The stage `index` of a run with another fraction replaces the candidate, and DVC does not know it."""
    write_json(tmp_path / "models" / "bundle" / "bundle.json", {"model": "for-1"})
    current = tmp_path / "data" / "index" / "CURRENT"
    assert not indexed(Project(tmp_path))
    for live, previous, candidate, expected in (
        ("for-0", [], "for-1", True),
        ("for-0", [], "for-2", False),
        ("for-0", ["for-1"], "for-2", True),
        ("for-1", [], None, True),
    ):
        value = {"live": entry(live), "previous": [entry(model) for model in previous]}
        write_json(current, {**value, "candidate": entry(candidate) if candidate else None, "decided": None})
        assert indexed(Project(tmp_path)) == expected
