"""Boxes of results against annotated ones, worked out by hand."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import torch
from torch import nn

from for_retrieval.evaluate.localisation import Truth, located
from for_retrieval.evaluate.queries import QuerySet
from for_retrieval.model.features import Features
from for_retrieval.model.model import Model
from for_retrieval.model.sum_clip import Summary
from for_retrieval.params import load_params
from for_retrieval.records.records import Records
from toy import toy_model, toy_records

TEXTS = torch.eye(2)


class Fixed(nn.Module):
    """Two regions: one is like text 0 and has the left top quarter, the other like text 1 with the right half."""

    def forward(self, features: Features) -> Summary:
        n = len(features.pooled)
        boxes = torch.tensor([[0.25, 0.25, 0.5, 0.5], [0.75, 0.5, 0.5, 1.0]]).expand(n, 2, 4)
        return Summary(torch.eye(2).expand(n, 2, 2), boxes, torch.zeros(n, 2))


def features(n: int) -> Features:
    return Features(torch.zeros(n, 4, 1), torch.zeros(n, 4, 2), torch.zeros(n, 2), torch.zeros(n, 0, 1))


@pytest.fixture
def model(write_params: Callable[..., Path], tmp_path: Path) -> Model:
    return replace(toy_model(load_params(write_params(tmp_path))), head=Fixed())  # type: ignore[type-var]


def truth(*objects: tuple[str, str, float, float, float, float]) -> Truth:
    """Of the images a, b and c: image, category, and corners as shares of the sides."""
    images = toy_records(3, 0).images.assign(image_id=["a", "b", "c"], width=200, height=100)
    rows = [(i, n, x * 200, y * 100, (right - x) * 200, (down - y) * 100) for i, n, x, y, right, down in objects]
    table = pd.DataFrame(rows, columns=["image_id", "category", "x", "y", "w", "h"])
    table[["attributes", "crowd"]] = "{}", False
    return Truth(Records(images, table, toy_records().info), ["a", "b", "c"])


Asked = tuple[QuerySet, torch.Tensor, torch.Tensor]


def asked(scores: list[list[float]], relevant: list[list[bool]], **subsets: int) -> Asked:
    count = len(scores[0])
    members = {name: np.array([column]) for name, column in subsets.items()}
    queries = QuerySet("names", ["car", "dog"][:count], np.array(relevant), members)
    return queries, TEXTS[:count], torch.tensor(scores)


def found(model: Model, question: Asked, there: Truth, k: int) -> dict[str, tuple[float, ...]]:
    rows = located(model, features(3), there, *question, k)
    return {row.pop("subset"): tuple(row.values()) for row in rows}


def test_by_hand(model: Model) -> None:
    """The car of image a fills its box, that of b is elsewhere; the dog of a fills 3/5 of the right half, or 2/5."""
    question = asked(
        [[0.9, 0.9], [0.8, 0.1], [0.1, 0.2]], [[True, True], [True, False], [False, False]], base=0, novel=1
    )
    cars = (("a", "car", 0, 0, 0.5, 0.5), ("b", "car", 0.5, 0.5, 1, 1))
    right = found(model, question, truth(*cars, ("a", "dog", 0.5, 0, 1, 0.6)), 50)
    assert right == {"base": (2, 50.0, 50.0, 50.0, 100.0), "novel": (1, 100.0, 100.0, 100.0, 100.0)}
    narrow = found(model, question, truth(*cars, ("a", "dog", 0.5, 0, 1, 0.4)), 50)
    assert narrow["novel"] == (1, 0.0, 100.0, 0.0, 0.0)


def test_only_the_first_results_count(model: Model) -> None:
    there = truth(("a", "car", 0.5, 0.5, 1, 1), ("b", "car", 0, 0, 0.5, 0.5))
    question = asked([[0.2], [0.7], [0.0]], [[True], [True], [False]], all=0)
    assert found(model, question, there, 1) == {"all": (1, 100.0, 100.0, 100.0, 100.0)}
    assert found(model, question, there, 2) == {"all": (2, 50.0, 50.0, 50.0, 100.0)}


def test_without_a_true_result_there_is_nothing_to_tell(model: Model) -> None:
    question = asked([[0.7], [0.2], [0.1]], [[False], [True], [False]], all=0)
    assert found(model, question, truth(("b", "car", 0, 0, 1, 1)), 1) == {}


def test_boxes_are_shares_of_the_sides() -> None:
    records = toy_records()
    image = records.images.iloc[0]
    one = pd.DataFrame([{**records.objects.iloc[0], "image_id": image["image_id"], "x": 0, "y": 0}])
    one[["w", "h"]] = [image["width"] / 2, image["height"] / 4]
    there = Truth(Records(records.images, one, records.info), [image["image_id"]])
    assert there.boxes(0, str(one["category"][0])).tolist() == [pytest.approx([0, 0, 0.5, 0.25])]
