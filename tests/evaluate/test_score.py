"""Rows of the comparison: keys, subsets, methods and heads."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import torch

from for_retrieval.errors import ForError
from for_retrieval.evaluate.measure import Method, measure
from for_retrieval.evaluate.queries import QuerySet
from for_retrieval.evaluate.score import BASELINES, Evaluation, evaluate
from for_retrieval.model.model import Model, head_path
from for_retrieval.params import Params
from for_retrieval.project import Project
from for_retrieval.records.records import Records
from toy import store_features, toy_model, toy_records

WriteParams = Callable[..., Path]
KEYS = [
    "benchmark",
    "query_set",
    "method",
    "label_fraction",
    "seed",
    "subset",
    "vocabulary",
    "n_categories",
    "map50",
    "map50_r40",
]


@pytest.fixture
def project(write_params: WriteParams, tmp_path: Path) -> Project:
    runs = {
        "in-10": {"fraction": 10, "vocabulary": "in", "seeds": [0, 1]},
        "held-out-10": {"fraction": 10, "vocabulary": "held_out", "seeds": [0]},
    }
    changes = {
        "seed": 0,
        "fractions.percent": [10],
        "train.runs": runs,
        "index.run": "in-10",
        "head.proposals": 4,
        "head.width": 16,
        "head.box_net": {"width": 16, "blocks": 1},
        "evaluate": {"k": 50, "rare": 40, "draws": 5, "small": 0.01},
    }
    write_params(tmp_path, changes)
    return Project(tmp_path)


@pytest.fixture
def params(project: Project) -> Params:
    return project.params


@pytest.fixture
def model(project: Project) -> Model:
    """With untrained heads of both runs in the project."""
    model = toy_model(project.params)
    for run, settings in project.params.train.runs.items():
        for seed in settings.seeds:
            model.untrained(seed).save_head(head_path(project.heads, run, seed))
    return model


def test_a_row_has_exactly_the_keys_of_the_report(params: Params) -> None:
    relevant = np.array([[True, False], [False, True], [False, True]])
    subsets = {
        "base": np.array([0]),
        "novel": np.array([1]),
        "all": np.array([0, 1]),
        "small": np.array([], int),
    }
    table = torch.tensor([[0.9, 0.9], [0.1, 0.5], [0.2, 0.4]])
    found = measure(table, QuerySet("names", ["car", "dog"], relevant, subsets), params)
    rows = found.rows("toy", Method("for", 10, 3, "in"))
    assert [list(row) for row in rows] == [KEYS] * 3
    assert [(row["subset"], row["n_categories"]) for row in rows] == [("base", 1), ("novel", 1), ("all", 2)]
    novel = round(100 * (1 / 2 + 2 / 3) / 2, 2)
    assert [row["map50"] for row in rows] == [100.0, novel, pytest.approx((100 + novel) / 2, abs=0.01)]
    assert [row["map50_r40"] for row in rows] == [row["map50"] for row in rows]
    one = {key: rows[0][key] for key in [*KEYS[:5], "vocabulary"]}
    assert list(one.values()) == ["toy", "names", "for", 10, 3, "in"]
    car, dog = found.categories(Method("for", 10, 3, "in"))
    assert (car["category"], car["subset"], car["relevant"], car["ap50_r40"]) == ("car", "base", 1, 100.0)
    assert (dog["category"], dog["subset"], dog["relevant"], dog["ap50_r40"]) == ("dog", "novel", 2, novel)
    assert [car[key] for key in ("method", "label_fraction", "seed", "vocabulary")] == ["for", 10, 3, "in"]


def test_every_method_and_every_head_is_measured(project: Project, model: Model) -> None:
    records = toy_records()
    store_features(records, model, project.cache)
    evaluation = evaluate(project, records, model, "test")
    everything, rows, boxes = evaluation.rows, [r for r in evaluation.rows if r["gallery"] == "test"], evaluation.boxes
    assert {(r["method"], r["seed"], r["seen"]) for r in everything if r["gallery"] == "all"} == {
        (method, 0, seen) for method in ("ensemble", "for") for seen in (True, False)
    }
    assert {(r["method"], r["subset"]) for r in evaluation.training} == {
        (method, subset) for method in ("ensemble", "for") for subset in ("base", "novel", "all")
    }
    assert {(row["run"], row["seed"]) for row in boxes} == {("in-10", 0), ("in-10", 1), ("held-out-10", 0)}
    assert [list(row) for row in everything] == [[*KEYS, "gallery", "seen"]] * len(everything)
    found = {(row["method"], row["label_fraction"], row["seed"], row["vocabulary"]) for row in rows}
    trained = {("for", 10, 0, "in"), ("for", 10, 1, "in"), ("for", 10, 0, "held_out")}
    assert found == {(method, 0, 0, "none") for method in BASELINES} | trained
    assert {row["query_set"] for row in rows} == {"names", "attributes", "synonyms"}
    assert {row["subset"] for row in rows} == {"base", "novel", "all"}
    assert {row["benchmark"] for row in rows} == {"toy"}
    assert all(0 <= row["map50"] <= 100 and 0 <= row["map50_r40"] <= 100 for row in rows)
    # The toy's features hold what is asked for, and each set is measured by its own columns.
    best = [row["map50"] for row in rows if row["method"] == "dense-clip" and row["query_set"] != "synonyms"]
    assert min(best) > 90
    for row in (row for row in rows if row["query_set"] == "names" and row["subset"] in ("base", "novel")):
        same = ("method", "label_fraction", "seed", "vocabulary", "subset")
        own = [c["ap50_r40"] for c in evaluation.categories if all(c[key] == row[key] for key in same)]
        assert len(own) == row["n_categories"]
        assert np.mean(own) == pytest.approx(row["map50_r40"], abs=0.01), "a mean is that of its categories"
    assert evaluation == evaluate(project, records, model, "test")


def test_a_missing_head_names_its_stage(project: Project, model: Model) -> None:
    records = toy_records()
    store_features(records, model, project.cache)
    head_path(project.heads, "in-10", 1).unlink()
    with pytest.raises(ForError, match=r"in-10/seed1\.safetensors does not exist; run `dvc repro train`"):
        evaluate(project, records, model, "test")


@pytest.mark.parametrize("images", [0, 6])
def test_without_objects_there_are_no_rows(project: Project, model: Model, images: int) -> None:
    toy = toy_records(6, images)
    records = Records(toy.images, toy.objects.iloc[:0], toy.info)
    store_features(records, model, project.cache)
    assert evaluate(project, records, model, "test") == Evaluation([], [], [])
