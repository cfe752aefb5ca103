"""The scores by category, against the rows that the stage `evaluate` gives."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from for_retrieval.evaluate.measure import Method, head_scores, measure, names_of, validate
from for_retrieval.evaluate.queries import query_sets
from for_retrieval.params import load_params
from toy import store_features, toy_model, toy_records


def test_means_are_those_of_the_comparison(tmp_path: Path, write_params: Callable[..., Path]) -> None:
    params = load_params(write_params(tmp_path, {"evaluate.rare": 2, "evaluate.k": 5}))
    records, model = toy_records(), toy_model(params)
    store_features(records, model, tmp_path)
    ids, features = model.split(records, "test", tmp_path)
    models = {str(seed): model.untrained(seed) for seed in (0, 1)}
    queries = names_of(records, ids, 0.01)
    assert queries is not None
    found = validate(models, features, queries, params)
    assert (found["query_set"], found["images"], list(found["seeds"])) == ("names", 24, ["0", "1"])
    (names,) = query_sets(records, ids, 0.01, only=("names",))
    texts = model.text(names.texts)
    for seed, own in models.items():
        result = measure(head_scores(own.head, features, texts), names, params)
        rows = result.rows("toy", Method("for", 100, int(seed), "in"))
        metrics = found["seeds"][seed]["metrics"]
        assert {row["subset"] for row in rows} == set(metrics)
        for row in rows:
            assert metrics[row["subset"]]["map50"] == pytest.approx(row["map50"], abs=0.006)
            assert metrics[row["subset"]]["map50_r40"] == pytest.approx(row["map50_r40"], abs=0.006)
            assert metrics[row["subset"]]["categories"] == row["n_categories"]
        categories = found["seeds"][seed]["categories"]
        base = [c["ap50_r40"] for c in categories.values() if "base" in c["subsets"]]
        assert np.mean(base) == pytest.approx(metrics["base"]["map50_r40"], abs=1e-3)
        assert {name for name, c in categories.items() if "novel" in c["subsets"]} == {"dog"}
        assert categories["dog"]["relevant"] == 8


def test_nothing_labelled_gives_empty_scores() -> None:
    records = toy_records()
    assert names_of(records, [], 0.01) is None


def test_nothing_labelled_gives_no_scores_of_a_run(tmp_path: Path, write_params: Callable[..., Path]) -> None:
    params = load_params(write_params(tmp_path))
    model, records = toy_model(params), toy_records()
    store_features(records, model, tmp_path)
    found = validate({"0": model}, model.split(records, "test", tmp_path)[1], None, params)
    assert found["seeds"] == {"0": {"metrics": {}, "categories": {}}}
    assert found["images"] == 24
