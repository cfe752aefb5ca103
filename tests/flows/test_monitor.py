"""What the monitor makes of drift and of the log of queries; that it runs, test_life.py shows."""

from __future__ import annotations

import json
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from for_retrieval.params import Params, load_params
from for_retrieval.query.log import Asked, read_queries

NOW = datetime(2026, 5, 1, 12, tzinfo=UTC)


def line(query: str, best: float | None, ms: float = 10.0, age: timedelta = timedelta(hours=1)) -> str:
    return json.dumps({"time": (NOW - age).isoformat(), "query": query, "best": best, "ms": ms})


@pytest.fixture
def params(tmp_path: Path, write_params: Callable[..., Path]) -> Params:
    rules = {"min_queries": 4, "weak_score": 0.2, "weak_share": 0.3, "retrain": False}
    return load_params(write_params(tmp_path, {"monitor": rules}))


def test_the_log_is_summed_up(tmp_path: Path) -> None:
    path = tmp_path / "queries.jsonl"
    lines = [line("car", 0.5, 30), line("car", 0.6, 10), line("yeti", 0.1, 20), line("moon", None, 5)]
    odd = ["", "{", "[]", '{"query": 1}', line("old", 0.1, age=timedelta(days=8)), line("half", 0.5)[:30]]
    path.write_text("\n".join([*lines, *odd]) + "\n", encoding="utf-8")
    assert read_queries(path, 0.2, NOW) == Asked(
        count=4,
        weak=2,
        median_ms=15,
        most_asked=[("car", "2 times"), ("yeti", "once"), ("moon", "once")],
        weakest=[("moon", "0.000"), ("yeti", "0.100")],
        slowest=[("car", "30 ms"), ("yeti", "20 ms"), ("moon", "5 ms")],
    )


def test_no_log_is_no_query(tmp_path: Path) -> None:
    assert read_queries(tmp_path / "queries.jsonl", 0.2) == Asked()


@pytest.mark.parametrize(("count", "weak", "warned"), [(3, 3, False), (10, 3, False), (10, 4, True)])
def test_queries_warn_above_the_share_and_not_when_few(count: int, weak: int, warned: bool, params: Params) -> None:
    from flows.monitor import query_warnings

    assert bool(query_warnings(Asked(count=count, weak=weak), params)) == warned


def test_drift_warns_beyond_its_bound(params: Params) -> None:
    from flows.monitor import drift_warnings

    bounds = params.checks.drift
    assert drift_warnings(None, params) == []
    assert drift_warnings(bounds.model_dump(), params) == []
    (warning,) = drift_warnings({"categories": bounds.categories + 0.01, "brightness": 0.0}, params)
    assert warning.startswith("the data has drifted in categories: 0.")


def test_the_page_shows_all_and_escapes_what_users_typed(params: Params) -> None:
    from flows.monitor import page

    asked = Asked(2, 1, 12.4, [("a|b <i>", "2 times")], [("yeti", "0.100")], [])
    text = page({"box_size": 0.3}, asked, ["look"], params)
    assert "- **look**" in text
    assert f"| box size | 0.3 | {params.checks.drift.box_size:g} |" in text
    assert "| a\\|b &lt;i> | 2 times |" in text
    assert "2 queries, 1 of them weak. Median 12 ms." in text
