"""Boxes of results against annotated ones, worked out by hand."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
import torch
from torch import Tensor, nn

from for_retrieval.evaluate.localisation import located, object_boxes
from for_retrieval.evaluate.queries import QuerySet
from for_retrieval.model.features import Features
from for_retrieval.model.sum_clip import Summary
from for_retrieval.records.records import Records
from toy import toy_records

GRID = (2, 2)
TEXTS = torch.eye(2)


class Fixed(nn.Module):
    """Two queries: the first is like text 0 and looks at the left top cell, the second like text 1, at the right."""

    def forward(self, features: Features) -> Summary:
        n = len(features.pooled)
        attention = torch.tensor([[1.0, 0, 0, 0], [0, 1.0, 0, 1.0]]).expand(n, 2, 4)
        return Summary(torch.eye(2).expand(n, 2, 2), attention, torch.zeros(n, 2, 4))


def features(n: int) -> Features:
    return Features(torch.zeros(n, 4, 1), torch.zeros(n, 4, 2), torch.zeros(n, 2))


def boxes(**corners: list[float]) -> dict[tuple[str, str], Tensor]:
    return {(name[0], {"0": "car", "1": "dog"}[name[1]]): torch.tensor([box]) for name, box in corners.items()}


def test_by_hand() -> None:
    """The car of image a fills its cell, that of b is elsewhere; the dog of a fills 3/5 of the right half."""
    relevant = np.array([[True, True], [True, False], [False, False]])
    queries = QuerySet("names", ["car", "dog"], relevant, {"base": np.array([0]), "novel": np.array([1])})
    there = boxes(a0=[0, 0, 0.5, 0.5], b0=[0.5, 0.5, 1, 1], a1=[0.5, 0, 1, 0.6])
    scores = np.array([[0.9, 0.9], [0.8, 0.1], [0.1, 0.2]], np.float32)
    found = located(Fixed(), features(3), TEXTS, scores, queries, ["a", "b", "c"], there, GRID, 50)  # type: ignore[arg-type]
    assert found == {"base": (2, 50.0), "novel": (1, 100.0)}
    there = boxes(a0=[0, 0, 0.5, 0.5], b0=[0.5, 0.5, 1, 1], a1=[0.5, 0, 1, 0.4])
    found = located(Fixed(), features(3), TEXTS, scores, queries, ["a", "b", "c"], there, GRID, 50)  # type: ignore[arg-type]
    assert found["novel"] == (1, 0.0)


def test_only_the_first_results_count() -> None:
    relevant = np.array([[True], [True]])
    queries = QuerySet("names", ["car"], relevant, {"all": np.array([0])})
    there = boxes(a0=[0.5, 0.5, 1, 1], b0=[0, 0, 0.5, 0.5])
    scores = np.array([[0.2], [0.7]], np.float32)
    asked = (Fixed(), features(2), TEXTS[:1], scores, queries, ["a", "b"], there, GRID)
    assert located(*asked, 1) == {"all": (1, 100.0)}  # type: ignore[arg-type]
    assert located(*asked, 2) == {"all": (2, 50.0)}  # type: ignore[arg-type]


def test_without_a_true_result_there_is_nothing_to_tell() -> None:
    queries = QuerySet("names", ["car"], np.array([[False], [True]]), {"all": np.array([0])})
    scores = np.array([[0.7], [0.2]], np.float32)
    assert located(Fixed(), features(2), TEXTS[:1], scores, queries, ["a", "b"], {}, GRID, 1) == {}  # type: ignore[arg-type]


def test_boxes_are_shares_of_the_sides() -> None:
    records = toy_records()
    image = records.images.iloc[0]
    one = pd.DataFrame([{**records.objects.iloc[0], "image_id": image["image_id"], "x": 0, "y": 0}])
    one[["w", "h"]] = [image["width"] / 2, image["height"] / 4]
    (box,) = object_boxes(Records(records.images, one, records.info)).values()
    assert box.tolist() == [pytest.approx([0, 0, 0.5, 0.25])]
